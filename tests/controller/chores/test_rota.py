"""One controller looks at a time, a task is made only if there is work, and one at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from heliostat.controller.chores.contract import RECORDS, Chore, ChoreRecord, chore
from heliostat.controller.chores.rota import Rota, not_paused
from heliostat.controller.chores.verbs import chore_run
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.kinds import CHORE
from heliostat.core.errors import PermanentError
from heliostat.tasks.engine import TaskEngine
from heliostat.tasks.indexes import entity_prefix
from heliostat.tasks.model import Done, StepContext, TaskState
from heliostat.testing.cloud import ADMIN, SmallCloud

PERIOD_S = 600.0


class Dishes:
    """A chore: what piles up is washed by its task, one commit at the end."""

    def __init__(self) -> None:
        self.dirty: list[str] = []
        self.looks = 0
        self.fault: PermanentError | None = None
        self.held = asyncio.Event()
        self.held.set()

    def chore(self) -> Chore:
        return chore("dishes", "Wash up.", "WASH_UP", lambda _: PERIOD_S, self.find, self.work)

    async def find(self, _ports: Ports) -> Sequence[str]:
        self.looks += 1
        if self.fault is not None:
            raise self.fault
        return [f"The {each} is dirty." for each in self.dirty]

    async def work(self, _ctx: StepContext) -> Done:
        await self.held.wait()
        washed, self.dirty = len(self.dirty), []
        return Done(result={"washed": washed})


@asynccontextmanager
async def controllers(cloud: SmallCloud, dishes: Dishes, number: int) -> AsyncIterator[None]:
    """``number`` controllers with a rota each, and a worker that can do the chore."""
    each = dishes.chore()
    workflows = {each.workflow.operation: each.workflow}
    engine = TaskEngine(
        cloud.store, cloud.clock, cloud.ports.ids, workflows, cloud.ports, worker_id="washer"
    )
    jobs = [Rota(cloud.ports, [each], not_paused).run() for _ in range(number)]
    running = [asyncio.ensure_future(job) for job in (*jobs, engine.run())]
    try:
        await cloud.clock.settle()
        yield
    finally:
        for job in running:
            job.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def record(cloud: SmallCloud) -> ChoreRecord:
    stored = await RECORDS.get(cloud.store, "dishes")
    assert stored is not None
    return stored.value


async def tasks_made(cloud: SmallCloud) -> int:
    return len((await cloud.store.list(entity_prefix(CHORE, "dishes"))).items)


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[SmallCloud]:
    async with SmallCloud(tmp_path) as small:
        yield small


async def test_nothing_found_makes_no_task(cloud: SmallCloud) -> None:
    dishes = Dishes()
    async with controllers(cloud, dishes, 1):
        await cloud.clock.advance(3 * PERIOD_S)
    assert dishes.looks == 4
    assert await tasks_made(cloud) == 0


async def test_of_several_controllers_one_looks_and_one_task_does_it(cloud: SmallCloud) -> None:
    dishes = Dishes()
    async with controllers(cloud, dishes, 3):
        dishes.dirty = ["pan", "pot"]
        await cloud.clock.advance(PERIOD_S)
        found = await record(cloud)
        task = await cloud.finish(found.task_id)
    assert dishes.looks == 2
    assert await tasks_made(cloud) == 1
    assert found.findings == ("The pan is dirty.", "The pot is dirty.")
    assert (task.operation, task.entity_kind, task.entity_id) == ("WASH_UP", CHORE, "dishes")
    assert task.state is TaskState.COMPLETED
    assert task.steps[0].result == {"washed": 2}


async def test_no_second_task_beside_one_that_has_not_ended(cloud: SmallCloud) -> None:
    dishes = Dishes()
    dishes.held.clear()
    async with controllers(cloud, dishes, 2):
        dishes.dirty = ["pan"]
        await cloud.clock.advance(4 * PERIOD_S)
        assert await tasks_made(cloud) == 1
        with pytest.raises(PermanentError, match="being done already") as caught:
            await chore_run(cloud.ports, ADMIN, {"dishes": dishes.chore()}, "dishes")
        assert caught.value.code == "ConcurrentTask"
        dishes.held.set()
        await cloud.finish((await record(cloud)).task_id)
        dishes.dirty = ["cup"]
        await cloud.clock.advance(PERIOD_S)
    assert await tasks_made(cloud) == 2


async def test_a_look_that_fails_is_told_and_tried_again(cloud: SmallCloud) -> None:
    dishes = Dishes()
    dishes.fault = PermanentError("StoreCorrupt", "The document of the pan is no pan.")
    async with controllers(cloud, dishes, 1):
        assert "is no pan" in (await record(cloud)).fault
        dishes.fault = None
        await cloud.clock.advance(PERIOD_S)
        assert (await record(cloud)).fault == ""


async def test_while_background_work_is_paused_nobody_looks(cloud: SmallCloud) -> None:
    dishes, paused = Dishes(), True

    async def is_paused() -> bool:
        return paused

    running = asyncio.ensure_future(Rota(cloud.ports, [dishes.chore()], is_paused).run())
    try:
        await cloud.clock.advance(2 * PERIOD_S)
        assert dishes.looks == 0
        paused = False
        await cloud.clock.advance(PERIOD_S)
        assert dishes.looks >= 1
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_by_hand_it_is_done_although_not_due_and_unknown_names_are_refused(
    cloud: SmallCloud,
) -> None:
    dishes = Dishes()
    known = {"dishes": dishes.chore()}
    async with controllers(cloud, dishes, 1):
        task = await cloud.do(chore_run, known, "dishes")
    assert task.state is TaskState.COMPLETED
    with pytest.raises(PermanentError, match="there are dishes") as caught:
        await chore_run(cloud.ports, ADMIN, known, "dirt")
    assert caught.value.code == "ChoreNotFound"
