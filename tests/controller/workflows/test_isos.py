"""ISOs: attached, detached, and their content kept exactly as long as it is needed."""

from __future__ import annotations

import pytest

from heliostat.agentlink.messages import Desired, DesiredVm, Fault
from heliostat.cloudstore.documents import decode
from heliostat.content.references import referenced
from heliostat.controller.model.desired import desired_key
from heliostat.controller.model.vm import VmState
from heliostat.controller.workflows import reading, vm
from heliostat.controller.workflows.kinds import VMS
from heliostat.core.errors import HeliostatError
from heliostat.tasks.model import TaskState
from heliostat.testing.cloud import SmallCloud

ISO_9660 = bytes(16 * 2048) + b"\x01CD001" + bytes(2042)


async def wanted_iso(cloud: SmallCloud, vm_id: str) -> str:
    document = await cloud.store.get(desired_key(cloud.ids["host-1"], "vm", vm_id))
    assert document is not None
    desired = decode(DesiredVm, document)
    return desired.iso.digest if desired.iso is not None else ""


async def test_life_of_an_iso(cloud: SmallCloud) -> None:
    """Attached while it runs, still there after suspend and restart, gone with the detach."""
    vm_id = await cloud.add_vm()
    await cloud.done(vm.vm_start, vm_id)
    staged = cloud.stage(ISO_9660)
    task = await cloud.do(vm.iso_attach, vm_id, "tools.iso", staged)
    assert [step.operation for step in task.steps] == ["UPLOAD_ISO", "ATTACH_ISO"]
    assert task.steps[0].warnings == []
    assert "ISO 9660" in task.steps[0].explanations[0].reason
    iso = (await reading.vm(cloud.store, vm_id)).value.iso
    assert iso is not None
    assert (iso.name, iso.size_bytes, iso.digest) == ("tools.iso", len(ISO_9660), staged.digest)
    for verb in (vm.vm_suspend, vm.vm_resume, vm.vm_restart):
        await cloud.done(verb, vm_id)
        assert await wanted_iso(cloud, vm_id) == staged.digest
    assert staged.digest in await referenced(cloud.store)
    await cloud.check()
    await cloud.done(vm.iso_detach, vm_id)
    assert (await reading.vm(cloud.store, vm_id)).value.iso is None
    assert await wanted_iso(cloud, vm_id) == ""
    assert staged.digest not in await referenced(cloud.store)


async def test_one_iso_a_vm(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    with pytest.raises(HeliostatError, match="NoIsoAttached"):
        await cloud.ask(vm.iso_detach, vm_id)
    await cloud.done(vm.iso_attach, vm_id, "one.iso", cloud.stage(b"one"))
    with pytest.raises(HeliostatError, match="IsoAlreadyAttached"):
        await cloud.ask(vm.iso_attach, vm_id, "two.iso", cloud.stage(b"two"))


async def test_a_suspended_vm_keeps_its_drive_as_it_is(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    await cloud.done(vm.iso_attach, vm_id, "one.iso", cloud.stage(b"one"))
    await cloud.done(vm.vm_start, vm_id)
    await cloud.done(vm.vm_suspend, vm_id)
    with pytest.raises(HeliostatError, match="InvalidVmState"):
        await cloud.ask(vm.iso_detach, vm_id)


async def test_plain_bytes_are_taken_with_a_warning(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    task = await cloud.do(vm.iso_attach, vm_id, "raw.bin", cloud.stage(b"no file system"))
    assert task.state is TaskState.COMPLETED
    (warning,) = task.steps[0].warnings
    assert "neither ISO 9660 nor UDF" in warning.message


async def test_a_refused_iso_leaves_nothing(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()

    def refuses(item: Desired) -> Fault | None:
        has_iso = isinstance(item, DesiredVm) and item.iso is not None
        return Fault(code="DiskFull", message="no room", permanent=True) if has_iso else None

    cloud.agents[cloud.ids["host-1"]].refuses = refuses
    staged = cloud.stage(b"too big")
    task = await cloud.do(vm.iso_attach, vm_id, "big.iso", staged)
    assert task.state is TaskState.ERROR
    assert task.steps[1].errors[0].code == "DiskFull"
    found = (await reading.vm(cloud.store, vm_id)).value
    assert (found.iso, found.task_id, found.state) == (None, "", VmState.STOPPED)
    assert staged.digest not in await referenced(cloud.store)
    assert await wanted_iso(cloud, vm_id) == ""


async def test_the_iso_goes_with_its_vm(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    staged = cloud.stage(b"disc")
    await cloud.done(vm.iso_attach, vm_id, "one.iso", staged)
    await cloud.done(vm.vm_delete, vm_id)
    assert await VMS.get(cloud.store, vm_id) is None
    assert staged.digest not in await referenced(cloud.store)
