"""A store as seen by one process whose connection, or life, is not to be relied on.

The store behind it is whole; only this view of it fails, so several processes
with several fates can share one store.  ``FaultyStore`` fails as told by its
attributes; :class:`MortalStore` dies at its n-th commit and stays dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from heliostat.cloudstore.contract import (
    Change,
    CloudStore,
    Document,
    Event,
    Guard,
    Lease,
    Page,
    StoreUnavailable,
    Version,
)


class FaultyStore:
    """``cut``: nothing gets through.  ``answers_to_lose``: so many commits happen unanswered."""

    def __init__(self, store: CloudStore) -> None:
        self._store = store
        self.cut = False
        self.answers_to_lose = 0
        self.commits = 0

    async def get(self, key: str, *, at_revision: int | None = None) -> Document | None:
        self._check()
        return await self._store.get(key, at_revision=at_revision)

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        self._check()
        self.commits += 1
        revision = await self._store.commit(guards, changes)
        if self.answers_to_lose:
            self.answers_to_lose -= 1
            raise StoreUnavailable("The answer got lost.")
        return revision

    async def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Event]:
        self._check()
        async for event in self._store.watch(prefix, from_revision):
            self._check()
            yield event

    async def history(self, key: str) -> Sequence[Version]:
        self._check()
        return await self._store.history(key)

    async def revision(self) -> int:
        self._check()
        return await self._store.revision()

    async def compact(self, revision: int) -> None:
        self._check()
        await self._store.compact(revision)

    async def acquire(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        self._check()
        return await self._store.acquire(name, owner, ttl_s)

    async def renew(self, lease: Lease) -> None:
        self._check()
        await self._store.renew(lease)

    async def release(self, lease: Lease) -> None:
        self._check()
        await self._store.release(lease)

    async def close(self) -> None:
        """The view ends; the store itself belongs to whoever made it."""

    def _check(self) -> None:
        if self.cut:
            raise StoreUnavailable("The store can't be reached.")

    # Last, because inside the class the name hides the builtin from annotations below it.
    async def list(
        self,
        prefix: str,
        *,
        limit: int = 1000,
        after: str | None = None,
        at_revision: int | None = None,
    ) -> Page:
        self._check()
        return await self._store.list(prefix, limit=limit, after=after, at_revision=at_revision)


class MortalStore(FaultyStore):
    """Dies at commit number ``dies_at``; ``applied`` tells whether that one reaches the store.

    The caller of the fatal commit waits for good; everybody else is cut off.
    """

    def __init__(self, store: CloudStore, *, dies_at: int, applied: bool) -> None:
        super().__init__(store)
        self._dies_at = dies_at
        self._applied = applied
        self.died = asyncio.Event()

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        self._check()
        if self.commits + 1 < self._dies_at:
            return await super().commit(guards, changes)
        if self._applied:
            await super().commit(guards, changes)
        self.cut = True
        self.died.set()
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        return await answer
