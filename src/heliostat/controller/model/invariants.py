"""What must always be true of all documents together (pure).

Used after every history that tests play, and by the platform's own check-up.
A violation is a sentence with numbers; an empty list means that the books are
in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from heliostat.controller.model.bulk import Bulk
from heliostat.controller.model.datastore import Datastore, ImageDatastores
from heliostat.controller.model.disk import Disk, DiskState
from heliostat.controller.model.flavor import Flavor
from heliostat.controller.model.host import Host
from heliostat.controller.model.image import PROJECT, Image
from heliostat.controller.model.project import Project
from heliostat.controller.model.quantity import CostItem, written
from heliostat.controller.model.quota import OwnerKind, Quota, charge
from heliostat.controller.model.quota_delegation import counted, drawn_by
from heliostat.controller.model.quota_lease import Grant
from heliostat.controller.model.reservation import (
    DatastoreReservation,
    Reservation,
    Scope,
)
from heliostat.controller.model.tenant import Tenant
from heliostat.controller.model.vm import Vm
from heliostat.controller.model.zone import Zone, ZoneState

END_OF_TIME_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class World:
    """All documents of one moment, by id; quotas by owner's kind and id.

    ``index_expected`` are the index keys that the documents call for and
    ``index_found`` those that exist; ``desired`` are (host, kind, id) of desired
    VMs, disks and captures; ``open_tasks`` the tasks that have not ended; ``references`` are
    (digest, kind, id) of who refers to content, ``None`` if that was not read.
    """

    tenants: Mapping[str, Tenant]
    projects: Mapping[str, Project]
    quotas: Mapping[tuple[OwnerKind, str], Quota]
    flavors: Mapping[str, Flavor]
    images: Mapping[str, Image]
    vms: Mapping[str, Vm]
    disks: Mapping[str, Disk]
    hosts: Mapping[str, Host]
    reservations: Mapping[str, Reservation]
    zones: Mapping[str, Zone] = field(default_factory=dict)
    datastores: Mapping[str, Datastore] = field(default_factory=dict)
    image_datastores: Mapping[str, ImageDatastores] = field(default_factory=dict)
    datastore_reservations: Mapping[str, DatastoreReservation] = field(default_factory=dict)
    index_expected: frozenset[str] = frozenset()
    index_found: frozenset[str] = frozenset()
    desired: frozenset[tuple[str, str, str]] = frozenset()
    open_tasks: frozenset[str] = field(default=frozenset())
    bulks: Mapping[str, Bulk] = field(default_factory=dict)
    references: frozenset[tuple[str, str, str]] | None = None


def violations(world: World) -> list[str]:
    """Everything that is wrong, as sentences."""
    return [
        *_owners(world),
        *_project_quotas(world),
        *_tenant_quotas(world),
        *_limits(world),
        *_loans(world),
        *_reservations(world),
        *_datastore_reservations(world),
        *_kept_away(world),
        *_attachments(world),
        *_references(world),
        *_zones(world),
        *_datastores(world),
        *_indexes(world),
        *_operations(world),
        *_desired(world),
        *_bulks(world),
        *_content(world),
    ]


def _owners(world: World) -> Iterator[str]:
    wanted = {(OwnerKind.TENANT, each) for each in world.tenants}
    wanted |= {(OwnerKind.PROJECT, each) for each in world.projects}
    for kind, id_ in sorted(wanted - world.quotas.keys()):
        yield f"The {kind} {id_} has no quota."
    for kind, id_ in sorted(world.quotas.keys() - wanted):
        yield f"There is a quota of the {kind} {id_}, which does not exist."


def _project_quotas(world: World) -> Iterator[str]:
    for project_id in world.projects:
        quota = world.quotas.get((OwnerKind.PROJECT, project_id))
        if quota is not None:
            yield from _differences(quota, project_usage(world, quota), "what exists costs")


def project_usage(world: World, quota: Quota) -> Quota:
    """A project's quota with its usage counted from what exists, and nothing enforced."""
    units = {
        key: type(item)(unit=item.unit, limit=None, used=0) for key, item in quota.items.items()
    }
    unused = Quota(owner_kind=quota.owner_kind, owner_id=quota.owner_id, items=units)
    return charge(unused, _costs(world, quota.owner_id))


def _costs(world: World, project_id: str) -> Iterator[CostItem]:
    entities: Iterable[Vm | Disk] = (*world.vms.values(), *world.disks.values())
    for entity in entities:
        if entity.project_id == project_id:
            yield from entity.cost
    for bulk in world.bulks.values():
        if bulk.project_id == project_id:
            yield from bulk.pending


def _tenant_quotas(world: World) -> Iterator[str]:
    for tenant_id in world.tenants:
        quota = world.quotas.get((OwnerKind.TENANT, tenant_id))
        if quota is not None:
            drawn = counted(_unused(quota), _quotas_below(world, quota))
            yield from _differences(quota, drawn, "its projects draw")


def tenant_usage(world: World, quota: Quota) -> Quota:
    """A tenant's quota with its usage counted from its projects; ``QuotaError`` above a limit."""
    return drawn_by(_unused(quota), _quotas_below(world, quota))


def _unused(quota: Quota) -> Quota:
    free = {key: type(item)(unit=item.unit, limit=item.limit) for key, item in quota.items.items()}
    return replace(quota, items=free, loans={})


def _quotas_below(world: World, tenant: Quota) -> Iterator[Quota]:
    """The projects' quotas with those leases that the tenant still lends.

    Documents forget a lease that has ended each in its own time, a tenant's never
    later than its project's.
    """
    for project in world.projects.values():
        quota = world.quotas.get((OwnerKind.PROJECT, project.id))
        if project.tenant_id != tenant.owner_id or quota is None:
            continue
        loans = tenant.loans.get(project.id, {}).values()
        lent = {lease_id for loan in loans for lease_id in loan.grants}
        leases = {id_: each for id_, each in quota.leases.items() if id_ in lent}
        yield replace(quota, leases=leases)


def _loans(world: World) -> Iterator[str]:
    """What a tenant lends is what its projects lease, but for what it has forgotten sooner."""
    for tenant_id in world.tenants:
        quota = world.quotas.get((OwnerKind.TENANT, tenant_id))
        if quota is None:
            continue
        lent = _lent(quota)
        leased = _leased(world, tenant_id)
        first_end_ms = min((each.until_ms for each in lent.values()), default=END_OF_TIME_MS)
        for name in sorted(lent.keys() | leased.keys()):
            forgotten = name not in lent and leased[name].until_ms <= first_end_ms
            if not forgotten and lent.get(name) != leased.get(name):
                project_id, key, lease_id = name
                yield (
                    f"The tenant {tenant_id} does not lend what the lease {lease_id} "
                    f"of the project {project_id} says of {key}."
                )


def _lent(tenant: Quota) -> dict[tuple[str, str, str], Grant]:
    """Grants by project, key and lease."""
    return {
        (project_id, key, lease_id): each
        for project_id, loans in tenant.loans.items()
        for key, loan in loans.items()
        for lease_id, each in loan.grants.items()
    }


def _leased(world: World, tenant_id: str) -> dict[tuple[str, str, str], Grant]:
    """What leases of the tenant's projects add to limits, by project, key and lease."""
    return {
        (project.id, key, lease.id): Grant(amount=item.amount, until_ms=lease.until_ms)
        for project in world.projects.values()
        if project.tenant_id == tenant_id
        and (quota := world.quotas.get((OwnerKind.PROJECT, project.id))) is not None
        for lease in quota.leases.values()
        for key, item in lease.items.items()
        if quota.limit_of(key) is not None
    }


def _differences(found: Quota, expected: Quota, why: str) -> Iterator[str]:
    for key in sorted({**found.items, **expected.items}):
        have, want = found.items.get(key), expected.items.get(key)
        item = have or want
        if item is None:
            continue
        used, right = (have.used if have else 0), (want.used if want else 0)
        if used != right:
            yield (
                f"The quota of {found.owner_kind} {found.owner_id} has {written(used, item.unit)} "
                f"of {key} used, but {why} {written(right, item.unit)}."
            )


def _limits(world: World) -> Iterator[str]:
    for quota in world.quotas.values():
        for key, item in quota.items.items():
            if quota.over(key) and key not in quota.ended:
                yield (
                    f"The quota of {quota.owner_kind} {quota.owner_id} has "
                    f"{written(item.used, item.unit)} of {key} used, above its limit."
                )


def _reservations(world: World) -> Iterator[str]:
    for host_id in sorted({*world.reservations, *_hosts_in_use(world)}):
        held = world.reservations.get(host_id, Reservation(host_id=host_id))
        vms = {each.id for each in world.vms.values() if each.host_id == host_id}
        disks = {each.id for each in world.disks.values() if each.host_id == host_id}
        for noun, reserved, present in (("VM", held.vms, vms), ("disk", held.disks, disks)):
            for id_ in sorted(present - reserved.keys()):
                yield f"The {noun} {id_} is on host {host_id}, which reserves nothing for it."
            for id_ in sorted(reserved.keys() - present):
                yield f"The host {host_id} reserves for the {noun} {id_}, which is not there."
        if host_id not in world.hosts:
            yield f"There is a reservation on the host {host_id}, which does not exist."


def _datastore_reservations(world: World) -> Iterator[str]:
    """What each host places on a datastore stands in the datastore's document, and in its disks."""
    expected: dict[str, dict[str, int]] = {}
    for host_id, held in world.reservations.items():
        for datastore_id, size_bytes in held.bytes_by_datastore().items():
            if datastore_id:
                expected.setdefault(datastore_id, {})[host_id] = size_bytes
    for datastore_id in sorted(expected.keys() | world.datastore_reservations.keys()):
        wanted = expected.get(datastore_id, {})
        held_there = world.datastore_reservations.get(datastore_id)
        found = held_there.hosts if held_there is not None else {}
        for host_id in sorted(wanted.keys() | found.keys()):
            have, want = found.get(host_id, 0), wanted.get(host_id, 0)
            if have != want:
                yield (
                    f"The datastore {datastore_id} reserves {have} bytes for the host {host_id}, "
                    f"which places {want} there."
                )
    for disk in world.disks.values():
        reservation = world.reservations.get(disk.host_id)
        there = reservation.datastore_of(disk.id) if reservation is not None else ""
        if disk.host_id and there != disk.datastore_id:
            yield (
                f"The disk {disk.id} lies on the datastore {disk.datastore_id or 'unnamed'}, "
                f"its space is reserved on {there or 'the first one'}."
            )


def _kept_away(world: World) -> Iterator[str]:
    """No machine is where another one that is there keeps it away (labels may change later)."""
    for host_id, held in world.reservations.items():
        present = {f"vm:{each}" for each in held.vms} | {f"disk:{each}" for each in held.disks}
        for vm_id, share in held.vms.items():
            avoided = {each.key for each in share.avoids if each.scope is Scope.HOST}
            for key in sorted(avoided & present - {f"vm:{vm_id}"}):
                yield f"The VM {vm_id} is on host {host_id} with {key}, which it keeps away from."


def _hosts_in_use(world: World) -> Iterator[str]:
    entities: Iterable[Vm | Disk] = (*world.vms.values(), *world.disks.values())
    return (entity.host_id for entity in entities if entity.host_id)


def _attachments(world: World) -> Iterator[str]:
    for vm in world.vms.values():
        for disk_id in vm.attached_disk_ids:
            disk = world.disks.get(disk_id)
            if disk is None or disk.vm_id != vm.id:
                yield f"The VM {vm.id} has the disk {disk_id} attached, which doesn't know it."
    for disk in world.disks.values():
        if (disk.state is DiskState.DELETED) != bool(disk.deleted_until_ms):
            yield f"The disk {disk.id} is {disk.state}, kept until {disk.deleted_until_ms} ms."
        attached = disk.state is DiskState.ATTACHED
        if attached != bool(disk.vm_id):
            yield f"The disk {disk.id} is {disk.state}, but its VM is {disk.vm_id or 'none'}."
        owner = world.vms.get(disk.vm_id)
        if disk.vm_id and (owner is None or disk.id not in owner.attached_disk_ids):
            yield f"The disk {disk.id} is attached to the VM {disk.vm_id}, which doesn't know it."


def _references(world: World) -> Iterator[str]:
    for project in world.projects.values():
        if project.tenant_id not in world.tenants:
            yield f"The project {project.id} is of the tenant {project.tenant_id}, which is gone."
    for vm in world.vms.values():
        if vm.image_id not in world.images:
            yield f"The VM {vm.id} is made from the image {vm.image_id}, which is gone."
        for flavor_id in (vm.flavor_id, *(disk.flavor_id for disk in vm.disks)):
            if flavor_id not in world.flavors:
                yield f"The VM {vm.id} is of the flavor {flavor_id}, which is gone."
    for disk in world.disks.values():
        if disk.flavor_id not in world.flavors:
            yield f"The disk {disk.id} is of the flavor {disk.flavor_id}, which is gone."
    owned: Iterable[tuple[str, str]] = (
        *((f"VM {each.id}", each.project_id) for each in world.vms.values()),
        *((f"disk {each.id}", each.project_id) for each in world.disks.values()),
        *(
            (f"image {each.id}", each.scope.id)
            for each in world.images.values()
            if each.scope.kind == PROJECT
        ),
    )
    for noun, project_id in owned:
        if project_id not in world.projects:
            yield f"The {noun} is in the project {project_id}, which is gone."


def _zones(world: World) -> Iterator[str]:
    used = {host.zone for host in world.hosts.values() if host.zone}
    for zone_id in sorted(used - world.zones.keys()):
        yield f"A host is in the zone {zone_id}, which does not exist."
    for zone in world.zones.values():
        if zone.state is ZoneState.PENDING_DELETE and zone.id not in used:
            yield f"The zone {zone.id} waits for its last host to leave, but has none."


def _datastores(world: World) -> Iterator[str]:
    """Empty ids are of a time when a host had but one place."""
    places = [
        *((f"VM {vm.id}", disk.datastore_id) for vm in world.vms.values() for disk in vm.disks),
        *((f"disk {disk.id}", disk.datastore_id) for disk in world.disks.values()),
    ]
    for noun, datastore_id in places:
        if datastore_id and datastore_id not in world.datastores:
            yield f"The {noun} lies in the datastore {datastore_id}, which does not exist."
    for seeded in world.image_datastores.values():
        for datastore_id in sorted(set(seeded.datastore_ids) - world.datastores.keys()):
            yield f"Images are seeded to the datastore {datastore_id}, which does not exist."
        if seeded.task_id and seeded.task_id not in world.open_tasks:
            yield f"The image datastores are under the task {seeded.task_id}, which has ended."


def _indexes(world: World) -> Iterator[str]:
    for key in sorted(world.index_expected - world.index_found):
        yield f"The index entry {key} is missing."
    for key in sorted(world.index_found - world.index_expected):
        yield f"The index entry {key} leads nowhere."


def _operations(world: World) -> Iterator[str]:
    groups: tuple[Mapping[str, Tenant | Project | Flavor | Image | Vm | Disk | Host], ...] = (
        world.tenants,
        world.projects,
        world.flavors,
        world.images,
        world.vms,
        world.disks,
        world.hosts,
    )
    for group in groups:
        for entity in group.values():
            if entity.task_id and entity.task_id not in world.open_tasks:
                yield f"{entity.id} is under the task {entity.task_id}, which has ended."


def _desired(world: World) -> Iterator[str]:
    for host_id, kind, id_ in sorted(world.desired):
        if kind == "capture":
            image = world.images.get(id_)
            if image is None or not image.task_id:
                yield f"The host {host_id} is asked to make the image {id_}, which nobody awaits."
            continue
        entity = world.vms.get(id_) if kind == "vm" else world.disks.get(id_)
        if entity is None or entity.host_id != host_id:
            yield f"The host {host_id} is asked for the {kind} {id_}, which is not there."


def _bulks(world: World) -> Iterator[str]:
    """What waits to be made waits for a task."""
    for bulk in world.bulks.values():
        if bulk.id not in world.open_tasks:
            yield f"The bulk {bulk.id} has {bulk.count - bulk.made} items left and no task."
        if bulk.project_id not in world.projects:
            yield f"The bulk {bulk.id} is in the project {bulk.project_id}, which is gone."


def _content(world: World) -> Iterator[str]:
    """Who needs content refers to it, and who refers to content is there and needs it.

    While an entity is under a task, what the task uploaded is referred to already.
    """
    if world.references is None:
        return
    needed = {(d, "image", image.id) for image in world.images.values() for d in _digests(image)}
    needed |= {(vm.iso.digest, "vm", vm.id) for vm in world.vms.values() if vm.iso is not None}
    for digest, kind, id_ in sorted(needed - world.references):
        yield f"The {kind} {id_} does not refer to its content {digest[:12]}."
    for digest, kind, id_ in sorted(world.references - needed):
        owner = world.images.get(id_) if kind == "image" else world.vms.get(id_)
        if owner is None or not owner.task_id:
            yield f"The {kind} {id_} refers to the content {digest[:12]}, which it does not need."


def _digests(image: Image) -> set[str]:
    """The normalised blob once there is one; before that what was uploaded."""
    return {image.digest or image.upload_digest} - {""}
