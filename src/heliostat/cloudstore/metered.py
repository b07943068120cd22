"""A store whose commits are timed, and everything else is passed on.

Around any backend; the one that is told must be quick, since every commit waits for it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence

from heliostat.cloudstore.contract import (
    Change,
    CloudStore,
    Document,
    Event,
    Guard,
    GuardFailed,
    Lease,
    Page,
    Version,
)

DONE, GUARD_FAILED, FAILED = "done", "guard_failed", "failed"

Tell = Callable[[str, float], None]
"""``(outcome, seconds)`` of each commit."""


class MeteredStore:
    """A ``CloudStore`` that tells how its commits went."""

    def __init__(self, store: CloudStore, tell: Tell) -> None:
        self._store = store
        self._tell = tell

    async def get(self, key: str, *, at_revision: int | None = None) -> Document | None:
        return await self._store.get(key, at_revision=at_revision)

    async def list(
        self,
        prefix: str,
        *,
        limit: int = 1000,
        after: str | None = None,
        at_revision: int | None = None,
    ) -> Page:
        return await self._store.list(prefix, limit=limit, after=after, at_revision=at_revision)

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        began = time.perf_counter()
        outcome = FAILED
        try:
            revision = await self._store.commit(guards, changes)
            outcome = DONE
        except GuardFailed:
            outcome = GUARD_FAILED
            raise
        finally:
            self._tell(outcome, time.perf_counter() - began)
        return revision

    def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Event]:
        return self._store.watch(prefix, from_revision)

    async def history(self, key: str) -> Sequence[Version]:
        return await self._store.history(key)

    async def revision(self) -> int:
        return await self._store.revision()

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
