"""Many placements at once: every reservation is right, and none is refused for nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from heliostat.cloudstore.contract import CloudStore, Put
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.controller.workflows import reading, vm
from heliostat.controller.workflows.audit import audit
from heliostat.controller.workflows.catalogue import WORKFLOWS
from heliostat.controller.workflows.commit import changes_of, perform
from heliostat.controller.workflows.kinds import RESERVATIONS
from heliostat.core.clock import Clock, SystemClock
from heliostat.tasks.engine import TaskEngine
from heliostat.tasks.model import TaskState
from heliostat.testing.cloud import ADMIN, SmallCloud
from heliostat.testing.crash import ended
from heliostat.testing.hosts import FakeAgent, some_facts


async def test_many_at_once_fill_the_fleet_exactly(tmp_path: Path) -> None:
    async with SmallCloud(tmp_path) as cloud:
        await cloud.furnish(hosts=0)
        for number in range(4):
            facts = some_facts(memory_mib=4400)
            await cloud.add_host(f"10.0.0.{number}", facts=facts)
        await cloud.rest()
        project_id = cloud.ids["project"]
        admissions = [
            await cloud.ask(vm.vm_create, project_id, cloud.vm_spec(f"vm-{number}"))
            for number in range(18)
        ]
        cloud.work()
        tasks = [await cloud.finish(each.task.id) for each in admissions]
        states = Counter(task.state for task in tasks)
        assert states == {TaskState.COMPLETED: 16, TaskState.ERROR: 2}
        refused = [task for task in tasks if task.state is TaskState.ERROR]
        assert {task.steps[0].errors[0].code for task in refused} == {"NotEnoughMemoryResource"}
        held = [each.value for each in await RESERVATIONS.all(cloud.store)]
        assert sorted(len(each.vms) for each in held) == [4, 4, 4, 4]
        for each in await reading.vms(cloud.store, project_id):
            await cloud.done(vm.vm_delete, each.id)
        assert await RESERVATIONS.all(cloud.store) == []
        assert await audit(cloud.store) == []


async def test_a_crowd_around_one_quota_is_served(tmp_path: Path) -> None:
    """Durable store, real concurrency: everybody decides at once, nobody is turned away."""
    clock = SystemClock()
    store = await SqliteStore.open(tmp_path / "store.db", clock)
    async with SmallCloud(tmp_path) as plain:
        await plain.furnish(hosts=0)
        ports = replace(plain.ports, store=store, clock=clock)
        for key, value in await _everything(plain):
            await store.commit([], [Put(key, value)])
        project_id = plain.ids["project"]

        async def create(number: int) -> None:
            spec = plain.vm_spec(f"vm-{number}")
            await perform(ports, lambda: vm.vm_create(ports, ADMIN, project_id, spec))

        await asyncio.gather(*(create(number) for number in range(200)))
        assert len(await reading.vms(store, project_id)) == 200
        assert await audit(store) == []
    await store.close()


async def test_two_controllers_share_one_host(tmp_path: Path) -> None:
    """Two workers with nothing in common but a durable store: each reservation counts once."""
    clock = SystemClock()
    store = await SqliteStore.open(tmp_path / "store.db", clock)
    async with AsyncExitStack() as stack, SmallCloud(tmp_path) as plain:
        await plain.furnish(hosts=1)
        for key, value in await _everything(plain):
            await store.commit([], [Put(key, value)])
        await stack.enter_async_context(FakeAgent(store, clock, plain.ids["host-1"]))
        tasks = []
        for number in range(24):  # of 1 GiB each, where 15 fit
            spec = plain.vm_spec(f"vm-{number}")
            admission = await vm.vm_create(
                replace(plain.ports, store=store), ADMIN, plain.ids["project"], spec
            )
            await store.commit(admission.guards, changes_of(admission))
            tasks.append(admission.task.id)
        engines = [_engine(plain, store, clock, name) for name in ("one", "other")]
        running = [asyncio.create_task(engine.run()) for engine in engines]
        async with asyncio.timeout(60):
            await asyncio.gather(*(ended(store, each) for each in tasks))
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        assert len(await reading.vms(store, plain.ids["project"])) == 15
        assert await audit(store) == []
    await store.close()


def _engine(cloud: SmallCloud, store: CloudStore, clock: Clock, name: str) -> TaskEngine:
    ports = replace(cloud.ports, store=store, clock=clock)
    return TaskEngine(store, clock, cloud.ports.ids, WORKFLOWS, ports, worker_id=name)


async def _everything(cloud: SmallCloud) -> list[tuple[str, bytes]]:
    """What the furnished cloud holds, without leases."""
    page = await cloud.store.list("/", limit=1000)
    assert page.after is None
    return [(each.key, each.value) for each in page.items if not each.key.startswith("/lease/")]
