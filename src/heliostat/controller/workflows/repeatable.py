"""Committing a request once, however often it is sent.

A ``Claim`` is a request's idempotency key: the same key with the same body is
answered by the task that it made, with another body it is a conflict.  Its record
is part of the request's own commit.  When the store did not say whether the commit
happened, the task's own document tells.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from heliostat.cloudstore.contract import Change, Document, Guard, StoreUnavailable
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Ports
from heliostat.controller.workflows.commit import perform
from heliostat.core.errors import HeliostatError
from heliostat.tasks import idempotency
from heliostat.tasks.model import Task


class Replayed(Exception):
    """The key was answered before, with this task."""

    def __init__(self, task_id: str) -> None:
        super().__init__(task_id)
        self.task_id = task_id


@dataclass(slots=True)
class Claim:
    """One request's idempotency key; ``look`` reads its record, which ``record`` guards."""

    ports: Ports
    key: str
    body_digest: str
    found: Document | None = None

    async def look(self) -> None:
        """Raise ``Replayed`` if the key was answered before; ``IdempotencyConflict``."""
        self.found = await self.ports.store.get(self.key)
        task_id = idempotency.replayed(self.found, self.body_digest, self._now_ms())
        if task_id is not None:
            raise Replayed(task_id)

    def record(self, task_id: str) -> tuple[Sequence[Guard], Sequence[Change]]:
        """What remembers the answer, for the commit that makes it."""
        fresh = idempotency.record(self.found, self.key, self.body_digest, task_id, self._now_ms())
        return fresh.guards, fresh.changes

    def _now_ms(self) -> int:
        return self.ports.clock.now_ms()


async def perform_once(
    ports: Ports,
    verb: Callable[[], Awaitable[Admission]],
    claim: Claim | None,
    also: Callable[[Admission], Sequence[Change]] = lambda _admission: (),
    *,
    place: str = "",
) -> Task:
    """Decide and commit; the task made, or the one that the claim's key made before.

    ``also`` adds to the commit what has to be true of every such request; ``place`` is
    as for ``perform``.

    Raises what the verb raises, and ``StoreUnavailable`` when it can't be told whether
    the commit happened: the same request may be sent again.
    """
    decided: list[Admission] = []

    async def decide() -> Admission:
        if claim is not None:
            await claim.look()
        admission = await verb()
        decided.append(admission)
        return admission

    def record(admission: Admission) -> tuple[Sequence[Guard], Sequence[Change]]:
        guards, changes = claim.record(admission.task.id) if claim is not None else ((), ())
        return guards, [*changes, *also(admission)]

    try:
        return (await perform(ports, decide, record, place=place)).task
    except Replayed as replayed:
        return await reading.task(ports.store, replayed.task_id)
    except StoreUnavailable:
        if decided and (found := await _committed(ports, decided[-1])) is not None:
            return found
        raise


async def _committed(ports: Ports, admission: Admission) -> Task | None:
    """The task if the commit whose outcome is unclear did happen."""
    if admission.task_exists:
        return None
    try:
        return await reading.task(ports.store, admission.task.id)
    except HeliostatError:
        return None
