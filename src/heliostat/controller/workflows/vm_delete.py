"""Deleting a VM: its host forgets it, then the books do."""

from __future__ import annotations

from msgspec.structs import replace

from heliostat.cloudstore.contract import AtRevision, Delete
from heliostat.controller.model.desired import VM as VM_PATH
from heliostat.controller.model.desired import desired_key
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.convergence import gone
from heliostat.controller.workflows.kinds import VM, VMS
from heliostat.controller.workflows.requests import queued, refuse_busy
from heliostat.controller.workflows.steps import ports_of
from heliostat.controller.workflows.vm_create import give_up
from heliostat.controller.workflows.vm_removal import removal
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Done, StepContext, StepDefinition, Workflow


async def vm_delete(ports: Ports, caller: Caller, vm_id: str) -> Admission:
    """Delete a VM that is off and has no persistent disk; also one in ERROR."""
    stored = await reading.vm(ports.store, vm_id)
    vm = stored.value
    refuse_busy("VM", vm)
    if vm.attached_disk_ids:
        raise PermanentError(
            "PersistentDiskAttached",
            f"The VM {vm.name} has {len(vm.attached_disk_ids)} persistent disk(s) attached: "
            f"{', '.join(vm.attached_disk_ids)}.",
            data={"disks": list(vm.attached_disk_ids)},
        )
    if not vm.state.is_off:
        raise PermanentError(
            "InvalidVmState", f"The VM {vm.name} is {vm.state}; it can be deleted when STOPPED."
        )
    task = queued(
        ports, caller, DELETE_VM, VM, vm_id, tenant_id=vm.tenant_id, project_id=vm.project_id
    )
    changed = replace(vm, task_id=task.id)
    return Admission(task, (VMS.guard(stored),), tuple(VMS.put(changed, vm)))


async def _delete(ctx: StepContext) -> Done:
    vm = (await reading.vm(ctx.store, ctx.task.entity_id)).value
    if not vm.host_id:
        return Done()
    key = desired_key(vm.host_id, VM_PATH, vm.id)
    document = await ctx.store.get(key)
    if document is not None:
        await ctx.commit([AtRevision(key, document.revision)], [Delete(key)])
    timeout_s = ports_of(ctx).settings.delete_timeout_s
    await gone(ctx, vm.host_id, VM_PATH, vm.id, f"remove the VM {vm.name}", timeout_s)
    return Done()


async def _undelete(ctx: StepContext) -> Done:
    """A half-deleted VM can't be had back: it is in ERROR, and delete may be tried again."""
    return await give_up(ctx)


async def _release(ctx: StepContext) -> Done:
    stored = await VMS.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    guards, changes = await removal(ctx.store, stored, ctx.clock.now_ms())
    return Done(changes=changes, guards=guards)


DELETE_VM = Workflow(
    "DELETE_VM",
    (
        StepDefinition("DELETE_VM", _delete, undo=_undelete, skippable=True),
        StepDefinition("RELEASE_RESOURCE", _release),
    ),
    stuck=give_up,
)
