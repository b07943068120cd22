"""Deleting a persistent disk: its host forgets it, then the books do."""

from __future__ import annotations

from msgspec.structs import replace

from heliostat.cloudstore.contract import AtRevision, Delete
from heliostat.controller.model.desired import DISK as DISK_PATH
from heliostat.controller.model.desired import desired_key
from heliostat.controller.model.disk import Disk, DiskState
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.convergence import gone
from heliostat.controller.workflows.disk_create import give_up
from heliostat.controller.workflows.disk_removal import removal
from heliostat.controller.workflows.kinds import DISK, DISKS
from heliostat.controller.workflows.requests import queued, refuse_busy
from heliostat.controller.workflows.steps import ports_of
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Done, StepContext, StepDefinition, Workflow


async def disk_delete(ports: Ports, caller: Caller, disk_id: str) -> Admission:
    """Delete a disk that is not attached for good; also one in ERROR or deleted and kept."""
    stored = await reading.disk(ports.store, disk_id)
    disk = stored.value
    refuse_busy("disk", disk)
    refuse_attached(disk)
    task = queued(
        ports,
        caller,
        DELETE_DISK,
        DISK,
        disk_id,
        tenant_id=disk.tenant_id,
        project_id=disk.project_id,
    )
    changed = replace(disk, task_id=task.id)
    return Admission(task, (DISKS.guard(stored),), tuple(DISKS.put(changed, disk)))


def refuse_attached(disk: Disk) -> None:
    if disk.state is DiskState.ATTACHED:
        raise PermanentError(
            "PersistentDiskAttached",
            f"The disk {disk.name} is attached to the VM {disk.vm_id}.",
            data={"vmId": disk.vm_id},
        )


async def _delete(ctx: StepContext) -> Done:
    disk = (await reading.disk(ctx.store, ctx.task.entity_id)).value
    if not disk.host_id:
        return Done()
    key = desired_key(disk.host_id, DISK_PATH, disk.id)
    document = await ctx.store.get(key)
    if document is not None:
        await ctx.commit([AtRevision(key, document.revision)], [Delete(key)])
    timeout_s = ports_of(ctx).settings.delete_timeout_s
    await gone(ctx, disk.host_id, DISK_PATH, disk.id, f"remove the disk {disk.name}", timeout_s)
    return Done()


async def _release(ctx: StepContext) -> Done:
    stored = await DISKS.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    guards, changes = await removal(ctx.store, stored, ctx.clock.now_ms())
    return Done(changes=changes, guards=guards)


DELETE_DISK = Workflow(
    "DELETE_DISK",
    (
        StepDefinition("DELETE_DISK", _delete, undo=give_up, skippable=True),
        StepDefinition("RELEASE_RESOURCE", _release),
    ),
    stuck=give_up,
)
