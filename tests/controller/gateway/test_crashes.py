"""A crash leaves one task, however often and by whomever its report is seen."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from heliostat.agentlink.messages import GuestState, ReportedVm
from heliostat.cloudstore.contract import Put
from heliostat.cloudstore.memory import MemoryStore
from heliostat.controller.gateway.crashes import OPERATION, record_crashes
from heliostat.controller.model.desired import reported_key
from heliostat.controller.model.vm import Vm, VmState
from heliostat.controller.workflows.kinds import VMS
from heliostat.core.clock import SystemClock
from heliostat.core.ids import SystemIds
from heliostat.tasks.indexes import entity_prefix
from heliostat.tasks.model import Task, TaskState, task_key

VM = Vm(
    id="v1",
    project_id="p1",
    tenant_id="t1",
    name="web",
    state=VmState.STARTED,
    flavor_id="f1",
    flavor="small",
    cpu_count=1,
    memory_mib=256,
    image_id="i1",
    image_digest="",
    disks=(),
    cost=(),
    mac="52:54:00:00:00:01",
    host_id="h1",
)


async def report(
    store: MemoryStore, crashes: int, state: GuestState, *, revision: int = 5, host_id: str = "h1"
) -> None:
    told = ReportedVm(
        id="v1", revision=revision, settled=True, state=state, crashes=crashes, detail="exit 139"
    )
    await store.commit([], [Put(reported_key(host_id, "vm", "v1"), msgspec.json.encode(told))])


async def crash_tasks(store: MemoryStore, count: int) -> list[Task]:
    """The VM's tasks once there are ``count``."""
    prefix = entity_prefix("vm", "v1")
    async with asyncio.timeout(10):
        since = await store.revision()
        if len((await store.list(prefix)).items) < count:
            async for _ in store.watch(prefix, since):
                if len((await store.list(prefix)).items) >= count:
                    break
    keys = [item.key for item in (await store.list(prefix)).items]
    ids = [key.rpartition("/")[2] for key in keys]
    documents = [await store.get(task_key(each[-36:])) for each in ids]
    return [msgspec.json.decode(each.value, type=Task) for each in documents if each is not None]


@pytest.mark.parametrize("seen_late", [False, True])
async def test_a_crash_is_told_once(seen_late: bool) -> None:
    store = MemoryStore(SystemClock())
    await store.commit([], VMS.put(VM))
    if seen_late:
        await report(store, 1, GuestState.RUNNING)
    watchers = [
        asyncio.create_task(record_crashes(store, SystemClock(), SystemIds())) for _ in range(2)
    ]
    if not seen_late:
        await report(store, 0, GuestState.RUNNING)
        await report(store, 1, GuestState.RUNNING)
    (task,) = await crash_tasks(store, 1)
    assert (task.operation, task.state) == (OPERATION, TaskState.ERROR)
    assert task.project_id == "p1"
    (problem,) = task.steps[0].errors
    assert problem.code == "GuestCrashed"
    assert "started again" in problem.message
    assert problem.data == {"detail": "exit 139"}
    await report(store, 2, GuestState.CRASHED)
    tasks = await crash_tasks(store, 2)
    assert len(tasks) == 2
    assert any("stays stopped" in each.steps[0].errors[0].message for each in tasks)
    for watcher in watchers:
        watcher.cancel()
    await asyncio.gather(*watchers, return_exceptions=True)
    await store.close()


async def test_a_host_tells_nothing_of_vms_elsewhere() -> None:
    store = MemoryStore(SystemClock())
    await store.commit([], VMS.put(VM))
    await report(store, 7, GuestState.CRASHED, host_id="h2")
    watcher = asyncio.create_task(record_crashes(store, SystemClock(), SystemIds()))
    await report(store, 1, GuestState.CRASHED)
    (task,) = await crash_tasks(store, 1)
    assert "crash 1." in task.steps[0].errors[0].message
    watcher.cancel()
    await asyncio.gather(watcher, return_exceptions=True)
    await store.close()
