"""Queues around documents that many operations want to change at once: a project's quota.

Who loses a compare-and-set joins the queue around the document it lost, and so does
whoever comes while there is one: they are served one by one instead of racing again
and deciding in vain.  A queue lives as long as somebody is in it; of one process only
(between processes the guards decide).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from heliostat.cloudstore.contract import Absent, AtRevision, Guard


@dataclass(slots=True)
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    length: int = 0


class Crowds:
    """All queues of a process."""

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}

    def around(self, guards: Iterable[Guard]) -> str | None:
        """What of that which ``guards`` guard others wait for already."""
        if not self._queues:
            return None
        return next((name for guard in guards if (name := name_of(guard)) in self._queues), None)

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Wait in the queue around ``name``, and be the only one of it meanwhile."""
        queue = self._queues.setdefault(name, _Queue())
        queue.length += 1
        try:
            async with queue.lock:
                yield
        finally:
            queue.length -= 1
            if not queue.length:
                del self._queues[name]


def name_of(guard: Guard) -> str:
    """The document, or the prefix, that a guard is about."""
    return guard.key if isinstance(guard, Absent | AtRevision) else guard.prefix
