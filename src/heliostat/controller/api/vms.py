"""Virtual machines: entities and operations; what reaches into a guest is in ``guests``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from msgspec import Raw

from heliostat.cloudstore.documents import Stored
from heliostat.controller.api import uploads
from heliostat.controller.api.access import seen_in_project
from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.disks import read_affinities
from heliostat.controller.api.guests import HANDLERS as GUEST_HANDLERS
from heliostat.controller.api.handler import Decides, Handler, Reads, Receives
from heliostat.controller.api.labels import of_project
from heliostat.controller.api.quotas import show_cost
from heliostat.controller.api.tasks import list_tasks
from heliostat.controller.model.disk import Disk
from heliostat.controller.model.host import Host
from heliostat.controller.model.image import StagedImage
from heliostat.controller.model.vm import AttachedDiskSpec, Vm, VmSpec
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows import vm as verbs
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.tasks.indexes import entity_prefix
from heliostat.wire import vms as wire
from heliostat.wire.tasks import TaskList

EPHEMERAL, PERSISTENT = "ephemeral-disk", "persistent-disk"
ISO = "iso"
ATTACHED = "ATTACHED"


async def show_vm(call: Call, vm: Vm, revision: int | None = None) -> wire.Vm:
    """A VM with its own disks first, then the persistent ones attached.

    ``revision`` is that of the page it is on.
    """
    host = await _host(call, vm, revision)
    return _present(vm, call.base, host, await _persistent_disks(call, vm, revision))


def _present(
    vm: Vm, base: str, host: Stored[Host] | None, disks: Sequence[Stored[Disk]]
) -> wire.Vm:
    return wire.Vm(
        id=vm.id,
        kind=kinds.VM,
        name=vm.name,
        flavor=vm.flavor,
        state=vm.state.value,
        self_link=f"{base}/v1/vms/{vm.id}",
        cost=show_cost(vm.cost),
        attached_disks=[*_own_disks(vm), *(_attached(each.value) for each in disks)],
        attached_isos=_isos(vm),
        tags=list(vm.tags),
        metadata=vm.metadata,
        floating_ip="",
        source_image_id=vm.image_id,
        project_id=vm.project_id,
        host=host.value.address if host is not None else "",
        datastore=vm.datastore,
        host_id=vm.host_id,
        boot_bus=vm.boot_bus.value,
        labels=vm.labels,
    )


async def _host(call: Call, vm: Vm, revision: int | None) -> Stored[Host] | None:
    if not vm.host_id:
        return None
    return await kinds.HOSTS.get(call.store, vm.host_id, at_revision=revision)


async def _persistent_disks(call: Call, vm: Vm, revision: int | None) -> list[Stored[Disk]]:
    found = [
        await kinds.DISKS.get(call.store, disk_id, at_revision=revision)
        for disk_id in vm.attached_disk_ids
    ]
    return [disk for disk in found if disk is not None]


def _attached(disk: Disk) -> wire.AttachedDisk:
    return wire.AttachedDisk(
        id=disk.id,
        kind=PERSISTENT,
        name=disk.name,
        flavor=disk.flavor,
        state=disk.state.value,
        boot_disk=False,
        capacity_gb=disk.capacity_gb,
    )


def _own_disks(vm: Vm) -> list[wire.AttachedDisk]:
    return [
        wire.AttachedDisk(
            id=disk.id,
            kind=EPHEMERAL,
            name=disk.name,
            flavor=disk.flavor,
            state=ATTACHED,
            boot_disk=disk.boot,
            capacity_gb=disk.capacity_gb,
        )
        for disk in vm.disks
    ]


def _isos(vm: Vm) -> list[wire.Iso]:
    if vm.iso is None:
        return []
    return [wire.Iso(id=vm.iso.id, name=vm.iso.name, kind=ISO, size=vm.iso.size_bytes)]


async def _list(call: Call) -> wire.VmList:
    await reading.project(call.store, call.id)
    name = call.query.get("name")
    seen = await seen_in_project(call, kinds.VM)
    read = of_project(call, kinds.VMS, lambda vm: name in (None, vm.name) and seen(vm.id))
    page = await paginate(call, read)
    return wire.VmList(
        items=[await show_vm(call, each, page.revision) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> Raw:
    """As ``show_vm``; all that it shows stands in the documents read here."""
    stored = await reading.vm(call.store, call.id)
    vm, base = stored.value, call.base
    host = await _host(call, vm, None)
    disks = await _persistent_disks(call, vm, None)
    return call.services.shown.body(
        (stored.key, base), (stored, host, *disks), lambda: _present(vm, base, host, disks)
    )


async def _tasks(call: Call) -> TaskList:
    await reading.vm(call.store, call.id)
    return await list_tasks(call, entity_prefix(kinds.VM, call.id))


def read_vm(body: wire.VmCreateSpec) -> VmSpec:
    """What a VM is created from, as it was asked for."""
    disks = tuple(
        AttachedDiskSpec(
            name=disk.name,
            flavor=disk.flavor,
            kind=disk.kind,
            capacity_gb=disk.capacity_gb,
            boot_disk=disk.boot_disk,
        )
        for disk in body.attached_disks or ()
    )
    return VmSpec(
        name=body.name,
        flavor=body.flavor,
        source_image_id=body.source_image_id,
        attached_disks=disks,
        affinities=read_affinities(body.affinities),
        tags=tuple(body.tags or ()),
        subnets=tuple(body.subnets or ()),
        environment=body.environment or {},
        ssh_keys=tuple(body.ssh_keys or ()),
        user_data=body.user_data,
        restart_on_crash=body.restart_on_crash,
        boot_bus=body.boot_bus,
        labels=body.labels or {},
    )


async def _create(call: Call, caller: Caller) -> Admission:
    return await verbs.vm_create(call.ports, caller, call.id, read_vm(call.body))


def _power(verb: Callable[[Ports, Caller, str], Awaitable[Admission]]) -> Decides:
    """A verb that needs nothing but the VM."""

    async def decide(call: Call, caller: Caller) -> Admission:
        return await verb(call.ports, caller, call.id)

    return Decides(decide)


async def _stop(call: Call, caller: Caller) -> Admission:
    hard = call.query.get("hard", False)
    return await verbs.vm_stop(call.ports, caller, call.id, hard=hard)


async def _delete(call: Call, caller: Caller) -> Admission:
    force = call.query.get("force", False)
    return await verbs.vm_delete(call.ports, caller, call.id, force=force)


async def _attach(call: Call, caller: Caller) -> Admission:
    return await verbs.disk_attach(call.ports, caller, call.id, call.body.disk_id)


async def _detach(call: Call, caller: Caller) -> Admission:
    return await verbs.disk_detach(call.ports, caller, call.id, call.body.disk_id)


async def _attach_iso(call: Call, caller: Caller, upload: uploads.Upload) -> Admission:
    staged = StagedImage(digest=upload.blob.digest, size_bytes=upload.blob.size_bytes)
    return await verbs.iso_attach(call.ports, caller, call.id, upload.name, staged)


async def _check_iso(call: Call) -> object:
    return await verbs.check_iso_attach(call.ports, call.id)


async def _create_image(call: Call, caller: Caller) -> Admission:
    body: wire.VmImageCreateSpec = call.body
    replication = uploads.parse_replication(body.replication_type)
    return await verbs.vm_create_image(call.ports, caller, call.id, body.name, replication)


async def _set_metadata(call: Call, caller: Caller) -> Admission:
    return await verbs.vm_set_metadata(call.ports, caller, call.id, call.body.metadata or {})


async def _add_tag(call: Call, caller: Caller) -> Admission:
    return await verbs.vm_add_tag(call.ports, caller, call.id, call.body.value)


HANDLERS: dict[str, Handler] = {
    "createVm": Decides(_create),
    "listVms": Reads(_list),
    "getVm": Reads(_show),
    "deleteVm": Decides(_delete),
    "listVmTasks": Reads(_tasks),
    "startVm": _power(verbs.vm_start),
    "stopVm": Decides(_stop),
    "restartVm": _power(verbs.vm_restart),
    "suspendVm": _power(verbs.vm_suspend),
    "resumeVm": _power(verbs.vm_resume),
    "attachDisk": Decides(_attach),
    "detachDisk": Decides(_detach),
    "attachIso": Receives(_attach_iso, form=uploads.ISO, check=_check_iso),
    "detachIso": _power(verbs.iso_detach),
    "createVmImage": Decides(_create_image),
    "setVmMetadata": Decides(_set_metadata),
    "addVmTag": Decides(_add_tag),
    **GUEST_HANDLERS,
}
