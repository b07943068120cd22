"""Where each noun is stored, and by what it is found.

Uniqueness is an index key guarded to be absent; "is it used" is an index prefix
guarded to be empty.  So these tables are also the list of what can be guarded.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from heliostat.cloudstore.documents import Kind
from heliostat.controller.model.bulk import Bulk, BulkItems
from heliostat.controller.model.datastore import Datastore, ImageDatastores
from heliostat.controller.model.disk import Disk, DiskState
from heliostat.controller.model.flavor import Flavor, FlavorKind
from heliostat.controller.model.host import Host, HostInventory
from heliostat.controller.model.image import PROJECT, Image
from heliostat.controller.model.labels import pair
from heliostat.controller.model.policy import member_keys
from heliostat.controller.model.project import Project
from heliostat.controller.model.quota import OwnerKind, Quota
from heliostat.controller.model.reservation import DatastoreReservation, Reservation, Separation
from heliostat.controller.model.subnet import Subnet
from heliostat.controller.model.system import System
from heliostat.controller.model.tenant import Tenant
from heliostat.controller.model.vm import Vm
from heliostat.controller.model.zone import Zone


def project_name(tenant_id: str, name: str) -> str:
    """Index value of a project's name, unique in its tenant."""
    return f"{tenant_id}/{name}"


def flavor_name(kind: FlavorKind, name: str) -> str:
    """Index value of a flavor's name, unique in its kind."""
    return f"{kind}/{name}"


def label_in_project(project_id: str, key: str, value: str) -> str:
    """Index value of a label in a project: lists are of one project."""
    return f"{project_id}/{pair(key, value)}"


def _labels_of(entity: Vm | Disk) -> Iterable[str]:
    return [label_in_project(entity.project_id, *each) for each in entity.labels.items()]


def _flavors_of(vm: Vm) -> Iterable[str]:
    return {vm.flavor_id, *(disk.flavor_id for disk in vm.disks)}


def _scope_of(image: Image) -> Iterable[str]:
    return (image.scope.id,) if image.scope.kind == PROJECT else ()


def _host_of(entity: Vm | Disk) -> Iterable[str]:
    return (entity.host_id,) if entity.host_id else ()


LEASED = DELETED = "yes"


def _leased(quota: Quota) -> Iterable[str]:
    """Whether there is something in it that ends by itself."""
    return (LEASED,) if quota.leases or quota.loans else ()


def _members_of(entity: Tenant | Project | Image | Vm | Disk) -> Iterable[str]:
    """Everybody who may at least see it by a role on it: what lists of the visible are made of."""
    groups = entity.security_groups if isinstance(entity, Tenant | Project) else ()
    return member_keys(entity.policy, groups)


def _deleted(disk: Disk) -> Iterable[str]:
    return (DELETED,) if disk.state is DiskState.DELETED else ()


def _digest_of(image: Image) -> Iterable[str]:
    return (image.digest,) if image.digest else ()


def _zone_of(host: Host) -> Iterable[str]:
    return (host.zone,) if host.zone else ()


def _datastores_of(inventory: HostInventory) -> Iterable[str]:
    return {each.datastore_id for each in inventory.datastores}


TENANTS: Kind[Tenant] = Kind("tenant", Tenant, {"name": attrgetter("name"), "member": _members_of})
PROJECTS: Kind[Project] = Kind(
    "project",
    Project,
    {
        "tenant": attrgetter("tenant_id"),
        "name": lambda project: project_name(project.tenant_id, project.name),
        "member": _members_of,
    },
)
FLAVORS: Kind[Flavor] = Kind(
    "flavor", Flavor, {"name": lambda flavor: flavor_name(flavor.kind, flavor.name)}
)
IMAGES: Kind[Image] = Kind(
    "image",
    Image,
    {
        "project": _scope_of,
        "scope": attrgetter("scope.kind"),
        "digest": _digest_of,
        "member": _members_of,
    },
)
VMS: Kind[Vm] = Kind(
    "vm",
    Vm,
    {
        "project": attrgetter("project_id"),
        "image": attrgetter("image_id"),
        "flavor": _flavors_of,
        "host": _host_of,
        "label": _labels_of,
        "member": _members_of,
    },
)
DISKS: Kind[Disk] = Kind(
    "disk",
    Disk,
    {
        "project": attrgetter("project_id"),
        "flavor": attrgetter("flavor_id"),
        "host": _host_of,
        "label": _labels_of,
        "member": _members_of,
        "deleted": _deleted,
    },
)
HOSTS: Kind[Host] = Kind("host", Host, {"address": attrgetter("address"), "zone": _zone_of})
IMAGE_DATASTORES: Kind[ImageDatastores] = Kind("image-datastores", ImageDatastores)
ZONES: Kind[Zone] = Kind("zone", Zone, {"name": attrgetter("name")})
BULKS: Kind[Bulk] = Kind("bulk", Bulk, {"project": attrgetter("project_id")})
BULK_ITEMS: Kind[BulkItems] = Kind("bulk-items", BulkItems)
INVENTORIES: Kind[HostInventory] = Kind(
    "host-inventory", HostInventory, {"datastore": _datastores_of}
)
DATASTORES: Kind[Datastore] = Kind("datastore", Datastore, {"name": attrgetter("name")})
SYSTEM: Kind[System] = Kind("system", System)
SUBNETS: Kind[Subnet] = Kind("subnet", Subnet)
RESERVATIONS: Kind[Reservation] = Kind("reservation", Reservation, identify=attrgetter("host_id"))
SEPARATIONS: Kind[Separation] = Kind("separation", Separation, identify=attrgetter("project_id"))
DATASTORE_RESERVATIONS: Kind[DatastoreReservation] = Kind(
    "datastore-reservation", DatastoreReservation, identify=attrgetter("datastore_id")
)
QUOTAS: dict[OwnerKind, Kind[Quota]] = {
    kind: Kind(f"quota/{kind}", Quota, {"leased": _leased}, attrgetter("owner_id"))
    for kind in OwnerKind
}

# Kinds of entities as tasks and clients name them.
TENANT, PROJECT_KIND, FLAVOR, IMAGE = "tenant", "project", "flavor", "image"
VM, DISK, HOST = "vm", "persistent-disk", "host"
DATASTORE, ZONE = "datastore", "availability-zone"
DEPLOYMENT = "deployment"
"""The site itself, as existing clients name it."""
SUBNET = "subnet"
CHORE = "chore"
"""Background work: the id is the chore's name; no document of its own noun is behind it."""
