"""A guest's kernel that dies: its last words on the console, and whoever waits told at once.

What a dead kernel was asked is never answered, and one that means to start anew first stands
still for a while: without a look at the console all of a time-out is waited for, and its end
names what was asked instead of what happened.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from heliostat.os.guest.insider import Insider

_LOOK_S = 0.5
_PANIC = re.compile(r"Kernel panic - not syncing: [^\r\n]*(?=[\r\n])")  # a line's end: it is whole
_FAULT = re.compile(r"\] (Oops: [^\r\n]*|BUG: [^\r\n]*|kernel BUG at [^\r\n]*)")
_PLACE = re.compile(r"RIP: 0010:(\S+)")


def last_words(console: str) -> str | None:
    """What the kernel died of, if it has: the panic, the fault before it and where that was."""
    panic = _PANIC.search(console)
    if panic is None:
        return None
    fault = _FAULT.search(console, 0, panic.start())
    if fault is None:
        return panic[0].strip()
    place = _PLACE.search(console, fault.end(), panic.start())
    where = f" in {place[1]}" if place else ""
    return f"{panic[0].strip()} ({fault[1].strip()}{where})"


async def panicked(console: Callable[[], str]) -> str:
    """Wait until the kernel that writes to ``console`` dies."""
    while (words := last_words(console())) is None:  # noqa: ASYNC110 - a console may be a file
        await asyncio.sleep(_LOOK_S)
    return words


@asynccontextmanager
async def watched(shell: Insider, console: Callable[[], str]) -> AsyncIterator[None]:
    """Meanwhile, whoever waits for ``shell`` gets ``KernelPanicked`` once the kernel dies."""
    death = asyncio.create_task(panicked(console))
    shell.dies_with(death)
    try:
        yield
    finally:
        death.cancel()
        await asyncio.wait({death})
