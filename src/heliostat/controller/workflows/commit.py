"""Committing an admission: the one place where a verb's decision becomes fact.

When a guard fails, somebody changed what the verb had read; the verb decides
anew on the new facts.  This is the only retry loop around compare-and-set on
the admitting side.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from heliostat.cloudstore.contract import Change, Guard, GuardFailed
from heliostat.controller.workflows.admission import Admission, Ports
from heliostat.controller.workflows.crowds import name_of
from heliostat.core.errors import PermanentError
from heliostat.tasks.admit import changes_for

Decide = Callable[[], Awaitable[Admission]]
Extra = Callable[[Admission], tuple[Sequence[Guard], Sequence[Change]]]


def changes_of(admission: Admission) -> list[Change]:
    """Everything that the admission's commit writes."""
    task = [] if admission.task_exists else changes_for(admission.task)
    return [*admission.changes, *task]


async def perform(ports: Ports, decide: Decide, extra: Extra | None = None) -> Admission:
    """Decide and commit; the admission that was committed.

    ``extra`` adds to the same commit (an idempotency record).  Raises what the
    verb raises, and ``ConcurrentTask`` when others kept changing what it reads.
    Whoever lost queues with the others that want the same: see ``crowds``.
    """
    admission = await decide()
    crowd = ports.crowds.around(admission.guards)
    if crowd is None:
        lost = await _commit(ports, admission, extra)
        if lost is None:
            return admission
        crowd = name_of(lost)
    async with ports.crowds.turn(crowd):
        for _ in range(ports.settings.admission_attempts):
            admission = await decide()
            if await _commit(ports, admission, extra) is None:
                return admission
    raise PermanentError(
        "ConcurrentTask",
        "Others kept changing the same things; this request could not be decided on firm ground.",
    )


async def _commit(ports: Ports, admission: Admission, extra: Extra | None) -> Guard | None:
    """Commit what was decided; the guard that failed, if one did."""
    guards, changes = extra(admission) if extra is not None else ((), ())
    try:
        await ports.store.commit([*admission.guards, *guards], [*changes_of(admission), *changes])
    except GuardFailed as error:
        return error.guard
    return None
