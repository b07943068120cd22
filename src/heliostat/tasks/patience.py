"""How long a running step may take before its task is shown as stalled, and how far it is.

A step that works gets its expected time.  One that says it is blocked (nothing
can go on until somebody else acts) is shown after a moment: long enough not to
flicker when a link is made anew, short enough that nobody wonders.  What is no
longer so is taken back.  Of a step that counts what it has done, the count is
written too: at most once a second, so that a hundred things are not a hundred commits.
"""

from __future__ import annotations

import asyncio
import math

from heliostat.core.clock import Clock
from heliostat.tasks import stall
from heliostat.tasks.context import RunningStep
from heliostat.tasks.journal import Journal
from heliostat.tasks.model import Stall
from heliostat.tasks.slots import Slot

BLOCKED_S = 1.0
RECHECK_S = 10.0
TELLING_S = 1.0


class Patience:
    """Watches one try of one step; ``end`` it when the try has ended."""

    def __init__(self, journal: Journal, clock: Clock, slot: Slot, context: RunningStep) -> None:
        self._journal = journal
        self._clock = clock
        self._slot = slot
        self._context = context
        self._noting: asyncio.Future[None] | None = None
        self._told_s = clock.monotonic_s()

    async def watch(self, expected_s: float) -> None:
        """Keep the task's ``stalled`` true; ``expected_s`` unless the step says otherwise.

        Never returns; raises what saving raises.
        """
        while True:
            wait_s = self._due_s(expected_s) - self._clock.monotonic_s()
            late = wait_s <= 0
            if late or self._journal.task.stalled is not None or self._telling_s() <= 0:
                found = self._overdue(expected_s) if late else None
                # Not cancelled together with the step: the outcome of a save must be known.
                self._noting = asyncio.ensure_future(self._note(found))
                await asyncio.shield(self._noting)
            await self._news_within(min(RECHECK_S if late else wait_s, self._telling_s()))

    async def end(self) -> None:
        """Let a save of a stall end, unless the whole runner is being cancelled."""
        noting, current = self._noting, asyncio.current_task()
        if noting is not None:
            if current is not None and current.cancelling():
                noting.cancel()
            await asyncio.gather(noting, return_exceptions=True)
        self._slot.take_back()

    def _due_s(self, expected_s: float) -> float:
        if self._context.blocked:
            return self._context.since_s + BLOCKED_S
        return self._context.since_s + self._allowed_s(expected_s)

    def _telling_s(self) -> float:
        """How long until it is to be written how far the step is; without end if it is."""
        context = self._context
        if context.progress == self._journal.task.steps[context.index].progress:
            return math.inf
        return self._told_s + TELLING_S - self._clock.monotonic_s()

    def _allowed_s(self, expected_s: float) -> float:
        said = self._context.expected_s
        return expected_s if said is None else said

    def _overdue(self, expected_s: float) -> Stall:
        context, now_ms = self._context, self._clock.now_ms()
        waited_s = self._clock.monotonic_s() - context.since_s
        if context.blocked:
            since_ms = now_ms - round(waited_s * 1000)
            return stall.blocked(self._journal.task, context.waiting, since_ms)
        allowed_s = self._allowed_s(expected_s)
        since_ms = now_ms - round((waited_s - allowed_s) * 1000)
        return stall.overdue(self._journal.task, context.waiting, allowed_s, since_ms)

    async def _note(self, found: Stall | None) -> None:
        """Persist how far the step is, and that it is stalled, waits for another thing or not."""
        if found is not None:
            self._slot.lend()
        else:
            self._slot.take_back()
        if found != self._journal.task.stalled or self._telling_s() <= 0:
            draft = self._journal.draft()
            draft.stalled = found
            draft.steps[self._context.index].progress = self._context.progress
            self._told_s = self._clock.monotonic_s()
            await self._journal.save(draft)

    async def _news_within(self, seconds: float) -> None:
        """Until the step says that it became, or is no longer, blocked; at most ``seconds``."""
        news = self._context.news
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        sleeping.add_done_callback(lambda _ended: news.set())
        try:
            await news.wait()
        finally:
            sleeping.cancel()
            await asyncio.gather(sleeping, return_exceptions=True)
            news.clear()
