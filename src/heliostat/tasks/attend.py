"""Waiting for one thing while listening for others.

``attend`` runs a step and meanwhile watches it (is it stalled?) and listens for
actions.  Whatever ends it, the step has ended too when it
returns: cancelled and awaited, so a step never runs on behind its task's back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from heliostat.core.clock import Clock
from heliostat.tasks.actions import Asked

T = TypeVar("T")

Hear = Callable[[], Coroutine[Any, Any, Asked]]


class StepCancelledItselfError(Exception):
    """A step let a cancellation escape that its worker did not ask for."""


class Inbox:
    """The latest action asked of one running task, kept until it is dropped."""

    def __init__(self) -> None:
        self._asked: Asked | None = None
        self._changed = asyncio.Event()

    @property
    def pending(self) -> Asked | None:
        return self._asked

    def offer(self, asked: Asked) -> None:
        if self._asked is None or asked.revision > self._asked.revision:
            self._asked = asked
            self._changed.set()

    def drop(self, asked: Asked) -> None:
        """Forget ``asked`` (obeyed or pointless), but not what came after it."""
        if self._asked == asked:
            self._asked = None

    async def wait(self) -> Asked:
        """The action to obey, when there is one."""
        while self._asked is None:
            self._changed.clear()
            await self._changed.wait()
        return self._asked


async def attend(work: Awaitable[T], hear: Hear, watch: Awaitable[None]) -> T | Asked:
    """The result of ``work``, or the action that interrupted it; raises what ``work`` raises.

    ``watch`` runs beside it and ends only by failing, which ends ``work`` too.
    """
    running: asyncio.Future[T] = asyncio.ensure_future(work)
    asked = asyncio.ensure_future(hear())
    watching = asyncio.ensure_future(watch)
    try:
        await asyncio.wait((running, asked, watching), return_when=asyncio.FIRST_COMPLETED)
        if running.cancelled():
            raise StepCancelledItselfError
        if running.done():
            return running.result()
        if asked.done():
            return asked.result()
        watching.result()  # it ends only by failing: the task was lost
        raise AssertionError("the watch over a step ended")
    finally:
        await _end(running, asked, watching)


async def listen(hear: Hear, clock: Clock, seconds: float) -> Asked | None:
    """The action that is there within ``seconds``, if one is."""
    asked = asyncio.ensure_future(hear())
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((asked, sleeping), return_when=asyncio.FIRST_COMPLETED)
        return asked.result() if asked.done() else None
    finally:
        await _end(asked, sleeping)


async def _end(*futures: asyncio.Future[Any]) -> None:
    for future in futures:
        future.cancel()
    await asyncio.gather(*futures, return_exceptions=True)
