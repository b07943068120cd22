"""Leases over any backend that can commit: who holds what, and until when.

The document ``/lease/<name>`` is the truth about the holder; deadlines live in
memory only, so renewing is free, and a store that was opened again gives every
stored lease one full time to live before it expires.  Expiry is driven by the
injected clock through one task, started with the first lease.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from heliostat.cloudstore.contract import (
    Absent,
    AtRevision,
    Change,
    Delete,
    Document,
    Guard,
    GuardFailed,
    Lease,
    LeaseLost,
    Put,
    lease_key,
)
from heliostat.cloudstore.keyspace import LEASES
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError

RETRY_S = 1.0


class LeaseRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored at ``/lease/<name>``."""

    owner: str
    ttl_s: float
    schema: int = 1


@dataclass(slots=True)
class _Held:
    fence: int
    ttl_s: float
    deadline_s: float


Get = Callable[[str], Awaitable[Document | None]]
Commit = Callable[[Sequence[Guard], Sequence[Change]], Awaitable[int]]


class LeaseKeeper:
    """Takes, renews and expires the leases of one store."""

    def __init__(self, clock: Clock, get: Get, commit: Commit) -> None:
        self._clock = clock
        self._get = get
        self._commit = commit
        self._held: dict[str, _Held] = {}
        self._task: asyncio.Task[None] | None = None
        self._wakes_at_s = float("inf")

    async def acquire(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        # Shielded: a lease that was written must get a deadline even if its taker is cancelled.
        return await asyncio.shield(self._take(name, owner, ttl_s))

    async def _take(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        key = lease_key(name)
        record = msgspec.json.encode(LeaseRecord(owner=owner, ttl_s=ttl_s))
        while True:
            document = await self._get(key)
            if document is not None and owner_of(document) != owner:
                if name not in self._held:  # written by a commit whose answer got lost
                    self.restore([document])
                if not self._is_due(name, document.revision):
                    return None
                await self._expire(name, document.revision)
                continue
            guard = AtRevision(key, document.revision) if document else Absent(key)
            with contextlib.suppress(GuardFailed):
                fence = await self._commit([guard], [Put(key, record)])
                self._hold(name, fence, ttl_s)
                return Lease(name=name, owner=owner, ttl_s=ttl_s, fence=fence)

    async def renew(self, lease: Lease) -> None:
        held = self._held.get(lease.name)
        if held is None or held.fence != lease.fence or self._is_due(lease.name, lease.fence):
            raise LeaseLost(lease)
        held.deadline_s = self._clock.monotonic_s() + held.ttl_s

    async def release(self, lease: Lease) -> None:
        await self._expire(lease.name, lease.fence)

    def restore(self, documents: Iterable[Document]) -> None:
        """Give each stored lease a full time to live (call in the running loop)."""
        for document in documents:
            record = msgspec.json.decode(document.value, type=LeaseRecord)
            self._hold(document.key.removeprefix(LEASES), document.revision, record.ttl_s)

    async def close(self) -> None:
        """Stop expiring; what is held stays in the store."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def _is_due(self, name: str, fence: int) -> bool:
        held = self._held.get(name)
        if held is None or held.fence != fence:
            return False
        return self._clock.monotonic_s() >= held.deadline_s

    def _hold(self, name: str, fence: int, ttl_s: float) -> None:
        known = self._held.get(name)
        if known is not None and known.fence > fence:
            return
        deadline = self._clock.monotonic_s() + ttl_s
        self._held[name] = _Held(fence, ttl_s, deadline)
        if self._task is None or self._task.done() or deadline < self._wakes_at_s:
            if self._task is not None:
                self._task.cancel()
            self._wakes_at_s = deadline
            self._task = asyncio.get_running_loop().create_task(self._expire_forever())

    async def _expire(self, name: str, fence: int) -> None:
        key = lease_key(name)
        with contextlib.suppress(GuardFailed):
            await self._commit([AtRevision(key, fence)], [Delete(key)])
        held = self._held.get(name)
        if held is not None and held.fence == fence:
            del self._held[name]

    async def _expire_forever(self) -> None:
        """Sleep until the next deadline, delete what is due, until nothing is held.

        A renewal only moves a deadline away, so it needs no wake-up; a lease with
        an earlier deadline restarts this task.
        """
        while self._held:
            now = self._clock.monotonic_s()
            due = [
                (name, held.fence) for name, held in self._held.items() if held.deadline_s <= now
            ]
            try:
                await asyncio.gather(*(self._expire(name, fence) for name, fence in due))
            except HeliostatError:  # the disk refuses; the lease stays due
                self._wakes_at_s = now + RETRY_S
            else:
                if not self._held:
                    return
                self._wakes_at_s = min(held.deadline_s for held in self._held.values())
            await self._clock.sleep(max(0.0, self._wakes_at_s - self._clock.monotonic_s()))


def owner_of(document: Document) -> str:
    """Who holds the lease that ``document`` (at ``/lease/…``) stands for."""
    return msgspec.json.decode(document.value, type=LeaseRecord).owner
