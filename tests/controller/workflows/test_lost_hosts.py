"""VMs whose host is lost or lies: they can be read, saved from, and removed."""

from __future__ import annotations

import msgspec
import pytest

from heliostat.agentlink.messages import ReportedVm
from heliostat.cloudstore.contract import Delete, Put
from heliostat.controller.model.affinity import Affinity
from heliostat.controller.model.desired import desired_key, reported_key
from heliostat.controller.model.disk import DiskState
from heliostat.controller.workflows import disk, reading, vm
from heliostat.controller.workflows.kinds import VMS
from heliostat.core.errors import HeliostatError
from heliostat.tasks.model import TaskState
from heliostat.testing.cloud import SmallCloud


async def running_with_disk(cloud: SmallCloud) -> tuple[str, str]:
    vm_id = await cloud.add_vm()
    disk_id = await cloud.add_disk(affinities=(Affinity(kind="vm", id=vm_id),))
    await cloud.done(disk.disk_attach, vm_id, disk_id)
    await cloud.done(vm.vm_start, vm_id)
    return vm_id, disk_id


async def test_a_vm_on_a_lost_host_is_removed_by_force(cloud: SmallCloud) -> None:
    """Its disk is kept and free; a host that comes back is not asked for the VM."""
    vm_id, disk_id = await running_with_disk(cloud)
    await cloud.agents[cloud.ids["host-1"]].cut()
    with pytest.raises(HeliostatError, match="PersistentDiskAttached"):
        await cloud.ask(vm.vm_delete, vm_id)
    planned = await cloud.plan(vm.vm_delete, vm_id, force=True)
    assert "detached" in planned.warnings[0].message
    task = await cloud.do(vm.vm_delete, vm_id, force=True)
    assert task.state is TaskState.COMPLETED
    assert await VMS.get(cloud.store, vm_id) is None
    found = (await reading.disk(cloud.store, disk_id)).value
    assert (found.state, found.vm_id) == (DiskState.DETACHED, "")
    assert await cloud.store.get(desired_key(cloud.ids["host-1"], "vm", vm_id)) is None


async def test_force_is_refused_while_the_host_answers(cloud: SmallCloud) -> None:
    vm_id, _ = await running_with_disk(cloud)
    with pytest.raises(HeliostatError, match="need not be forced"):
        await cloud.ask(vm.vm_delete, vm_id, force=True)


async def test_a_vm_that_its_agent_does_not_know_is_deleted(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    await cloud.store.commit([], [Delete(reported_key(cloud.ids["host-1"], "vm", vm_id))])
    task = await cloud.do(vm.vm_delete, vm_id)
    assert task.state is TaskState.COMPLETED


async def test_suspend_is_refused_for_what_the_host_chose(cloud: SmallCloud) -> None:
    """On the request, not by the task: the VM left its bus to a host set to NVMe."""
    vm_id = await cloud.add_vm()
    await cloud.done(vm.vm_start, vm_id)
    key = reported_key(cloud.ids["host-1"], "vm", vm_id)
    document = await cloud.store.get(key)
    assert document is not None
    report = msgspec.json.decode(document.value, type=ReportedVm)
    told = msgspec.structs.replace(report, boot_bus="nvme")
    await cloud.store.commit([], [Put(key, msgspec.json.encode(told))])
    with pytest.raises(HeliostatError, match="NVMe"):
        await cloud.ask(vm.vm_suspend, vm_id)
