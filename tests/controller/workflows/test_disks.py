"""Persistent disks: created, attached, detached, deleted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from heliostat.agentlink.messages import Desired, DesiredVm, Fault
from heliostat.controller.chores.catalogue import CHORES
from heliostat.controller.chores.verbs import chore_run
from heliostat.controller.model.affinity import Affinity
from heliostat.controller.model.desired import DISK, desired_key
from heliostat.controller.model.disk import DiskSpec
from heliostat.controller.workflows import disk, reading, vm
from heliostat.controller.workflows.settings import WorkflowSettings
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


async def test_a_deleted_disk_is_kept_and_can_be_had_back(cloud: SmallCloud) -> None:
    disk_id = await cloud.add_disk()
    task = await cloud.do(disk.disk_discard, disk_id)
    until_ms = task.resource_properties["deletedUntil"]
    assert until_ms == cloud.clock.now_ms() + 86_400_000
    found = (await reading.disk(cloud.store, disk_id)).value
    assert (found.state, found.deleted_until_ms) == ("DELETED", until_ms)
    key = desired_key(cloud.ids["host-1"], DISK, disk_id)
    assert await cloud.store.get(key) is not None
    await cloud.check()
    await cloud.done(disk.disk_restore, disk_id)
    vm_id = await cloud.add_vm()
    await cloud.done(disk.disk_attach, vm_id, disk_id)
    await cloud.check()


async def test_a_deleted_disk_takes_part_in_nothing(cloud: SmallCloud) -> None:
    vm_id, disk_id = await cloud.add_vm(), await cloud.add_disk()
    await cloud.done(disk.disk_discard, disk_id)
    for verb, args in (
        (disk.disk_attach, (vm_id, disk_id)),
        (disk.disk_discard, (disk_id,)),
    ):
        with pytest.raises(HeliostatError, match="InvalidDiskState"):
            await cloud.ask(verb, *args)
    near = cloud.vm_spec("two", affinities=(Affinity(kind="disk", id=disk_id),))
    with pytest.raises(HeliostatError, match="is deleted; restore it first"):
        await cloud.ask(vm.vm_create, cloud.ids["project"], near)


async def test_after_its_time_a_deleted_disk_is_gone_by_the_clock(cloud: SmallCloud) -> None:
    """Not a moment later because nobody came by; then the chore removes it for good."""
    disk_id = await cloud.add_disk()
    await cloud.done(disk.disk_discard, disk_id)
    await cloud.clock.advance(86_399)
    assert await CHORES["deleted-disks"].find(cloud.ports) == []
    await cloud.clock.advance(1)
    with pytest.raises(HeliostatError, match="it is being removed"):
        await cloud.ask(disk.disk_restore, disk_id)
    assert len(await CHORES["deleted-disks"].find(cloud.ports)) == 1
    task = await cloud.do(chore_run, CHORES, "deleted-disks")
    (asked,) = task.steps[0].result["tasks"]
    assert (await cloud.finish(asked)).state is TaskState.COMPLETED
    assert await reading.disks(cloud.store, cloud.ids["project"]) == []
    await cloud.check()


async def test_without_a_grace_time_a_disk_goes_at_once(tmp_path: Path) -> None:
    async with SmallCloud(tmp_path) as cloud:
        cloud.ports = replace(cloud.ports, settings=WorkflowSettings(disk_grace_s=0.0))
        await cloud.furnish()
        disk_id = await cloud.add_disk()
        await cloud.done(disk.disk_discard, disk_id)
        assert await reading.disks(cloud.store, cloud.ids["project"]) == []
