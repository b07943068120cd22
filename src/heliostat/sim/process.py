"""A process of the simulation: what runs in it ends with it.

``spawn`` starts something in the process; ``end`` cancels all of it and waits, as
the operating system would.  A job that fails is begun again, as the server does
it; what failed is told, since only the platform's own errors may.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from heliostat.core.errors import HeliostatError

T = TypeVar("T")

PAUSE_S = 1.0
ENDS_WITHIN_S = 120.0

Tell = Callable[[str], None]


class Process:
    """``defect`` is told, in a sentence, what must never happen."""

    def __init__(self, name: str, defect: Tell) -> None:
        self.name = name
        self._defect = defect
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def keep_doing(self, job: Callable[[], Awaitable[object]]) -> None:
        """Run ``job`` until the process ends."""
        self.spawn(self._forever(job))

    async def end(self) -> None:
        """Cancel everything and wait for it."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=ENDS_WITHIN_S)
            for task in stuck:
                self._defect(f"{self.name} can't be ended: {task.get_coro()} goes on.")

    async def _forever(self, job: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await job()
            except HeliostatError:
                pass  # the store or a link failed: that is what is rehearsed
            except ExceptionGroup as group:
                _, rest = group.split(HeliostatError)
                if rest is not None:
                    self._defect(f"A job of {self.name} failed: {rest.exceptions[0]!r}.")
            except Exception as error:
                self._defect(f"A job of {self.name} failed: {error!r}.")
            await asyncio.sleep(PAUSE_S)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled():
            task.exception()  # whoever waits for it has it; jobs told theirs
