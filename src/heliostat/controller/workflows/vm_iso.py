"""Putting a disc image into a VM's CD drive, and taking it out, also while it runs.

The upload is in the blob store when the verb is called.  The VM's reference to it
is committed with the admission and goes with the detach, the undo or the VM, so
its content lives exactly as long as somebody may read it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from heliostat.agentlink.messages import GuestState, ReportedVm
from heliostat.cloudstore.contract import Change, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.content.blobs import Blobs
from heliostat.content.references import Owner, add, remove
from heliostat.controller.model.desired import VM as VM_PATH
from heliostat.controller.model.desired import desired_key
from heliostat.controller.model.image import StagedImage
from heliostat.controller.model.names import invalid
from heliostat.controller.model.vm import Vm, VmIso, VmState
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.convergence import vm_converged, want
from heliostat.controller.workflows.kinds import VM, VMS
from heliostat.controller.workflows.requests import queued, refuse_busy
from heliostat.controller.workflows.steps import ports_of
from heliostat.controller.workflows.vm_create import give_up
from heliostat.controller.workflows.vm_desired import desired_vm, power_of
from heliostat.controller.workflows.vm_power import attached_disks
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Done, Problem, StepContext, StepDefinition, Workflow

MAX_NAME_LENGTH = 255
_DESCRIPTORS_START, _DESCRIPTORS_END = 16 * 2048, 64 * 2048
_MARKS = (b"CD001", b"BEA01", b"NSR02", b"NSR03")
"""Identifiers of ISO 9660 and UDF volume descriptors (ECMA-119 8.1.2, ECMA-167 2/9.1.2)."""


async def check_iso_attach(ports: Ports, vm_id: str) -> Stored[Vm]:
    """The VM if a disc image may be attached to it now: asked before and after an upload."""
    stored = await reading.vm(ports.store, vm_id)
    vm = stored.value
    refuse_busy("VM", vm)
    if not vm.state.takes_disks:
        raise _wrong_state(vm)
    if vm.iso is not None:
        raise PermanentError(
            "IsoAlreadyAttached",
            f"The VM {vm.name} has the ISO {vm.iso.name} attached, and one is the most.",
            data={"iso": vm.iso.id},
        )
    return stored


async def iso_attach(
    ports: Ports, caller: Caller, vm_id: str, name: str, staged: StagedImage
) -> Admission:
    """Attach an uploaded disc image to a VM that has none."""
    stored = await check_iso_attach(ports, vm_id)
    if not name.strip() or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise invalid("name", f"an ISO's name has 1 to {MAX_NAME_LENGTH} printable characters")
    size = staged.size_bytes
    iso = VmIso(id=ports.ids.new_id(), name=name, size_bytes=size, digest=staged.digest)
    reference = add(iso.digest, Owner(VM, vm_id))
    return _admit(ports, caller, ATTACH_ISO, stored, iso, reference.guards, reference.changes)


async def iso_detach(ports: Ports, caller: Caller, vm_id: str) -> Admission:
    """Take out the VM's disc image; also of one in ERROR, whose host is not waited for."""
    stored = await reading.vm(ports.store, vm_id)
    vm = stored.value
    refuse_busy("VM", vm)
    if vm.iso is None:
        raise PermanentError("NoIsoAttached", f"The VM {vm.name} has no ISO attached.")
    if not (vm.state.takes_disks or vm.state is VmState.ERROR):
        raise _wrong_state(vm)
    return _admit(ports, caller, DETACH_ISO, stored, vm.iso)


def _wrong_state(vm: Vm) -> PermanentError:
    return PermanentError(
        "InvalidVmState",
        f"The VM {vm.name} is {vm.state}; "
        "ISOs are attached and detached while it is STOPPED or STARTED.",
        data={"state": str(vm.state)},
    )


def _admit(
    ports: Ports,
    caller: Caller,
    workflow: Workflow,
    stored: Stored[Vm],
    iso: VmIso,
    guards: Sequence[Guard] = (),
    changes: Sequence[Change] = (),
) -> Admission:
    vm = stored.value
    task = queued(
        ports,
        caller,
        workflow,
        VM,
        vm.id,
        tenant_id=vm.tenant_id,
        project_id=vm.project_id,
        input={"iso": msgspec.to_builtins(iso)},
    )
    under_task = VMS.put(replace(vm, task_id=task.id), vm)
    return Admission(task, (VMS.guard(stored), *guards), (*under_task, *changes))


def _iso_of(ctx: StepContext) -> VmIso:
    return msgspec.convert(ctx.task.input["iso"], VmIso)


async def _upload(ctx: StepContext) -> Done:
    """Look into what was uploaded; a guest may well want bytes without a file system."""
    iso = _iso_of(ctx)
    what = await asyncio.to_thread(_file_system, ports_of(ctx).blobs, iso.digest)
    ctx.explain("iso", f"{iso.name} has {iso.size_bytes} bytes and {what or 'no file system'}.")
    if what:
        return Done()
    warning = Problem(
        code="IsoUploadError",
        message=f"{iso.name} holds neither ISO 9660 nor UDF; the guest sees its plain bytes.",
        hint="If that is not meant, detach it and upload another file.",
    )
    return Done(warnings=[warning])


def _file_system(blobs: Blobs, digest: str) -> str:
    """``ISO 9660`` or ``UDF`` by the volume descriptors; empty for neither."""
    with blobs.open(digest) as stream:
        stream.seek(_DESCRIPTORS_START)
        area = stream.read(_DESCRIPTORS_END - _DESCRIPTORS_START)
    found = {area[at + 1 : at + 6] for at in range(0, len(area), 2048)}
    if b"CD001" in found:
        return "ISO 9660"
    return "UDF" if found & set(_MARKS) else ""


async def _unupload(ctx: StepContext) -> Done:
    """The VM is free, and without a reference to the upload."""
    stored = await VMS.get(ctx.store, ctx.task.entity_id)
    reference = remove(_iso_of(ctx).digest, Owner(VM, ctx.task.entity_id))
    if stored is None:
        return Done(changes=reference.changes)
    free = replace(stored.value, iso=None, task_id="")
    return Done(
        changes=[*VMS.put(free, stored.value), *reference.changes], guards=[VMS.guard(stored)]
    )


async def _want(ctx: StepContext, vm: Vm, iso: VmIso | None) -> int:
    desired = desired_vm(
        replace(vm, iso=iso),
        await attached_disks(ctx, vm),
        power_of(vm.state),
        stop_grace_s=ports_of(ctx).settings.stop_grace_s,
    )
    return await want(ctx, desired_key(vm.host_id, VM_PATH, vm.id), desired)


async def _converged(ctx: StepContext, vm: Vm, iso: VmIso | None, doing: str) -> None:
    revision = await _want(ctx, vm, iso)
    digest = iso.digest if iso is not None else ""
    await vm_converged(
        ctx,
        vm.host_id,
        vm.id,
        revision,
        doing,
        ports_of(ctx).settings.create_timeout_s,
        lambda report: _agrees(report, digest),
    )


def _agrees(report: ReportedVm, digest: str) -> bool:
    """A guest that is off has no drive to look at: being settled is enough."""
    return report.state is not GuestState.RUNNING or report.inserted == digest


async def _attach(ctx: StepContext) -> Done:
    iso = _iso_of(ctx)
    vm = (await reading.vm(ctx.store, ctx.task.entity_id)).value
    await _converged(ctx, vm, iso, f"attach the ISO {iso.name}")
    stored = await reading.vm(ctx.store, vm.id)
    after = replace(stored.value, iso=iso, task_id="")
    return Done(changes=VMS.put(after, stored.value), guards=[VMS.guard(stored)])


async def _unattach(ctx: StepContext) -> Done:
    stored = await VMS.get(ctx.store, ctx.task.entity_id)
    if stored is not None:
        await _want(ctx, stored.value, None)
    return Done()


async def _detach(ctx: StepContext) -> Done:
    iso = _iso_of(ctx)
    vm = (await reading.vm(ctx.store, ctx.task.entity_id)).value
    if vm.state is VmState.ERROR:
        await _want(ctx, vm, None)
        ctx.explain("detach", "The VM is in ERROR: its host was not waited for.")
    else:
        await _converged(ctx, vm, None, f"detach the ISO {iso.name}")
    stored = await reading.vm(ctx.store, vm.id)
    after = replace(stored.value, iso=None, task_id="")
    reference = remove(iso.digest, Owner(VM, vm.id))
    return Done(
        changes=[*VMS.put(after, stored.value), *reference.changes], guards=[VMS.guard(stored)]
    )


async def _undetach(ctx: StepContext) -> Done:
    stored = await VMS.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    await _want(ctx, stored.value, stored.value.iso)
    free = replace(stored.value, task_id="")
    return Done(changes=VMS.put(free, stored.value), guards=[VMS.guard(stored)])


async def _give_up(ctx: StepContext) -> Done:
    """The VM is in ERROR and keeps the reference, with what its host may still have."""
    done = await give_up(ctx)
    stored = await VMS.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return done
    broken = replace(stored.value, state=VmState.ERROR, iso=_iso_of(ctx), task_id="")
    return Done(changes=VMS.put(broken, stored.value), guards=[VMS.guard(stored)])


ATTACH_ISO = Workflow(
    "ATTACH_ISO",
    (
        StepDefinition("UPLOAD_ISO", _upload, undo=_unupload),
        StepDefinition("ATTACH_ISO", _attach, undo=_unattach),
    ),
    stuck=_give_up,
)
DETACH_ISO = Workflow(
    "DETACH_ISO",
    (StepDefinition("DETACH_ISO", _detach, undo=_undetach),),
    stuck=_give_up,
)
