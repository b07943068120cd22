"""Committing an admission: the one place where a verb's decision becomes fact.

When a guard fails, somebody changed what the verb had read; the verb decides
anew on the new facts.  This is the only retry loop around compare-and-set on
the admitting side.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from heliostat.cloudstore.contract import Change, Guard, GuardFailed
from heliostat.controller.workflows.admission import Admission, Ports
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
    Whoever lost once queues with the other losers of this process, so that a
    crowd around one quota is served one by one instead of racing again.
    """
    admission = await _attempt(ports, decide, extra)
    if admission is not None:
        return admission
    async with ports.losers:
        for _ in range(ports.settings.admission_attempts):
            admission = await _attempt(ports, decide, extra)
            if admission is not None:
                return admission
    raise PermanentError(
        "ConcurrentTask",
        "Others kept changing the same things; this request could not be decided on firm ground.",
    )


async def _attempt(ports: Ports, decide: Decide, extra: Extra | None) -> Admission | None:
    """One decision and its commit; ``None`` if a guard failed."""
    admission = await decide()
    guards, changes = extra(admission) if extra is not None else ((), ())
    try:
        await ports.store.commit([*admission.guards, *guards], [*changes_of(admission), *changes])
    except GuardFailed:
        return None
    return admission
