"""The one writer of a task's document while its worker holds the lease.

Every commit carries two guards: the worker's lease (its fence) and the revision
at which this journal last wrote the task.  A worker that lost its lease, or
whose task somebody else has written, can therefore change nothing, however late
it notices.  Commits of one task happen one after the other.

After an unclear answer the journal reads before it tries again, so a transition
is never committed twice.  A journal lives as long as its worker has the task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from heliostat.cloudstore.contract import (
    AtRevision,
    Change,
    CloudStore,
    Delete,
    Document,
    Guard,
    GuardFailed,
    Lease,
    LeaseLost,
    Put,
    StoreUnavailable,
)
from heliostat.cloudstore.documents import decode
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError
from heliostat.tasks.indexes import action_key, state_key
from heliostat.tasks.model import Task, open_key, task_key
from heliostat.tasks.retry import backoff_s


class TaskTaken(HeliostatError):
    """Somebody else wrote the task's document: this worker no longer has it."""

    def __init__(self, task_id: str) -> None:
        super().__init__("LeaseLost", f"Somebody else has written task {task_id}.")


class Journal:
    """A task as last persisted, and the way to persist the next draft of it."""

    def __init__(self, store: CloudStore, clock: Clock, lease: Lease, document: Document) -> None:
        self._store = store
        self._clock = clock
        self._lock = asyncio.Lock()
        self.lease = lease
        self.task = decode(Task, document)
        self.revision = document.revision

    def draft(self) -> Task:
        """A copy to write a transition into."""
        return msgspec.json.decode(msgspec.json.encode(self.task), type=Task)

    async def save(
        self, draft: Task, *, guards: Sequence[Guard] = (), changes: Sequence[Change] = ()
    ) -> None:
        """Commit ``draft`` with ``changes``; raises ``GuardFailed`` for one of ``guards`` only.

        Raises ``LeaseLost`` or :class:`TaskTaken` if this worker may not write any more.
        """
        value = msgspec.json.encode(draft)
        touched = {change.key for change in changes}
        endings = [each for each in _endings(draft) if each.key not in touched]
        everything = [Put(task_key(draft.id), value), *endings, *changes]
        async with self._lock:
            self.revision = await self._persist(value, guards, everything)
            self.task = draft

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        """A commit beside the task's own, under the same two guards."""
        async with self._lock:
            try:
                return await self._store.commit([*self._own_guards(), *guards], changes)
            except GuardFailed as error:
                self._raise_if_own(error)
                raise

    async def _persist(
        self, value: bytes, guards: Sequence[Guard], changes: Sequence[Change]
    ) -> int:
        attempt = 0
        while True:
            try:
                return await self._store.commit([*self._own_guards(), *guards], changes)
            except GuardFailed as error:
                if error.guard == self._own_guards()[1] and attempt:
                    # The earlier, unclear commit may have arrived after it was looked for.
                    written = await self._written(value)
                    if written is not None:
                        return written
                self._raise_if_own(error)
                raise
            except StoreUnavailable as error:
                attempt += 1
                written = await self._after_unclear(value, attempt, error.retry_after_s)
                if written is not None:
                    return written

    async def _after_unclear(self, value: bytes, attempt: int, retry_after_s: float) -> int | None:
        """The revision of the unclear commit if it happened, ``None`` if it may be tried again."""
        while True:
            await self._clock.sleep(backoff_s(self.task.id, attempt, retry_after_s))
            try:
                return await self._written(value)
            except StoreUnavailable:
                attempt += 1

    async def _written(self, value: bytes) -> int | None:
        document = await self._store.get(task_key(self.task.id))
        if document is None:
            raise TaskTaken(self.task.id)
        if document.revision == self.revision:
            return None
        if document.value == value:
            return document.revision
        raise TaskTaken(self.task.id)

    def _own_guards(self) -> tuple[Guard, Guard]:
        return self.lease.guard(), AtRevision(task_key(self.task.id), self.revision)

    def _raise_if_own(self, error: GuardFailed) -> None:
        lease_guard, task_guard = self._own_guards()
        if error.guard == lease_guard:
            raise LeaseLost(self.lease) from error
        if error.guard == task_guard:
            raise TaskTaken(self.task.id) from error


def _endings(task: Task) -> list[Change]:
    """What goes with a task's last transition: it is open no longer, and indexed by its end."""
    if not task.state.is_final:
        return []
    return [
        Delete(open_key(task.id)),
        Delete(action_key(task.id)),
        Put(state_key(task.state, task.id), b""),
    ]
