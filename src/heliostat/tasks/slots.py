"""How many tasks a worker runs at once, counting only those that use the time.

A task that backs off or is stalled lends its slot to another one, so that a
dead host with a hundred tasks waiting for it doesn't hold up every other task.
When it moves on it takes a slot back at once, over the limit if need be: the
limit bounds what is begun, not what goes on.
"""

from __future__ import annotations

import asyncio


class Slots:
    """Counts slots in use; ``take`` waits while ``limit`` or more are."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._freed = asyncio.Event()

    @property
    def used(self) -> int:
        return self._used

    async def take(self) -> Slot:
        while self._used >= self._limit:
            self._freed.clear()
            await self._freed.wait()
        self.count(+1)
        return Slot(self)

    def count(self, difference: int) -> None:
        self._used += difference
        if self._used < self._limit:
            self._freed.set()


class Slot:
    """One task's claim on a slot; ``close`` it when the task is done."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._held = True

    def lend(self) -> None:
        """Let another task run meanwhile."""
        if self._held:
            self._held = False
            self._slots.count(-1)

    def take_back(self) -> None:
        """Count again."""
        if not self._held:
            self._held = True
            self._slots.count(+1)

    def close(self) -> None:
        self.lend()
