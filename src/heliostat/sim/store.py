"""The store: one whole truth, witnessed, and a shaky view of it for each controller.

``WitnessedStore`` tells its witness of every commit, in order.  A ``StoreView`` is
what one controller's process has of it: it may be slow, paused, unable to say
whether a commit happened, and it is dead once its process is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from heliostat.cloudstore.contract import Change, CloudStore, Guard, StoreUnavailable
from heliostat.cloudstore.memory import MemoryStore
from heliostat.cloudstore.views import CheckedStore
from heliostat.core.clock import Clock

Witness = Callable[[int, Sequence[Change]], None]
FOREVER_S = 1e9


class WitnessedStore(MemoryStore):
    """``witness`` is called with the revision and changes of every commit that took effect."""

    def __init__(self, clock: Clock, witness: Witness) -> None:
        self._witness = witness
        super().__init__(clock)

    async def _commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        before = self._feed.revision
        revision = await super()._commit(guards, changes)
        if revision != before:
            self._witness(revision, changes)
        return revision


class StoreView(CheckedStore):
    """One process's connection to the store.

    ``away_until_s``: nothing gets through until then.  ``slow_until_s``: commits take
    ``slow_s`` each.  ``answers_to_lose``: so many commits happen, unanswered.
    ``commits_to_live``: with the last of them the process dies, once that commit was
    applied, or before (``dies_unapplied``); ``died`` is called then.
    """

    def __init__(self, store: CloudStore, clock: Clock, died: Callable[[], None]) -> None:
        super().__init__(store)
        self._clock = clock
        self._died = died
        self.dead = False
        self.away_until_s = 0.0
        self.slow_until_s = 0.0
        self.slow_s = 0.0
        self.answers_to_lose = 0
        self.commits_to_live: int | None = None
        self.dies_unapplied = False

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        self.check()
        if self.commits_to_live is not None:
            self.commits_to_live -= 1
            if self.commits_to_live <= 0:
                return await self._last_commit(guards, changes)
        if self._clock.monotonic_s() < self.slow_until_s:
            await self._clock.sleep(self.slow_s)
            self.check()
        revision = await self._store.commit(guards, changes)
        if self.answers_to_lose > 0:
            self.answers_to_lose -= 1
            raise StoreUnavailable("The answer of the store got lost.")
        return revision

    async def _last_commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        """The process dies of this commit; its caller waits until it is ended."""
        if not self.dies_unapplied:
            await self._store.commit(guards, changes)
        self.dead = True
        self._died()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("a dead process went on")

    def check(self) -> None:
        if self.dead or self._clock.monotonic_s() < self.away_until_s:
            raise StoreUnavailable("The store can't be reached.")
