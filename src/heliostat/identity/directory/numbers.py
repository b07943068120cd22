"""POSIX numbers: each is given once, to one user or group of a tenant, and to nobody after.

Taken in blocks, one commit each, so that many users made at once don't wait for one
counter; what is left of a block when a process ends is never given.
"""

from __future__ import annotations

import asyncio

from heliostat.cloudstore.contract import Absent, AtRevision, CloudStore, GuardFailed
from heliostat.core.errors import TemporaryError
from heliostat.identity.decided import TRIES
from heliostat.identity.directory.contract.directory import FIRST_NUMBER
from heliostat.identity.directory.records import DirectoryKinds, Numbers

BLOCK = 20
ONLY = "next"


class NumberTaker:
    """Gives the numbers of one tenant; one for a process and tenant."""

    def __init__(self, store: CloudStore, kinds: DirectoryKinds) -> None:
        self._store = store
        self._kind = kinds.numbers
        self._free = range(0)
        self._lock = asyncio.Lock()

    async def take(self) -> int:
        """A number that nobody has had."""
        async with self._lock:
            if not self._free:
                self._free = await self._block()
            number, self._free = self._free[0], self._free[1:]
            return number

    async def _block(self) -> range:
        # not by ``settle``: what a caller puts beside its change belongs to that change
        for _ in range(TRIES):
            stored = await self._kind.get(self._store, ONLY)
            first = stored.value.next if stored else FIRST_NUMBER
            guard: AtRevision | Absent = (
                self._kind.guard(stored) if stored else self._kind.absent(ONLY)
            )
            after = Numbers(id=ONLY, next=first + BLOCK)
            try:
                await self._store.commit([guard], self._kind.put(after))
            except GuardFailed:
                continue
            return range(first, first + BLOCK)
        raise TemporaryError("StoreUnavailable", "Others take numbers all the time.")
