"""Which tasks a worker should look at next: kept in memory, fed by watches.

Invariant: every open task is running here, queued here, or noted as held by
another worker; when that worker's lease ends, its tasks are queued.  The board
may be behind the store, so what it says is a hint: the claim decides.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable


class Board:
    """Open tasks and live workers, as last heard."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._live: set[str] = set()
        self._running: set[str] = set()
        self._held: dict[str, str] = {}
        self._queue: deque[str] = deque()
        self._queued: set[str] = set()
        self._changed = asyncio.Event()

    def reset_open(self, task_ids: Iterable[str]) -> None:
        """These tasks, and no others, are open."""
        self._open = set(task_ids)
        self._held = {task: worker for task, worker in self._held.items() if task in self._open}
        for task_id in sorted(self._open):
            self.queue(task_id)

    def opened(self, task_id: str) -> None:
        self._open.add(task_id)
        self.queue(task_id)

    def closed(self, task_id: str) -> None:
        self._open.discard(task_id)
        self._held.pop(task_id, None)

    def reset_workers(self, worker_ids: Iterable[str]) -> None:
        """These workers, and no others, hold their lease."""
        self._live = set(worker_ids)
        self.sweep()

    def worker_came(self, worker_id: str) -> None:
        self._live.add(worker_id)

    def worker_left(self, worker_id: str) -> None:
        self._live.discard(worker_id)
        self.sweep()

    def is_live(self, worker_id: str) -> bool:
        return worker_id in self._live

    def hold(self, task_id: str, worker_id: str) -> None:
        """Another worker has the task; look again when its lease ends."""
        if task_id in self._open:
            self._held[task_id] = worker_id

    def sweep(self) -> None:
        """Queue the tasks whose workers are gone."""
        orphans = [task for task, worker in self._held.items() if worker not in self._live]
        for task_id in orphans:
            self.queue(task_id)

    def queue(self, task_id: str) -> None:
        """Look at the task again, unless it runs here or is no longer open."""
        if task_id not in self._open or task_id in self._running or task_id in self._queued:
            return
        self._held.pop(task_id, None)
        self._queued.add(task_id)
        self._queue.append(task_id)
        self._changed.set()

    async def next(self) -> str:
        """The next task to look at; it counts as running until ``left``."""
        while True:
            while self._queue:
                task_id = self._queue.popleft()
                self._queued.discard(task_id)
                if task_id in self._open:
                    self._running.add(task_id)
                    return task_id
            self._changed.clear()
            await self._changed.wait()

    def left(self, task_id: str) -> None:
        """The task no longer runs here."""
        self._running.discard(task_id)
