"""Task workers in one process, on a virtual clock, over one store in memory.

``async with Workers() as workers`` gives a store, a clock and seeded ids;
``start`` brings a worker up, ``stop`` shuts it down in an orderly way.  Leaving
the block stops all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.memory import MemoryStore
from heliostat.core.ids import SeededIds
from heliostat.tasks.engine import CONCURRENCY, LEASE_TTL_S, TaskEngine
from heliostat.tasks.model import Task, Workflow
from heliostat.testing.clock import VirtualClock
from heliostat.testing.crash import ended, read_task
from heliostat.testing.things import MAKE_THING, World, admit_thing


class Workers:
    """Any number of task engines over one store; ``world`` is what their steps act on."""

    def __init__(
        self, workflows: Mapping[str, Workflow] | None = None, *, seed: int = 1, ports: Any = None
    ) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore(self.clock)
        self.ids = SeededIds(seed)
        self.world = World()
        self.workflows = workflows or {MAKE_THING.operation: MAKE_THING}
        self._ports = ports if ports is not None else self.world
        self._running: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Workers:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker_id in list(self._running):
            await self.stop(worker_id)
        await self.store.close()

    async def start(
        self, worker_id: str, *, store: CloudStore | None = None, concurrency: int = CONCURRENCY
    ) -> None:
        """Start a worker, which sees the store through ``store`` if given."""
        engine = TaskEngine(
            store or self.store,
            self.clock,
            self.ids,
            self.workflows,
            self._ports,
            worker_id=worker_id,
            lease_ttl_s=LEASE_TTL_S,
            concurrency=concurrency,
        )
        self._running[worker_id] = asyncio.create_task(engine.run())
        await self.clock.settle()

    async def stop(self, worker_id: str) -> None:
        """Cancel the worker and wait until it is gone; raises what it died of."""
        running = self._running.pop(worker_id)
        running.cancel()
        await asyncio.wait((running,))
        if not running.cancelled():
            running.result()

    async def admit(self, workflow: Workflow | None = None) -> str:
        """Admit a thing's task and let the workers see it; the task's id."""
        task_id = await admit_thing(self.store, self.clock, self.ids, workflow)
        await self.clock.settle()
        return task_id

    async def task(self, task_id: str) -> Task:
        return await read_task(self.store, task_id)

    async def finished(self, task_id: str, *, limit_s: float = 3600.0) -> Task:
        """Move time until the task has ended; the task."""
        await self.clock.run_until(ended(self.store, task_id), limit_s=limit_s)
        await self.clock.settle()
        return await self.task(task_id)
