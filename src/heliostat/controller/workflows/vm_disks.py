"""Attaching persistent disks to a VM and detaching them, also while it runs.

Both entities are under the task, so neither can be deleted or moved meanwhile.
The disk itself is a desired document of its own: detaching never destroys it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from heliostat.agentlink.messages import GuestState, ReportedVm
from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.desired import VM as VM_PATH
from heliostat.controller.model.desired import desired_key
from heliostat.controller.model.disk import Disk, DiskState
from heliostat.controller.model.vm import Vm, VmState
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.convergence import vm_converged, want
from heliostat.controller.workflows.kinds import DISK, DISKS, VM, VMS
from heliostat.controller.workflows.requests import queued, refuse_busy
from heliostat.controller.workflows.roles import require
from heliostat.controller.workflows.steps import ports_of, text_input
from heliostat.controller.workflows.vm_create import give_up
from heliostat.controller.workflows.vm_desired import desired_vm, power_of
from heliostat.core.errors import PermanentError
from heliostat.core.roles import Role
from heliostat.tasks.model import Done, StepContext, StepDefinition, Workflow


async def disk_attach(ports: Ports, caller: Caller, vm_id: str, disk_id: str) -> Admission:
    """Attach a DETACHED disk that lies on the VM's host."""
    vm, disk = await _both(ports, vm_id, disk_id)
    await require(ports.store, caller, DISK, disk_id, Role.CONTRIBUTOR)
    if disk.value.state is not DiskState.DETACHED:
        raise PermanentError(
            "InvalidDiskState",
            f"The disk {disk.value.name} is {disk.value.state}, not DETACHED.",
            data={"state": str(disk.value.state)},
        )
    if disk.value.host_id != vm.value.host_id:
        raise PermanentError(
            "UnfullfillableDiskAffinities",
            f"The disk {disk.value.name} lies on host "
            f"{await reading.host_name(ports.store, disk.value.host_id)}, the VM {vm.value.name} "
            f"on host {await reading.host_name(ports.store, vm.value.host_id)}.",
            hint="Create disks for a VM with an affinity to it: they are placed on its host.",
        )
    limit = ports.settings.max_attached_disks
    if len(vm.value.attached_disk_ids) >= limit:
        raise PermanentError(
            "InvalidOperation",
            f"The VM {vm.value.name} has {limit} disks attached, the most it can.",
        )
    return _admit(ports, caller, ATTACH_DISK, vm, disk)


async def disk_detach(ports: Ports, caller: Caller, vm_id: str, disk_id: str) -> Admission:
    """Detach a disk from the VM that it is attached to; also from one in ERROR, to save it."""
    vm, disk = await _both(ports, vm_id, disk_id, broken_too=True)
    if disk_id not in vm.value.attached_disk_ids:
        raise PermanentError(
            "InvalidDiskState",
            f"The disk {disk.value.name} is not attached to the VM {vm.value.name}.",
        )
    return _admit(ports, caller, DETACH_DISK, vm, disk)


async def _both(
    ports: Ports, vm_id: str, disk_id: str, *, broken_too: bool = False
) -> tuple[Stored[Vm], Stored[Disk]]:
    vm = await reading.vm(ports.store, vm_id)
    disk = await reading.disk(ports.store, disk_id)
    if disk.value.project_id != vm.value.project_id:
        raise PermanentError("DiskNotFound", f"There is no disk {disk_id!r} in the VM's project.")
    refuse_busy("VM", vm.value)
    refuse_busy("disk", disk.value)
    if not (vm.value.state.takes_disks or (broken_too and vm.value.state is VmState.ERROR)):
        raise PermanentError(
            "InvalidVmState",
            f"The VM {vm.value.name} is {vm.value.state}; "
            "disks are attached and detached while it is STOPPED or STARTED.",
            data={"state": str(vm.value.state)},
        )
    return vm, disk


def _admit(
    ports: Ports, caller: Caller, workflow: Workflow, vm: Stored[Vm], disk: Stored[Disk]
) -> Admission:
    task = queued(
        ports,
        caller,
        workflow,
        VM,
        vm.value.id,
        tenant_id=vm.value.tenant_id,
        project_id=vm.value.project_id,
        input={"diskId": disk.value.id},
    )
    return Admission(
        task,
        (VMS.guard(vm), DISKS.guard(disk)),
        (
            *VMS.put(replace(vm.value, task_id=task.id), vm.value),
            *DISKS.put(replace(disk.value, task_id=task.id), disk.value),
        ),
    )


def _without(vm: Vm, disk_id: str) -> tuple[str, ...]:
    return tuple(each for each in vm.attached_disk_ids if each != disk_id)


def _with(vm: Vm, disk_id: str) -> tuple[str, ...]:
    return (*_without(vm, disk_id), disk_id)


async def _want(ctx: StepContext, vm: Vm, disk_ids: tuple[str, ...]) -> int:
    disks = [(await reading.disk(ctx.store, each)).value for each in disk_ids]
    grace_s = ports_of(ctx).settings.stop_grace_s
    desired = desired_vm(vm, disks, power_of(vm.state), stop_grace_s=grace_s)
    return await want(ctx, desired_key(vm.host_id, VM_PATH, vm.id), desired)


def _run(attaching: bool, doing: str) -> Callable[[StepContext], Awaitable[Done]]:
    async def run(ctx: StepContext) -> Done:
        disk_id = text_input(ctx, "diskId")
        vm = (await reading.vm(ctx.store, ctx.task.entity_id)).value
        wanted = _with(vm, disk_id) if attaching else _without(vm, disk_id)
        revision = await _want(ctx, vm, wanted)
        if vm.state is VmState.ERROR:
            # Its host may never agree.  The hypervisor's lock keeps the disk from being used twice.
            name = await reading.host_name(ctx.store, vm.host_id)
            ctx.explain("detach", f"The VM is in ERROR: host {name} was not waited for.")
            return await _finish(ctx, attached=attaching)
        await vm_converged(
            ctx,
            vm.host_id,
            vm.id,
            revision,
            f"{doing} the disk {disk_id}",
            ports_of(ctx).settings.power_timeout_s,
            lambda report: _agrees(report, disk_id, attaching),
        )
        return await _finish(ctx, attached=attaching)

    return run


def _agrees(report: ReportedVm, disk_id: str, attaching: bool) -> bool:
    """A guest that is off has no devices to look at: being settled is enough."""
    if report.state is not GuestState.RUNNING:
        return True
    return (disk_id in report.attached_disks) is attaching


async def _finish(ctx: StepContext, *, attached: bool) -> Done:
    """VM and disk as they are now, out of the operation."""
    vm = await reading.vm(ctx.store, ctx.task.entity_id)
    disk = await reading.disk(ctx.store, text_input(ctx, "diskId"))
    ids = _with(vm.value, disk.value.id) if attached else _without(vm.value, disk.value.id)
    new_vm = replace(vm.value, attached_disk_ids=ids, task_id="")
    new_disk = replace(
        disk.value,
        state=DiskState.ATTACHED if attached else DiskState.DETACHED,
        vm_id=vm.value.id if attached else "",
        task_id="",
    )
    return Done(
        changes=[*VMS.put(new_vm, vm.value), *DISKS.put(new_disk, disk.value)],
        guards=[VMS.guard(vm), DISKS.guard(disk)],
    )


def _undo(attached_before: bool) -> Callable[[StepContext], Awaitable[Done]]:
    async def undo(ctx: StepContext) -> Done:
        vm = (await reading.vm(ctx.store, ctx.task.entity_id)).value
        await _want(ctx, vm, vm.attached_disk_ids)
        return await _finish(ctx, attached=attached_before)

    return undo


async def _give_up(ctx: StepContext) -> Done:
    """The VM is in ERROR; the disk is as the VM's document says, and free to be detached."""
    done = await give_up(ctx)
    disk = await DISKS.get(ctx.store, text_input(ctx, "diskId"))
    if disk is None:
        return done
    freed = replace(disk.value, task_id="")
    return Done(
        changes=[*done.changes, *DISKS.put(freed, disk.value)],
        guards=[*done.guards, DISKS.guard(disk)],
    )


ATTACH_DISK = Workflow(
    "ATTACH_DISK",
    (StepDefinition("ATTACH_DISK", _run(True, "attach"), undo=_undo(False)),),
    stuck=_give_up,
)
DETACH_DISK = Workflow(
    "DETACH_DISK",
    (StepDefinition("DETACH_DISK", _run(False, "detach"), undo=_undo(True)),),
    stuck=_give_up,
)
