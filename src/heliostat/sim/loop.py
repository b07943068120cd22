"""An event loop without sockets, threads or a clock of its own.

Time stands still while anything can run and then jumps to the next timer, so an
hour takes milliseconds and nothing depends on the machine.  What is handed to a
thread runs at once, its result arriving a turn later as a thread's would.

Tasks and futures hash by the order in which they were made: the standard library
keeps them in sets and cancels a group in the order of such a set, which would
otherwise be that of memory addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from heliostat.core.errors import HeliostatError

T = TypeVar("T")

START_MS = 1_700_000_000_000
RESOLUTION_S = 1e-9


class SimulationStopped(HeliostatError):
    """Nothing can happen any more, although something is waited for."""

    def __init__(self, now_s: float) -> None:
        super().__init__(
            "SimulationFailed",
            f"Nothing can happen any more after {now_s:.3f} s of virtual time.",
        )


class SimFuture(asyncio.Future[Any]):
    """A future that hashes by its number."""

    number = 0

    def __hash__(self) -> int:
        return self.number


class SimTask(asyncio.Task[Any]):
    """A task that hashes by its number."""

    number = 0

    def __hash__(self) -> int:
        return self.number


class SimLoop(asyncio.BaseEventLoop):
    """``now_s`` is the virtual time, in seconds since the simulation began."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self._numbers = itertools.count(1)
        self._selector = _Jump(self)
        self._clock_resolution = RESOLUTION_S

    def time(self) -> float:
        return self.now_s

    def create_future(self) -> SimFuture:
        future = SimFuture(loop=self)
        future.number = next(self._numbers)
        return future

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: object = None, context: Any = None
    ) -> SimTask:
        task = SimTask(coro, loop=self, name="task" if name is None else str(name), context=context)
        task.number = next(self._numbers)
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., Any], *args: Any
    ) -> SimFuture:
        """Run ``func`` here and now; there are no threads."""
        del executor
        future = self.create_future()
        try:
            result = func(*args)
        except Exception as error:
            self.call_soon(_fail, future, error)
        else:
            self.call_soon(_finish, future, result)
        return future

    def _process_events(self, event_list: object) -> None:
        """There is no input or output."""

    def _write_to_self(self) -> None:
        """Nobody else could be waiting in ``select``."""


class _Jump:
    """In the place of a selector: waiting is moving time."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> tuple[()]:
        if timeout is None:
            raise SimulationStopped(self._loop.now_s)
        if timeout > 0:
            due = self._loop._scheduled[0]._when  # type: ignore[attr-defined]
            self._loop.now_s = max(self._loop.now_s, due)
        return ()

    def close(self) -> None:
        """Nothing is open."""


class SimClock:
    """A process's clock; its wall time may be wrong by ``skew_ms``."""

    def __init__(self, loop: SimLoop, skew_ms: int = 0) -> None:
        self._loop = loop
        self.skew_ms = skew_ms

    def now_ms(self) -> int:
        return START_MS + round(self._loop.now_s * 1000) + self.skew_ms

    def monotonic_s(self) -> float:
        return self._loop.now_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


def run(main: Callable[[SimLoop], Coroutine[Any, Any, T]]) -> T:
    """The result of ``main`` in a loop of its own.

    The garbage collector is off meanwhile: when it runs depends on more than the
    seed, and it would end forgotten generators at any time.
    """
    loop = SimLoop()
    with _without_collector():
        try:
            asyncio.set_event_loop(loop)
            result: T = loop.run_until_complete(main(loop))
            return result
        finally:
            asyncio.set_event_loop(None)
            loop.close()


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _finish(future: SimFuture, result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: SimFuture, error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
