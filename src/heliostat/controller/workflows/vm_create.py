"""Creating a VM: reserve a host, then have its agent prepare the machine.

The VM ends STOPPED; it is never started by its creation.  A failed create is
taken back wholly: guest, reservation, quota and entity.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from heliostat.agentlink.messages import GuestState, Power
from heliostat.cloudstore.contract import Change, CloudStore, Delete, Guard
from heliostat.controller.model.desired import VM as VM_PATH
from heliostat.controller.model.desired import desired_key
from heliostat.controller.model.project import Project
from heliostat.controller.model.vm import Vm, VmSpec, VmState
from heliostat.controller.scheduler.occupancy import label_key
from heliostat.controller.scheduler.placement import PlacementRequest
from heliostat.controller.workflows import affinities, reading, vm_spec
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.convergence import vm_converged, want
from heliostat.controller.workflows.kinds import FLAVORS, IMAGES, PROJECTS, VM, VMS
from heliostat.controller.workflows.ledger import charge_project
from heliostat.controller.workflows.placing import Place, decide, place
from heliostat.controller.workflows.releasing import label_texts
from heliostat.controller.workflows.requests import queued, refuse_busy
from heliostat.controller.workflows.steps import ports_of
from heliostat.controller.workflows.vm_desired import desired_vm
from heliostat.controller.workflows.vm_removal import removal
from heliostat.tasks.model import Done, Problem, StepContext, StepDefinition, Task, Workflow

_CONFLICT = "UnfullfillableAffinities"


async def vm_create(ports: Ports, caller: Caller, project_id: str, spec: VmSpec) -> Admission:
    """A VM in CREATING, its quota charged; where it goes is decided by its task."""
    project = await reading.project(ports.store, project_id)
    refuse_busy("project", project.value)
    draft = await vm_draft(ports, caller, project.value, spec)
    vm = draft.vm
    entry = await charge_project(
        ports.store, vm.tenant_id, project_id, vm.cost, ports.clock.now_ms()
    )
    placement = None
    if caller.planning:
        placement = await decide(ports, draft.asked.request, vm.id)
    return Admission(
        task=draft.task,
        guards=(PROJECTS.guard(project), *draft.guards, *entry.guards),
        changes=(*VMS.put(vm), *entry.changes),
        quota=entry.charges,
        placement=placement,
        warnings=draft.warnings,
    )


async def vm_draft(ports: Ports, caller: Caller, project: Project, spec: VmSpec) -> VmDraft:
    """The VM of a spec and its task, with nothing charged; raises what is wrong with it."""
    outcome = await vm_spec.read_spec(ports, caller, project, spec)
    asked = await placement_request(ports.store, outcome.vm, outcome.image.value.size_gb)
    task = queued(
        ports,
        caller,
        CREATE_VM,
        VM,
        outcome.vm.id,
        tenant_id=project.tenant_id,
        project_id=project.id,
        input={"imageSizeGb": outcome.image.value.size_gb},
        warnings=outcome.warnings,
    )
    guards = (IMAGES.guard(outcome.image), *(FLAVORS.guard(each) for each in outcome.flavors))
    vm = replace(outcome.vm, task_id=task.id)
    return VmDraft(vm, task, guards, asked, outcome.warnings)


@dataclass(frozen=True, slots=True)
class VmDraft:
    """A VM that could be: with its task, what its commit guards, and what it asks of a host."""

    vm: Vm
    task: Task
    guards: tuple[Guard, ...]
    asked: Asked
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a VM asks of placement, and the affinities that are behind it."""

    request: PlacementRequest
    wanted: affinities.Wanted


async def placement_request(store: CloudStore, vm: Vm, image_size_gb: int) -> Asked:
    """What the VM asks of a host; raises what can't be met by any."""
    wanted = await affinities.resolve(
        store, vm.project_id, vm.affinities, affinities.VM_KINDS, _CONFLICT
    )
    labels = label_texts(vm)
    request = PlacementRequest(
        cpu_count=vm.cpu_count,
        memory_mib=vm.memory_mib,
        disks=vm_spec.disk_asks(vm, image_size_gb),
        image_digest=vm.image_digest,
        project_id=vm.project_id,
        known_as=(f"vm:{vm.id}", *(label_key(vm.project_id, each) for each in labels)),
        terms=wanted.terms,
        preferences=wanted.preferences,
    )
    return Asked(request, wanted)


async def _reserve(ctx: StepContext) -> Done:
    stored = await reading.vm(ctx.store, ctx.task.entity_id)
    vm = stored.value
    if vm.host_id:  # an earlier run of this step reserved, then was interrupted
        return Done(result={"hostId": vm.host_id})
    asked = await placement_request(ctx.store, vm, int(ctx.task.input["imageSizeGb"]))

    def write(place: Place) -> tuple[list[Guard], list[Change]]:
        return [VMS.guard(stored)], VMS.put(vm_spec.reserved(vm, place), vm)

    found = await place(
        ctx,
        asked.request,
        vm.id,
        lambda place: vm_spec.share_of(vm, asked.request.disks, asked.wanted, place),
        write,
    )
    return Done(result={"hostId": found.host_id})


async def _unreserve(ctx: StepContext) -> Done:
    stored = await VMS.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    guards, changes = await removal(ctx.store, stored, ctx.clock.now_ms())
    return Done(changes=changes, guards=guards)


async def _create(ctx: StepContext) -> Done:
    settings = ports_of(ctx).settings
    vm = (await reading.vm(ctx.store, ctx.task.entity_id)).value
    desired = desired_vm(vm, [], Power.OFF, stop_grace_s=settings.stop_grace_s)
    revision = await want(ctx, desired_key(vm.host_id, VM_PATH, vm.id), desired)
    await vm_converged(
        ctx,
        vm.host_id,
        vm.id,
        revision,
        f"prepare the VM {vm.name}",
        settings.create_timeout_s,
        lambda report: report.state is GuestState.STOPPED,
    )
    stored = await reading.vm(ctx.store, vm.id)
    ready = replace(stored.value, state=VmState.STOPPED, task_id="")
    return Done(changes=VMS.put(ready, stored.value), guards=[VMS.guard(stored)])


async def _uncreate(ctx: StepContext) -> Done:
    """The host forgets the VM when it next hears of it: true also while its agent is away."""
    stored = await VMS.get(ctx.store, ctx.task.entity_id)
    if stored is None or not stored.value.host_id:
        return Done()
    return Done(changes=[Delete(desired_key(stored.value.host_id, VM_PATH, stored.value.id))])


async def give_up(ctx: StepContext) -> Done:
    """What remains of a VM whose undo can't finish: in ERROR, for delete to finish."""
    stored = await VMS.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    broken = replace(stored.value, state=VmState.ERROR, task_id="")
    return Done(changes=VMS.put(broken, stored.value), guards=[VMS.guard(stored)])


CREATE_VM = Workflow(
    "CREATE_VM",
    (
        StepDefinition("RESERVE_RESOURCE", _reserve, undo=_unreserve),
        StepDefinition("CREATE_VM", _create, undo=_uncreate),
    ),
    stuck=give_up,
)
