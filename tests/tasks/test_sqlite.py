"""Workers on the real store and the real clock: threads, disk and reopening included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.core.clock import SystemClock
from heliostat.core.ids import SeededIds
from heliostat.tasks.engine import TaskEngine
from heliostat.tasks.model import TaskState
from heliostat.testing.crash import ended, read_task
from heliostat.testing.things import MAKE_THING, World, admit_thing

BOUND_S = 60.0
CLOCK = SystemClock()


@asynccontextmanager
async def working(store: CloudStore, world: World, *names: str) -> AsyncIterator[None]:
    """Workers of these names run meanwhile."""
    engines = [
        TaskEngine(store, CLOCK, SeededIds(n), {"MAKE_THING": MAKE_THING}, world, worker_id=name)
        for n, name in enumerate(names)
    ]
    running = [asyncio.create_task(each.run()) for each in engines]
    try:
        yield
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_two_workers_share_tasks_in_one_file(tmp_path: Path) -> None:
    store, world, ids = await SqliteStore.open(tmp_path / "store", CLOCK), World(), SeededIds(9)
    async with working(store, world, "one", "two"):
        tasks = [await admit_thing(store, CLOCK, ids) for _ in range(60)]
        async with asyncio.timeout(BOUND_S):
            await asyncio.gather(*(ended(store, task_id) for task_id in tasks))
    states = [(await read_task(store, task_id)).state for task_id in tasks]
    assert states == [TaskState.COMPLETED] * 60
    assert len(world.running) == 60
    await store.close()


async def test_a_task_goes_on_after_the_store_was_closed_and_opened_again(tmp_path: Path) -> None:
    store, world, ids = await SqliteStore.open(tmp_path / "store", CLOCK), World(), SeededIds(9)
    gate = world.gates["start"] = asyncio.Event()
    async with working(store, world, "one"):
        task_id = await admit_thing(store, CLOCK, ids)
        async with asyncio.timeout(BOUND_S):
            await world.reached.wait()
    await store.close()
    store = await SqliteStore.open(tmp_path / "store", CLOCK)
    gate.set()
    async with working(store, world, "two"):
        async with asyncio.timeout(BOUND_S):
            await ended(store, task_id)
        task = await read_task(store, task_id)
    assert (task.state, task.worker) == (TaskState.COMPLETED, "two")
    assert world.calls["admitted"] == 1
    await store.close()
