"""Which event loop a server process runs on.

uvloop where it is installed (the ``server`` extra brings it): a TLS connection
costs a fifth of the memory there, since asyncio fills a buffer of 256 KiB for each,
and a request about a quarter less CPU.  Anything works without it, only slower, so
a machine for which there is no uvloop can still run a controller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """``main`` to its end, on the fastest loop there is; as ``asyncio.run`` otherwise."""
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(main)


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
