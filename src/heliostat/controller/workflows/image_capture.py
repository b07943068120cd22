"""Making an image of a VM's boot disk: its host flattens it and gives us the content.

VM and image are both under the task until the content is here: the VM can't be
started meanwhile, and the image can't be used.  The image belongs to the VM's
project, since its content does.  A capture that fails leaves no image, and the VM
as it was.
"""

from __future__ import annotations

from msgspec.structs import replace

from heliostat.agentlink.messages import DesiredCapture
from heliostat.cloudstore.contract import Change, Delete, Guard
from heliostat.content.references import Owner, add
from heliostat.controller.model.desired import CAPTURE, desired_key
from heliostat.controller.model.image import (
    PROJECT,
    Image,
    ImageScope,
    ImageState,
    Replication,
)
from heliostat.controller.model.vm import VmState
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.convergence import capture_converged, want
from heliostat.controller.workflows.image import REPLICATE, check_image_name, give_up_image
from heliostat.controller.workflows.kinds import IMAGE, IMAGES, PROJECT_KIND, PROJECTS, VMS
from heliostat.controller.workflows.requests import queued, refuse_busy
from heliostat.controller.workflows.roles import require
from heliostat.controller.workflows.steps import ports_of, text_input
from heliostat.controller.workflows.unused import image_removal
from heliostat.core.errors import PermanentError
from heliostat.core.roles import Role
from heliostat.core.units import GIB
from heliostat.tasks.model import Done, StepContext, StepDefinition, Workflow


async def vm_create_image(
    ports: Ports, caller: Caller, vm_id: str, name: str, replication: Replication
) -> Admission:
    """An image in CREATING, of the boot disk of a VM that is STOPPED."""
    stored = await reading.vm(ports.store, vm_id)
    vm = stored.value
    refuse_busy("VM", vm)
    if vm.state is not VmState.STOPPED:
        raise PermanentError(
            "InvalidVmState",
            f"The VM {vm.name} is {vm.state}; an image can be made of it while it is STOPPED.",
            data={"state": str(vm.state)},
        )
    check_image_name(name)
    project = await reading.project(ports.store, vm.project_id)
    refuse_busy("project", project.value)
    await require(ports.store, caller, PROJECT_KIND, vm.project_id, Role.CONTRIBUTOR)
    image = Image(
        id=ports.ids.new_id(),
        name=name,
        state=ImageState.CREATING,
        scope=ImageScope(kind=PROJECT, id=vm.project_id),
        replication=replication,
        size_bytes=sum(disk.capacity_gb for disk in vm.disks if disk.boot) * GIB,
        upload_digest="",
        created_ms=ports.clock.now_ms(),
    )
    task = queued(
        ports,
        caller,
        CREATE_VM_IMAGE,
        IMAGE,
        image.id,
        tenant_id=vm.tenant_id,
        project_id=vm.project_id,
        input={"vmId": vm.id, "hostId": vm.host_id},
    )
    return Admission(
        task,
        (VMS.guard(stored), PROJECTS.guard(project)),
        (
            *VMS.put(replace(vm, task_id=task.id), vm),
            *IMAGES.put(replace(image, task_id=task.id)),
        ),
    )


def _wanted_key(ctx: StepContext) -> str:
    return desired_key(text_input(ctx, "hostId"), CAPTURE, ctx.task.entity_id)


async def _capture(ctx: StepContext) -> Done:
    """Have the host make the content and send it; see for ourselves that it is an image."""
    ports, image_id = ports_of(ctx), ctx.task.entity_id
    vm_id, host_id = text_input(ctx, "vmId"), text_input(ctx, "hostId")
    vm = (await reading.vm(ctx.store, vm_id)).value
    revision = await want(ctx, _wanted_key(ctx), DesiredCapture(id=image_id, vm_id=vm_id))
    doing = f"make an image of the VM {vm.name}"
    timeout_s = ports.settings.capture_timeout_s
    report = await capture_converged(ctx, host_id, image_id, revision, doing, timeout_s)
    made = await ports.images.examine(ports.blobs, report.digest, ports.settings.max_image_bytes)
    stored = await reading.image(ctx.store, image_id)
    known = replace(
        stored.value,
        digest=made.digest,
        blob_size_bytes=made.blob_size_bytes,
        size_bytes=made.virtual_size_bytes,
        file_format=made.file_format,
    )
    reference = add(made.digest, Owner(IMAGE, image_id))
    guards, freed = await _free_vm(ctx)
    ctx.explain(
        "image",
        f"The boot disk of {vm.name} became a qcow2 of {made.blob_size_bytes} bytes, "
        f"{made.virtual_size_bytes} virtual.",
    )
    return Done(
        changes=[
            *IMAGES.put(known, stored.value),
            *reference.changes,
            *freed,
            Delete(_wanted_key(ctx)),
        ],
        guards=[IMAGES.guard(stored), *reference.guards, *guards],
        result={"digest": made.digest},
    )


async def _free_vm(ctx: StepContext) -> tuple[list[Guard], list[Change]]:
    """The VM out of this task, if it still is in it."""
    stored = await VMS.get(ctx.store, text_input(ctx, "vmId"))
    if stored is None or stored.value.task_id != ctx.task.id:
        return [], []
    return [VMS.guard(stored)], VMS.put(replace(stored.value, task_id=""), stored.value)


async def _uncapture(ctx: StepContext) -> Done:
    """No image, no reference to content, nothing wanted of the host; the VM is free."""
    guards, changes = await _free_vm(ctx)
    stored = await IMAGES.get(ctx.store, ctx.task.entity_id)
    if stored is not None:
        guards.append(IMAGES.guard(stored))
        changes.extend(image_removal(stored.value))
    return Done(changes=[*changes, Delete(_wanted_key(ctx))], guards=guards)


async def _give_up(ctx: StepContext) -> Done:
    done = await give_up_image(ctx)
    guards, changes = await _free_vm(ctx)
    return Done(
        changes=[*done.changes, *changes, Delete(_wanted_key(ctx))],
        guards=[*done.guards, *guards],
    )


CREATE_VM_IMAGE = Workflow(
    "CREATE_VM_IMAGE",
    (StepDefinition("CREATE_VM_IMAGE", _capture, undo=_uncapture, expected_s=300.0), REPLICATE),
    stuck=_give_up,
)
