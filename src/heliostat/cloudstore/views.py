"""Stores around another store.

``PassingStore`` passes everything on; who derives from it changes only what it is
for.  ``CheckedStore`` asks ``check`` before each call and each event of a watch:
one process's view of a store, which may fail while the store itself is whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

from heliostat.cloudstore.contract import (
    Change,
    CloudStore,
    Document,
    Event,
    Guard,
    Lease,
    Page,
    Version,
)


class PassingStore:
    """A ``CloudStore`` that is another one."""

    def __init__(self, store: CloudStore) -> None:
        self._store = store

    def get(
        self, key: str, *, at_revision: int | None = None
    ) -> Coroutine[Any, Any, Document | None]:
        # handed on and not awaited here: each request reads several documents
        return self._store.get(key, at_revision=at_revision)

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        return await self._store.commit(guards, changes)

    def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Event]:
        return self._store.watch(prefix, from_revision)

    async def history(self, key: str) -> Sequence[Version]:
        return await self._store.history(key)

    async def revision(self) -> int:
        return await self._store.revision()

    def mark(self, folder: str) -> int | None:
        return self._store.mark(folder)

    async def compact(self, revision: int) -> None:
        await self._store.compact(revision)

    async def acquire(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        return await self._store.acquire(name, owner, ttl_s)

    async def renew(self, lease: Lease) -> None:
        await self._store.renew(lease)

    async def release(self, lease: Lease) -> None:
        await self._store.release(lease)

    async def close(self) -> None:
        await self._store.close()

    # Last, because inside the class the name hides the builtin from annotations below it.
    async def list(
        self,
        prefix: str,
        *,
        limit: int = 1000,
        after: str | None = None,
        at_revision: int | None = None,
    ) -> Page:
        return await self._store.list(prefix, limit=limit, after=after, at_revision=at_revision)


class CheckedStore(PassingStore):
    """A view that may be cut off: ``check`` raises then.  Closing it leaves the store open."""

    def check(self) -> None:
        """Raise ``StoreUnavailable`` when nothing gets through."""

    async def get(self, key: str, *, at_revision: int | None = None) -> Document | None:
        self.check()
        return await super().get(key, at_revision=at_revision)

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        self.check()
        return await super().commit(guards, changes)

    async def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Event]:
        self.check()
        async for event in self._store.watch(prefix, from_revision):
            self.check()
            yield event

    async def history(self, key: str) -> Sequence[Version]:
        self.check()
        return await super().history(key)

    async def revision(self) -> int:
        self.check()
        return await super().revision()

    def mark(self, folder: str) -> int | None:
        self.check()
        return super().mark(folder)

    async def compact(self, revision: int) -> None:
        self.check()
        await super().compact(revision)

    async def acquire(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        self.check()
        return await super().acquire(name, owner, ttl_s)

    async def renew(self, lease: Lease) -> None:
        self.check()
        await super().renew(lease)

    async def release(self, lease: Lease) -> None:
        self.check()
        await super().release(lease)

    async def close(self) -> None:
        """The view ends; the store itself belongs to whoever made it."""

    async def list(
        self,
        prefix: str,
        *,
        limit: int = 1000,
        after: str | None = None,
        at_revision: int | None = None,
    ) -> Page:
        self.check()
        return await super().list(prefix, limit=limit, after=after, at_revision=at_revision)
