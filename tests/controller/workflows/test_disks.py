"""Persistent disks: created, attached, detached, deleted."""

from __future__ import annotations

import pytest

from heliostat.agentlink.messages import Desired, DesiredVm, Fault
from heliostat.controller.model.affinity import Affinity
from heliostat.controller.model.disk import DiskSpec
from heliostat.controller.workflows import disk, reading, vm
from heliostat.core.errors import HeliostatError
from heliostat.tasks.model import TaskState
from heliostat.testing.cloud import SmallCloud


async def test_life_of_a_disk(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    disk_id = await cloud.add_disk(affinities=(Affinity(kind="vm", id=vm_id),))
    await cloud.done(vm.vm_start, vm_id)
    await cloud.done(disk.disk_attach, vm_id, disk_id)
    found = (await reading.disk(cloud.store, disk_id)).value
    assert (found.state, found.vm_id) == ("ATTACHED", vm_id)
    await cloud.check()
    for verb, args in ((disk.disk_delete, (disk_id,)), (vm.vm_delete, (vm_id,))):
        with pytest.raises(HeliostatError, match="PersistentDiskAttached"):
            await cloud.ask(verb, *args)
    await cloud.done(disk.disk_detach, vm_id, disk_id)
    await cloud.check()
    await cloud.done(disk.disk_delete, disk_id)
    assert await reading.disks(cloud.store, cloud.ids["project"]) == []


async def test_failed_attach_leaves_both_free(cloud: SmallCloud) -> None:
    vm_id, disk_id = await cloud.add_vm(), await cloud.add_disk()

    def refuses(item: Desired) -> Fault | None:
        many = isinstance(item, DesiredVm) and len(item.disks) > 1
        return Fault(code="HypervisorFailed", message="no slot", permanent=True) if many else None

    cloud.agents[cloud.ids["host-1"]].refuses = refuses
    task = await cloud.do(disk.disk_attach, vm_id, disk_id)
    assert task.state is TaskState.ERROR
    found = (await reading.disk(cloud.store, disk_id)).value
    assert (found.state, found.task_id, found.vm_id) == ("DETACHED", "", "")
    assert (await reading.vm(cloud.store, vm_id)).value.attached_disk_ids == ()


async def test_disk_elsewhere_can_not_be_attached(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    other = await cloud.add_host("10.0.0.2")
    disk_id = await cloud.add_disk(affinities=(Affinity(kind="host", id=other),))
    with pytest.raises(HeliostatError, match="UnfullfillableDiskAffinities"):
        await cloud.ask(disk.disk_attach, vm_id, disk_id)


async def test_a_vm_goes_to_its_disk(cloud: SmallCloud) -> None:
    other = await cloud.add_host("10.0.0.2")
    disk_id = await cloud.add_disk(affinities=(Affinity(kind="host", id=other),))
    vm_id = await cloud.add_vm(affinities=(Affinity(kind="disk", id=disk_id),))
    await cloud.done(disk.disk_attach, vm_id, disk_id)


async def test_detaching_what_is_not_attached(cloud: SmallCloud) -> None:
    vm_id, disk_id = await cloud.add_vm(), await cloud.add_disk()
    with pytest.raises(HeliostatError, match="InvalidDiskState"):
        await cloud.ask(disk.disk_detach, vm_id, disk_id)


async def test_disk_that_fits_nowhere(cloud: SmallCloud) -> None:
    spec = DiskSpec(name="big", flavor="persistent", capacity_gb=1000)
    task = await cloud.do(disk.disk_create, cloud.ids["project"], spec)
    assert task.steps[0].errors[0].code == "NotEnoughDatastoreCapacity"
    assert await reading.disks(cloud.store, cloud.ids["project"]) == []


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (DiskSpec(name="d", flavor="none", capacity_gb=1), "InvalidFlavor"),
        (DiskSpec(name="d", flavor="persistent", capacity_gb=0), "InvalidEntity"),
        (DiskSpec(name="d", flavor="persistent", capacity_gb=1, kind="vm"), "InvalidEntity"),
        (DiskSpec(name="-", flavor="persistent", capacity_gb=1), "InvalidEntity"),
    ],
)
async def test_bad_specs(cloud: SmallCloud, spec: DiskSpec, code: str) -> None:
    with pytest.raises(HeliostatError, match=code):
        await cloud.ask(disk.disk_create, cloud.ids["project"], spec)
