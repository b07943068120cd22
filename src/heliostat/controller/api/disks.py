"""Persistent disks."""

from __future__ import annotations

from heliostat.controller.api.access import seen_in_project
from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.handler import Decides, Handler, Reads
from heliostat.controller.api.labels import of_project
from heliostat.controller.api.quotas import show_cost
from heliostat.controller.api.tasks import list_tasks
from heliostat.controller.model.affinity import Affinity
from heliostat.controller.model.disk import Disk, DiskSpec, DiskState
from heliostat.controller.workflows import disk as verbs
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.tasks.indexes import entity_prefix
from heliostat.wire import disks as wire
from heliostat.wire.body import Locality
from heliostat.wire.tasks import TaskList


def show_disk(call: Call, disk: Disk) -> wire.Disk:
    """A persistent disk and the VM that it is attached to."""
    return wire.Disk(
        id=disk.id,
        kind=kinds.DISK,
        name=disk.name,
        flavor=disk.flavor,
        state=disk.state.value,
        self_link=f"{call.base}/v1/disks/{disk.id}",
        capacity_gb=disk.capacity_gb,
        cost=show_cost(disk.cost),
        vms=[disk.vm_id] if disk.vm_id else [],
        tags=list(disk.tags),
        project_id=disk.project_id,
        datastore=disk.datastore,
        host_id=disk.host_id,
        labels=disk.labels,
        deleted_until=disk.deleted_until_ms,
    )


def read_affinities(given: list[Locality] | None) -> tuple[Affinity, ...]:
    """Affinities as they were asked for; whether they can be met is the verb's matter."""
    return tuple(
        Affinity(
            kind=each.kind,
            id=each.id,
            negative=each.negative,
            preferred=each.preferred,
            scope=each.scope,
        )
        for each in given or ()
    )


async def _list(call: Call) -> wire.DiskList:
    await reading.project(call.store, call.id)
    name = call.query.get("name")
    deleted = call.query.get("deleted", False)
    seen = await seen_in_project(call, kinds.DISK)

    def wanted(disk: Disk) -> bool:
        kept = (disk.state is DiskState.DELETED) == deleted
        return kept and name in (None, disk.name) and seen(disk.id)

    read = of_project(call, kinds.DISKS, wanted)
    page = await paginate(call, read)
    return wire.DiskList(
        items=[show_disk(call, each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> wire.Disk:
    return show_disk(call, (await reading.disk(call.store, call.id)).value)


async def _tasks(call: Call) -> TaskList:
    await reading.disk(call.store, call.id)
    return await list_tasks(call, entity_prefix(kinds.DISK, call.id))


def read_disk(body: wire.DiskCreateSpec) -> DiskSpec:
    """What a disk is created from, as it was asked for."""
    return DiskSpec(
        name=body.name,
        flavor=body.flavor,
        capacity_gb=body.capacity_gb,
        kind=body.kind,
        affinities=read_affinities(body.affinities),
        tags=tuple(body.tags or ()),
        labels=body.labels or {},
    )


async def _create(call: Call, caller: Caller) -> Admission:
    return await verbs.disk_create(call.ports, caller, call.id, read_disk(call.body))


async def _delete(call: Call, caller: Caller) -> Admission:
    verb = verbs.disk_delete if call.query.get("now", False) else verbs.disk_discard
    return await verb(call.ports, caller, call.id)


async def _restore(call: Call, caller: Caller) -> Admission:
    return await verbs.disk_restore(call.ports, caller, call.id)


HANDLERS: dict[str, Handler] = {
    "createDisk": Decides(_create),
    "listDisks": Reads(_list),
    "getDisk": Reads(_show),
    "deleteDisk": Decides(_delete),
    "restoreDisk": Decides(_restore),
    "listDiskTasks": Reads(_tasks),
}
