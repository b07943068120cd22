"""Power of a VM: start, stop, restart, suspend, resume.

Each is one step that writes the power wanted and waits until the host reports
it.  A restart is a counter in the desired document, not a command, so doing it
again after a takeover restarts nothing twice.  An undo wants the power back
that the VM had.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from heliostat.agentlink.messages import BootBus, GuestState, Power, ReportedVm
from heliostat.controller.model.desired import VM as VM_PATH
from heliostat.controller.model.desired import desired_key, reported_key
from heliostat.controller.model.disk import Disk
from heliostat.controller.model.vm import Vm, VmState
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.convergence import vm_converged, want
from heliostat.controller.workflows.kinds import VM, VMS
from heliostat.controller.workflows.requests import queued, refuse_busy
from heliostat.controller.workflows.steps import ports_of
from heliostat.controller.workflows.vm_create import give_up
from heliostat.controller.workflows.vm_desired import desired_vm, power_of
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Done, StepContext, StepDefinition, Workflow


@dataclass(frozen=True, slots=True)
class _Change:
    """From which state to which, and how the host says that it is done."""

    operation: str
    verb: str
    allowed: frozenset[VmState]
    state: VmState
    guest: GuestState

    @property
    def power(self) -> Power:
        return power_of(self.state)

    def accepts(self, vm: Vm, report: ReportedVm) -> bool:
        """Only a restart waits for its count: a stop ends one that never came about.

        A settled report of this wish that the guest is off says that it did what was
        asked and then ended by itself, which is told by what is observed afterwards.
        """
        done = self.operation != "RESTART_VM" or report.restart >= vm.restart_count
        off = self.guest is GuestState.STOPPED and report.state is GuestState.CRASHED
        ended = report.state is GuestState.STOPPED
        return (report.state is self.guest or off or ended) and done


_STARTED = frozenset({VmState.STARTED})
_START = _Change(
    "START_VM", "start", frozenset({VmState.STOPPED}), VmState.STARTED, GuestState.RUNNING
)
_STOP = _Change(
    "STOP_VM",
    "stop",
    frozenset({VmState.STARTED, VmState.SUSPENDED}),
    VmState.STOPPED,
    GuestState.STOPPED,
)
_RESTART = _Change("RESTART_VM", "restart", _STARTED, VmState.STARTED, GuestState.RUNNING)
_SUSPEND = _Change("SUSPEND_VM", "suspend", _STARTED, VmState.SUSPENDED, GuestState.SUSPENDED)
_RESUME = _Change(
    "RESUME_VM", "resume", frozenset({VmState.SUSPENDED}), VmState.STARTED, GuestState.RUNNING
)


async def vm_start(ports: Ports, caller: Caller, vm_id: str) -> Admission:
    """Start a STOPPED VM."""
    return await _admit(ports, caller, vm_id, _START)


async def vm_stop(ports: Ports, caller: Caller, vm_id: str, *, hard: bool = False) -> Admission:
    """Stop a VM: the guest is asked first, unless ``hard``, and powered off in the end.

    Of a SUSPENDED VM the saved memory is dropped: the way out if it can't be resumed.
    """
    return await _admit(ports, caller, vm_id, _STOP, hard=hard)


async def vm_restart(ports: Ports, caller: Caller, vm_id: str) -> Admission:
    """Restart a STARTED VM."""
    return await _admit(ports, caller, vm_id, _RESTART)


async def vm_suspend(ports: Ports, caller: Caller, vm_id: str) -> Admission:
    """Save the memory of a STARTED VM to disk and free it; quota stays charged."""
    return await _admit(ports, caller, vm_id, _SUSPEND)


async def vm_resume(ports: Ports, caller: Caller, vm_id: str) -> Admission:
    """Continue a SUSPENDED VM where it was."""
    return await _admit(ports, caller, vm_id, _RESUME)


async def _admit(
    ports: Ports, caller: Caller, vm_id: str, change: _Change, *, hard: bool = False
) -> Admission:
    stored = await reading.vm(ports.store, vm_id)
    vm = stored.value
    refuse_busy("VM", vm)
    if vm.state not in change.allowed:
        states = " or ".join(sorted(change.allowed))
        raise PermanentError(
            "InvalidVmState",
            f"The VM {vm.name} is {vm.state}; to {change.verb} it, it has to be {states}.",
            data={"state": str(vm.state)},
        )
    if change is _SUSPEND:
        await _refuse_unsavable(ports, vm)
    task = queued(
        ports,
        caller,
        WORKFLOWS[change.operation],
        VM,
        vm_id,
        tenant_id=vm.tenant_id,
        project_id=vm.project_id,
        input={"from": str(vm.state), "hard": hard},
    )
    count = vm.restart_count + (change is _RESTART)
    changed = replace(vm, task_id=task.id, restart_count=count)
    return Admission(task, (VMS.guard(stored),), tuple(VMS.put(changed, vm)))


async def _refuse_unsavable(ports: Ports, vm: Vm) -> None:
    """What the VM was prepared with counts: it may have been left to its host's setting."""
    bus = vm.boot_bus
    document = await ports.store.get(reported_key(vm.host_id, VM_PATH, vm.id))
    if document is not None:
        report = msgspec.json.decode(document.value, type=ReportedVm)
        bus = BootBus(report.boot_bus) or bus
    if bus is BootBus.NVME:
        raise PermanentError(
            "InvalidOperation",
            f"The VM {vm.name} boots from an NVMe disk, whose state can't be saved.",
            hint="Stop it instead; VMs created with --boot-bus virtio can be suspended.",
            data={"bootBus": str(bus)},
        )


async def attached_disks(ctx: StepContext, vm: Vm) -> list[Disk]:
    """The VM's persistent disks, in the order they were attached."""
    return [(await reading.disk(ctx.store, each)).value for each in vm.attached_disk_ids]


def _run(change: _Change) -> Callable[[StepContext], Awaitable[Done]]:
    async def run(ctx: StepContext) -> Done:
        settings = ports_of(ctx).settings
        vm = (await reading.vm(ctx.store, ctx.task.entity_id)).value
        desired = desired_vm(
            vm,
            await attached_disks(ctx, vm),
            change.power,
            stop_grace_s=settings.stop_grace_s,
            hard=bool(ctx.task.input["hard"]),
        )
        revision = await want(ctx, desired_key(vm.host_id, VM_PATH, vm.id), desired)
        await vm_converged(
            ctx,
            vm.host_id,
            vm.id,
            revision,
            f"{change.verb} the VM {vm.name}",
            settings.power_timeout_s,
            lambda report: change.accepts(vm, report),
        )
        stored = await reading.vm(ctx.store, vm.id)
        after = replace(stored.value, state=change.state, task_id="")
        return Done(changes=VMS.put(after, stored.value), guards=[VMS.guard(stored)])

    return run


async def _undo(ctx: StepContext) -> Done:
    """Want the former power again; the VM's state tells what is wanted, reports what is."""
    stored = await VMS.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    vm = stored.value
    before = VmState(ctx.task.input["from"])
    grace_s = ports_of(ctx).settings.stop_grace_s
    desired = desired_vm(vm, await attached_disks(ctx, vm), power_of(before), stop_grace_s=grace_s)
    await want(ctx, desired_key(vm.host_id, VM_PATH, vm.id), desired)
    after = replace(vm, state=before, task_id="")
    return Done(changes=VMS.put(after, vm), guards=[VMS.guard(stored)])


def _workflow(change: _Change) -> Workflow:
    step = StepDefinition(change.operation, _run(change), undo=_undo)
    return Workflow(change.operation, (step,), stuck=give_up)


WORKFLOWS = {
    change.operation: _workflow(change) for change in (_START, _STOP, _RESTART, _SUSPEND, _RESUME)
}
