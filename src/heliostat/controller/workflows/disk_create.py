"""Creating a persistent disk: reserve space on a host, then have its agent make the disk."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from heliostat.agentlink.messages import DesiredDisk
from heliostat.cloudstore.contract import Change, CloudStore, Delete, Guard
from heliostat.controller.model.desired import DISK as DISK_PATH
from heliostat.controller.model.desired import desired_key
from heliostat.controller.model.disk import Disk, DiskSpec, DiskState
from heliostat.controller.model.flavor import FlavorKind, flavor_kind
from heliostat.controller.model.labels import check_labels
from heliostat.controller.model.names import check_name, check_tag, invalid
from heliostat.controller.model.project import Project
from heliostat.controller.model.quantity import total
from heliostat.controller.model.reservation import DiskShare
from heliostat.controller.scheduler.request import DiskAsk, PlacementRequest
from heliostat.controller.workflows import affinities, reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.convergence import disk_converged, want
from heliostat.controller.workflows.disk_removal import removal
from heliostat.controller.workflows.flavor import ready_flavor
from heliostat.controller.workflows.kinds import DISK, DISKS, FLAVORS, PROJECTS
from heliostat.controller.workflows.ledger import charge_project
from heliostat.controller.workflows.placing import Place, decide, place
from heliostat.controller.workflows.requests import queued, refuse_busy
from heliostat.controller.workflows.steps import ports_of
from heliostat.controller.workflows.vm_spec import check_capacity, disk_cost, storage_tags
from heliostat.core.units import GIB
from heliostat.tasks.model import Done, StepContext, StepDefinition, Task, Workflow

_CONFLICT = "UnfullfillableDiskAffinities"


async def disk_create(ports: Ports, caller: Caller, project_id: str, spec: DiskSpec) -> Admission:
    """A disk in CREATING, its quota charged; an affinity to a VM puts it on the VM's host."""
    project = await reading.project(ports.store, project_id)
    refuse_busy("project", project.value)
    draft = await disk_draft(ports, caller, project.value, spec)
    disk = draft.disk
    entry = await charge_project(
        ports.store, disk.tenant_id, project_id, disk.cost, ports.clock.now_ms()
    )
    placement = None
    if caller.planning:
        placement = await decide(ports, draft.asked.request, disk.id)
    return Admission(
        task=draft.task,
        guards=(PROJECTS.guard(project), *draft.guards, *entry.guards),
        changes=(*DISKS.put(disk), *entry.changes),
        quota=entry.charges,
        placement=placement,
    )


async def disk_draft(ports: Ports, caller: Caller, project: Project, spec: DiskSpec) -> DiskDraft:
    """The disk of a spec and its task, with nothing charged; raises what is wrong with it."""
    check_name(spec.name)
    for tag in spec.tags:
        check_tag(tag, "tags")
    if flavor_kind(spec.kind) is not FlavorKind.PERSISTENT_DISK:
        raise invalid("kind", f"disks of a project are of kind persistent-disk, not {spec.kind}")
    flavor = await ready_flavor(ports, FlavorKind.PERSISTENT_DISK, spec.flavor)
    disk = Disk(
        id=ports.ids.new_id(),
        project_id=project.id,
        tenant_id=project.tenant_id,
        name=spec.name,
        state=DiskState.CREATING,
        flavor_id=flavor.value.id,
        flavor=flavor.value.name,
        capacity_gb=check_capacity(spec.capacity_gb),
        cost=total(disk_cost(flavor.value, spec.capacity_gb)),
        affinities=spec.affinities,
        tags=tuple(dict.fromkeys(spec.tags)),
        labels=check_labels(spec.labels),
        created_ms=ports.clock.now_ms(),
    )
    asked = await placement_request(ports.store, disk)
    task = queued(
        ports,
        caller,
        CREATE_DISK,
        DISK,
        disk.id,
        tenant_id=disk.tenant_id,
        project_id=project.id,
    )
    return DiskDraft(replace(disk, task_id=task.id), task, (FLAVORS.guard(flavor),), asked)


@dataclass(frozen=True, slots=True)
class DiskDraft:
    """A disk that could be: with its task, what its commit guards, and what it asks of a host."""

    disk: Disk
    task: Task
    guards: tuple[Guard, ...]
    asked: Asked


@dataclass(frozen=True, slots=True)
class Asked:
    """What a disk asks of placement, and the affinities that are behind it."""

    request: PlacementRequest
    wanted: affinities.Wanted


async def placement_request(store: CloudStore, disk: Disk) -> Asked:
    """What the disk asks of a host; raises what can't be met by any."""
    wanted = await affinities.resolve(
        store, disk.project_id, disk.affinities, affinities.DISK_KINDS, _CONFLICT
    )
    size_bytes = disk.capacity_gb * GIB
    request = PlacementRequest(
        disks=(DiskAsk(id=disk.id, size_bytes=size_bytes, tags=storage_tags(disk.cost)),),
        project_id=disk.project_id,
        known_as=(f"disk:{disk.id}",),
        terms=wanted.terms,
        preferences=wanted.preferences,
    )
    return Asked(request, wanted)


async def _reserve(ctx: StepContext) -> Done:
    stored = await reading.disk(ctx.store, ctx.task.entity_id)
    disk = stored.value
    if disk.host_id:  # an earlier run of this step reserved, then was interrupted
        return Done(result={"hostId": disk.host_id})
    asked = await placement_request(ctx.store, disk)

    def share(place: Place) -> DiskShare:
        return DiskShare(
            size_bytes=asked.request.disk_bytes,
            datastore=place.datastores.get(disk.id, ""),
            avoids=asked.wanted.avoids,
        )

    def write(place: Place) -> tuple[list[Guard], list[Change]]:
        placed = replace(
            disk,
            host_id=place.host_id,
            datastore=place.datastore_names.get(disk.id, ""),
            datastore_id=place.datastores.get(disk.id, ""),
        )
        return [DISKS.guard(stored)], DISKS.put(placed, disk)

    found = await place(ctx, asked.request, disk.id, share, write)
    return Done(result={"hostId": found.host_id})


async def _unreserve(ctx: StepContext) -> Done:
    stored = await DISKS.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    guards, changes = await removal(ctx.store, stored, ctx.clock.now_ms())
    return Done(changes=changes, guards=guards)


async def _create(ctx: StepContext) -> Done:
    disk = (await reading.disk(ctx.store, ctx.task.entity_id)).value
    desired = DesiredDisk(
        id=disk.id, capacity_bytes=disk.capacity_gb * GIB, datastore=disk.datastore_id
    )
    revision = await want(ctx, desired_key(disk.host_id, DISK_PATH, disk.id), desired)
    timeout_s = ports_of(ctx).settings.create_timeout_s
    doing = f"make the disk {disk.name}"
    await disk_converged(ctx, disk.host_id, disk.id, revision, doing, timeout_s)
    stored = await reading.disk(ctx.store, disk.id)
    ready = replace(stored.value, state=DiskState.DETACHED, task_id="")
    return Done(changes=DISKS.put(ready, stored.value), guards=[DISKS.guard(stored)])


async def _uncreate(ctx: StepContext) -> Done:
    """The host forgets the disk when it next hears of it: true also while its agent is away."""
    stored = await DISKS.get(ctx.store, ctx.task.entity_id)
    if stored is None or not stored.value.host_id:
        return Done()
    return Done(changes=[Delete(desired_key(stored.value.host_id, DISK_PATH, stored.value.id))])


async def give_up(ctx: StepContext) -> Done:
    """What remains of a disk whose undo can't finish: in ERROR, for delete to finish."""
    stored = await DISKS.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    broken = replace(stored.value, state=DiskState.ERROR, task_id="", deleted_until_ms=0)
    return Done(changes=DISKS.put(broken, stored.value), guards=[DISKS.guard(stored)])


CREATE_DISK = Workflow(
    "CREATE_DISK",
    (
        StepDefinition("RESERVE_RESOURCE", _reserve, undo=_unreserve),
        StepDefinition("CREATE_DISK", _create, undo=_uncreate),
    ),
    stuck=give_up,
)
