"""Deleting a VM: its host forgets it, then the books do."""

from __future__ import annotations

from msgspec.structs import replace

from heliostat.cloudstore.contract import AtRevision, Delete
from heliostat.controller.model.desired import VM as VM_PATH
from heliostat.controller.model.desired import desired_key
from heliostat.controller.model.disk import DiskState
from heliostat.controller.model.vm import Vm
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.convergence import gone
from heliostat.controller.workflows.kinds import DISKS, VM, VMS
from heliostat.controller.workflows.requests import queued, refuse_busy
from heliostat.controller.workflows.steps import ports_of
from heliostat.controller.workflows.vm_create import give_up
from heliostat.controller.workflows.vm_removal import removal
from heliostat.core.counting import counted
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Done, Problem, StepContext, StepDefinition, Workflow


async def vm_delete(ports: Ports, caller: Caller, vm_id: str, *, force: bool = False) -> Admission:
    """Delete a VM that is off and has no persistent disk; also one in ERROR.

    ``force`` is for a VM whose host is lost: whatever its state, the host is not waited
    for, and persistent disks are detached.  A host that comes back removes the guest.
    """
    stored = await reading.vm(ports.store, vm_id)
    vm = stored.value
    refuse_busy("VM", vm)
    if force:
        await _refuse_if_present(ports, vm)
    else:
        _refuse_unless_idle(vm)
    warnings = _warnings(vm) if force else ()
    task = queued(
        ports,
        caller,
        DELETE_VM,
        VM,
        vm_id,
        tenant_id=vm.tenant_id,
        project_id=vm.project_id,
        input={"force": force},
        warnings=warnings,
    )
    changes = VMS.put(replace(vm, task_id=task.id), vm)
    return Admission(task, (VMS.guard(stored),), tuple(changes), warnings=warnings)


async def _refuse_if_present(ports: Ports, vm: Vm) -> None:
    if vm.host_id and await reading.agent_is_active(ports.store, vm.host_id):
        name = await reading.host_name(ports.store, vm.host_id)
        raise PermanentError(
            "InvalidOperation",
            f"The agent of host {name} is connected, so the VM {vm.name} need not be forced.",
            hint="Stop the VM and detach its disks, then delete it without force.",
            data={"hostId": vm.host_id},
        )


def _warnings(vm: Vm) -> tuple[Problem, ...]:
    if not vm.attached_disk_ids:
        return ()
    disks = counted(len(vm.attached_disk_ids), "persistent disk")
    told = f"What is detached stays on the lost host: {disks}."
    return (Problem(code="PersistentDiskAttached", message=told),)


def _refuse_unless_idle(vm: Vm) -> None:
    if vm.attached_disk_ids:
        disks = counted(len(vm.attached_disk_ids), "persistent disk")
        raise PermanentError(
            "PersistentDiskAttached",
            f"The VM {vm.name} has {disks} attached: {', '.join(vm.attached_disk_ids)}.",
            data={"disks": list(vm.attached_disk_ids)},
        )
    if not vm.state.is_off:
        raise PermanentError(
            "InvalidVmState", f"The VM {vm.name} is {vm.state}; it can be deleted when STOPPED."
        )


async def _delete(ctx: StepContext) -> Done:
    vm = (await reading.vm(ctx.store, ctx.task.entity_id)).value
    if not vm.host_id:
        return Done()
    key = desired_key(vm.host_id, VM_PATH, vm.id)
    document = await ctx.store.get(key)
    if document is not None:
        await ctx.commit([AtRevision(key, document.revision)], [Delete(key)])
    if ctx.task.input.get("force"):
        name = await reading.host_name(ctx.store, vm.host_id)
        ctx.explain("force", f"Host {name} was not waited for, since its agent was away.")
        return Done()
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
    for disk_id in stored.value.attached_disk_ids:  # only of a VM that is forced to go
        disk = await DISKS.get(ctx.store, disk_id)
        if disk is not None:
            free = replace(disk.value, state=DiskState.DETACHED, vm_id="")
            guards.append(DISKS.guard(disk))
            changes.extend(DISKS.put(free, disk.value))
    return Done(changes=changes, guards=guards)


DELETE_VM = Workflow(
    "DELETE_VM",
    (
        StepDefinition("DELETE_VM", _delete, undo=_undelete, skippable=True),
        StepDefinition("RELEASE_RESOURCE", _release),
    ),
    stuck=give_up,
)
