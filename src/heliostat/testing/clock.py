"""Time under the test's control.

``VirtualClock`` moves only when told to; sleepers wake in the order of their
times, then of their arrival, and everything that a wake-up sets off has run
before the next one.  The same program therefore sees the same history each
time, and an hour takes milliseconds.

It knows that the event loop is idle by looking at the loop's queue of ready
callbacks, so programs under it must not wait for threads or sockets.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

START_MS = 1_700_000_000_000


class Deadlock(AssertionError):
    """What was waited for can't happen any more, or not within the limit."""


class VirtualClock:
    """A :class:`heliostat.core.clock.Clock` whose time is moved by hand."""

    def __init__(self, start_ms: int = START_MS) -> None:
        self._start_ms = start_ms
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now_ms(self) -> int:
        return self._start_ms + round(self._elapsed_s * 1000)

    def monotonic_s(self) -> float:
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_s + seconds, next(self._order), future))
        await future

    def next_wake_s(self) -> float | None:
        """When the next sleeper wakes (seconds of ``monotonic_s``), if any sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    async def settle(self) -> None:
        """Let everything run that can run without time moving."""
        ready = getattr(asyncio.get_running_loop(), "_ready")  # noqa: B009 (private to asyncio)
        await asyncio.sleep(0)
        while ready:  # noqa: ASYNC110 (there is no event for "nothing left to run")
            await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        """Move time forward, waking each sleeper at its own time."""
        end = self._elapsed_s + seconds
        await self.settle()
        while (due := self.next_wake_s()) is not None and due <= end:
            await self._wake_next()
        self._elapsed_s = end
        await self.settle()

    async def run_until(self, awaitable: Awaitable[T], *, limit_s: float = 3600.0) -> T:
        """Move time from sleeper to sleeper until ``awaitable`` is done; its result.

        Raises :class:`Deadlock` if nobody sleeps any more, or after ``limit_s``.
        """
        waited = asyncio.ensure_future(awaitable)
        end = self._elapsed_s + limit_s
        try:
            await self.settle()
            while not waited.done():
                due = self.next_wake_s()
                if due is None or due > end:
                    raise Deadlock(f"not done after {self._elapsed_s:.3f} s of virtual time")
                await self._wake_next()
            return waited.result()
        finally:
            if not waited.done():
                waited.cancel()
                await asyncio.gather(waited, return_exceptions=True)

    async def _wake_next(self) -> None:
        due, _, future = heapq.heappop(self._sleepers)
        self._elapsed_s = max(self._elapsed_s, due)
        if not future.done():
            future.set_result(None)
        await self.settle()
