"""Images made of VMs: the VM's content, in its project, or nothing at all."""

from __future__ import annotations

import pytest

from heliostat.agentlink.messages import Desired, DesiredCapture, Fault
from heliostat.content.references import referenced
from heliostat.controller.model.desired import CAPTURE, desired_key
from heliostat.controller.model.image import PROJECT, ImageState, Replication
from heliostat.controller.model.vm import VmState
from heliostat.controller.workflows import reading, vm
from heliostat.controller.workflows.kinds import IMAGES
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.tasks.model import TaskState
from heliostat.testing.cloud import SmallCloud


async def test_an_image_of_a_vm_is_of_its_project_and_makes_vms(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    task = await cloud.do(vm.vm_create_image, vm_id, "golden", Replication.ON_DEMAND)
    assert task.state is TaskState.COMPLETED
    assert [step.operation for step in task.steps] == ["CREATE_VM_IMAGE", "REPLICATE_IMAGE"]
    assert task.entity_kind == "image"
    image = (await reading.image(cloud.store, task.entity_id)).value
    assert (image.name, image.state, image.file_format) == ("golden", ImageState.READY, "qcow2")
    assert (image.scope.kind, image.scope.id) == (PROJECT, cloud.ids["project"])
    assert image.digest in await referenced(cloud.store)
    key = desired_key(cloud.ids["host-1"], CAPTURE, image.id)
    assert await cloud.store.get(key) is None, "its host is asked no more"
    assert (await reading.vm(cloud.store, vm_id)).value.task_id == ""
    await cloud.add_vm("copy", source_image_id=image.id)


async def test_only_a_stopped_vm_and_only_one_operation(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    await cloud.done(vm.vm_start, vm_id)
    with pytest.raises(HeliostatError, match="InvalidVmState"):
        await cloud.ask(vm.vm_create_image, vm_id, "golden", Replication.ON_DEMAND)
    await cloud.done(vm.vm_stop, vm_id)
    await cloud.rest()
    await cloud.ask(vm.vm_create_image, vm_id, "golden", Replication.ON_DEMAND)
    for verb in (vm.vm_start, vm.vm_delete):
        with pytest.raises(HeliostatError, match="ConcurrentTask"):
            await cloud.ask(verb, vm_id)


@pytest.mark.parametrize("code", ["DiskFull", "HypervisorFailed"])
async def test_a_host_that_fails_leaves_no_image(cloud: SmallCloud, code: str) -> None:
    vm_id = await cloud.add_vm()

    def refuses(item: Desired) -> Fault | None:
        wrong = isinstance(item, DesiredCapture)
        return Fault(code=code, message="no room", permanent=True) if wrong else None

    cloud.agents[cloud.ids["host-1"]].refuses = refuses
    task = await cloud.do(vm.vm_create_image, vm_id, "golden", Replication.EAGER)
    assert task.state is TaskState.ERROR
    assert task.steps[0].errors[0].code == code
    assert await IMAGES.get(cloud.store, task.entity_id) is None
    found = (await reading.vm(cloud.store, vm_id)).value
    assert (found.state, found.task_id) == (VmState.STOPPED, "")


async def test_content_that_is_no_image_is_refused(cloud: SmallCloud) -> None:
    """A host is believed to have made something, not what."""
    vm_id = await cloud.add_vm()
    cloud.images.error = PermanentError("InvalidImage", "The image refers to /etc/shadow.")
    task = await cloud.do(vm.vm_create_image, vm_id, "golden", Replication.EAGER)
    assert task.state is TaskState.ERROR
    assert await IMAGES.get(cloud.store, task.entity_id) is None
