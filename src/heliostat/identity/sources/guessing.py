"""How often somebody may try a password of a directory elsewhere through us.

An attempt is counted before the directory is asked and forgotten when it was right, one at a
time for each person: however many come at once, and to however many controllers, no more get
through than the rule allows.  Where the directory locks people out by itself, the rule is
stricter than its own: one attempt less than locks there, and no further one until the
directory has forgotten them all.  So guessing through us alone locks nobody out there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NamedTuple
from weakref import WeakValueDictionary

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind
from heliostat.core.clock import Clock
from heliostat.identity.decided import Decided, settle
from heliostat.identity.passwords.lockout import after_failure, is_locked
from heliostat.identity.passwords.options import LockoutPolicy
from heliostat.identity.passwords.records import Attempts


class TheirRule(NamedTuple):
    """When a directory itself locks: wrong passwords (0: never), and how long each counts."""

    failures: int
    window_s: float


NO_RULE = TheirRule(0, 0.0)


def stricter(ours: LockoutPolicy, theirs: TheirRule) -> LockoutPolicy:
    """Our rule where guesses through it can't reach theirs.

    One that locks at the first wrong password can't be stayed below: then one is let through.
    """
    if theirs.failures <= 0:
        return ours
    return replace(
        ours,
        failures=min(ours.failures, max(1, theirs.failures - 1)),
        window_s=max(ours.window_s, theirs.window_s),
        locked_s=max(ours.locked_s, theirs.window_s),
    )


class Attempt:
    """An attempt that counts as wrong until it is said to be right, or not to have been one."""

    def __init__(self) -> None:
        self.right = False
        self.asked = True


class Guesses:
    """Counts attempts in the store, where every controller sees them."""

    def __init__(self, store: CloudStore, kept: Kind[Attempts], clock: Clock) -> None:
        self._store = store
        self._kept = kept
        self._clock = clock
        self._one_at_a_time: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def attempt(self, id_: str, policy: LockoutPolicy) -> AsyncIterator[Attempt | None]:
        """An attempt on the name counted as ``id_``; ``None`` while that is locked."""
        turn = self._one_at_a_time.get(id_) or asyncio.Lock()
        self._one_at_a_time[id_] = turn
        async with turn:
            before, counted = await self._count(id_, policy)
            if counted is None:
                yield None
                return
            attempt = Attempt()
            try:
                yield attempt
            finally:
                if attempt.right:
                    await self._forget(id_)
                elif not attempt.asked:
                    await self._take_back(counted, before)

    async def _count(
        self, id_: str, policy: LockoutPolicy
    ) -> tuple[Attempts | None, Attempts | None]:
        async def decide() -> Decided[tuple[Attempts | None, Attempts | None]]:
            stored = await self._kept.get(self._store, id_)
            before = stored.value if stored else None
            now_ms = self._clock.now_ms()
            guard = self._kept.guard(stored) if stored else self._kept.absent(id_)
            if is_locked(before, now_ms):
                return Decided((before, None), [guard], [])
            after = after_failure(before or Attempts(id=id_), now_ms, policy)
            return Decided((before, after), [guard], self._kept.put(after))

        return await settle(self._store, decide)

    async def _forget(self, id_: str) -> None:
        """A right password makes all wrong ones void."""
        stored = await self._kept.get(self._store, id_)
        if stored is not None:
            await self._store.commit([], self._kept.delete(stored.value))

    async def _take_back(self, counted: Attempts, before: Attempts | None) -> None:
        """What was counted never reached the directory; what others counted since stays."""

        async def decide() -> Decided[None]:
            stored = await self._kept.get(self._store, counted.id)
            if stored is None or stored.value != counted:
                return Decided(None, [], [])
            changes = self._kept.delete(counted) if before is None else self._kept.put(before)
            return Decided(None, [self._kept.guard(stored)], changes)

        await settle(self._store, decide)
