"""A store as seen by one process whose connection, or life, is not to be relied on.

The store behind it is whole; only this view of it fails, so several processes
with several fates can share one store.  ``FaultyStore`` fails as told by its
attributes; :class:`MortalStore` dies at its n-th commit and stays dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from heliostat.cloudstore.contract import Change, CloudStore, Guard, StoreUnavailable
from heliostat.cloudstore.views import CheckedStore


class FaultyStore(CheckedStore):
    """``cut``: nothing gets through.  ``answers_to_lose``: so many commits happen unanswered."""

    def __init__(self, store: CloudStore) -> None:
        super().__init__(store)
        self.cut = False
        self.answers_to_lose = 0
        self.commits = 0

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        self.check()
        self.commits += 1
        revision = await super().commit(guards, changes)
        if self.answers_to_lose:
            self.answers_to_lose -= 1
            raise StoreUnavailable("The answer got lost.")
        return revision

    def check(self) -> None:
        if self.cut:
            raise StoreUnavailable("The store can't be reached.")


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
        self.check()
        if self.commits + 1 < self._dies_at:
            return await super().commit(guards, changes)
        if self._applied:
            await super().commit(guards, changes)
        self.cut = True
        self.died.set()
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        return await answer
