"""A store whose commits are timed, and everything else is passed on.

Around any backend; the one that is told must be quick, since every commit waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from heliostat.cloudstore.contract import Change, CloudStore, Guard, GuardFailed
from heliostat.cloudstore.views import PassingStore

DONE, GUARD_FAILED, FAILED = "done", "guard_failed", "failed"

Tell = Callable[[str, float], None]
"""``(outcome, seconds)`` of each commit."""


class MeteredStore(PassingStore):
    """A ``CloudStore`` that tells how its commits went."""

    def __init__(self, store: CloudStore, tell: Tell) -> None:
        super().__init__(store)
        self._tell = tell

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
