"""Jobs that run beside the API for as long as the controller does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from heliostat.core.clock import Clock

log = logging.getLogger(__name__)


async def background(stack: AsyncExitStack, *jobs: Callable[[], Awaitable[object]]) -> None:
    """Run ``jobs`` until the stack ends; one that fails is logged and begun again."""
    tasks = [asyncio.create_task(_forever(job)) for job in jobs]

    async def end() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stack.push_async_callback(end)


async def _forever(job: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await job()
        except Exception:
            log.exception("a background job failed and begins again")
            await asyncio.sleep(1)


async def every(clock: Clock, seconds: float, job: Callable[[], Awaitable[object]]) -> None:
    while True:
        await clock.sleep(seconds)
        await job()
