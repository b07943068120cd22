"""What is: the platform's things in the same words as declared ones.

Read once for a run, as far as the declaration reaches; lists are kept, so that
no list is asked for twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from heliostat.cli.declaring.amounts import Amount
from heliostat.cli.declaring.declaration import Address
from heliostat.cli.declaring.nouns import Noun
from heliostat.client.client import Client
from heliostat.core.errors import HeliostatError
from heliostat.core.units import Unit
from heliostat.wire.disks import Disk
from heliostat.wire.flavors import Flavor
from heliostat.wire.images import Image
from heliostat.wire.projects import Project
from heliostat.wire.quotas import Quota
from heliostat.wire.tenants import Tenant
from heliostat.wire.vms import Vm

T = TypeVar("T")
_POWER = {"STARTED": "started", "STOPPED": "stopped", "SUSPENDED": "suspended"}


@dataclass(frozen=True, slots=True)
class Present:
    """A thing as it is; ``host_id`` where disks and VMs lie, ``state`` as clients know it."""

    address: Address
    id: str
    state: str
    fields: Mapping[str, Any]
    host_id: str = ""


class Platform:
    """The platform as one run sees it; ``forget`` after changes."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._lists: dict[tuple[str, str], list[Any]] = {}

    def forget(self) -> None:
        self._lists.clear()
        self.__dict__.pop("image_names", None)

    def find(self, address: Address) -> Present | None:
        """The thing at the address; ``None`` if there is none, or not yet its container."""
        match address.noun:
            case Noun.TENANT:
                tenant = self._tenant(address.name)
                return None if tenant is None else of_tenant(tenant)
            case Noun.PROJECT:
                project = self._project(*address.names)
                return None if project is None else of_project(project, address)
            case Noun.FLAVOR:
                kind, name = address.names
                named = [each for each in self._flavors() if (each.kind, each.name) == (kind, name)]
                flavor = _one(address, named)
                return None if flavor is None else of_flavor(flavor)
            case Noun.IMAGE:
                image = _one(address, self._images_called(address))
                return None if image is None else of_image(image, address)
            case Noun.DISK:
                disk = self._in_project(address, self.disks)
                return None if disk is None else of_disk(disk, address)
            case Noun.VM:
                vm = self._in_project(address, self.vms)
                return None if vm is None else self.of_vm(vm, address)

    def project_id(self, address: Address) -> str:
        """The id of the project that a thing is in; raises ``ProjectNotFound``."""
        project = self._project(*address.names[:2])
        if project is None:
            raise HeliostatError("ProjectNotFound", f"There is no {address.container}.")
        return project.id

    def tenants(self) -> list[Tenant]:
        return self._kept("tenants", "", lambda: self.client.tenants.list())

    def projects(self, tenant_id: str) -> list[Project]:
        return self._kept("projects", tenant_id, lambda: self.client.projects.list(tenant_id))

    def disks(self, project_id: str) -> list[Disk]:
        return self._kept("disks", project_id, lambda: self.client.disks.list(project_id))

    def vms(self, project_id: str) -> list[Vm]:
        return self._kept("vms", project_id, lambda: self.client.vms.list(project_id))

    def images(self, project_id: str = "") -> list[Image]:
        """All images that the caller may use, or those of one project."""
        return self._kept(
            "images", project_id, lambda: self.client.images.list(project_id=project_id)
        )

    @cached_property
    def image_names(self) -> Mapping[str, str]:
        """Names by id."""
        return {each.id: each.name for each in self.images()}

    def image_id(self, address: Address, given: str) -> str:
        """The image that a VM names: of its project, else of the site; or an id."""
        project_id = self.project_id(address)
        for found in (self.images(project_id), self.images()):
            named = [each for each in found if given in (each.name, each.id)]
            if len(named) > 1:
                raise HeliostatError(
                    "AmbiguousName",
                    f"{len(named)} images are called {given!r}; name one by its id.",
                )
            if named:
                return named[0].id
        raise HeliostatError("ImageNotFound", f"There is no image {given!r}.")

    def of_vm(self, vm: Vm, address: Address) -> Present:
        own = [each for each in vm.attached_disks if each.kind == "ephemeral-disk"]
        boot = next((each for each in own if each.boot_disk), None)
        attached = [each.name for each in vm.attached_disks if each.kind == "persistent-disk"]
        fields = {
            "flavor": vm.flavor,
            "image": self.image_names.get(vm.source_image_id, vm.source_image_id),
            "bootDisk": {"flavor": boot.flavor, "capacityGb": boot.capacity_gb} if boot else {},
            "disks": [
                {"name": each.name, "flavor": each.flavor, "capacityGb": each.capacity_gb}
                for each in own
                if not each.boot_disk
            ],
            "attach": sorted(attached),
            "power": _POWER.get(vm.state, vm.state),
            "metadata": dict(sorted(vm.metadata.items())),
            "tags": sorted(vm.tags),
            "labels": dict(sorted(vm.labels.items())),
        }
        return Present(address, vm.id, vm.state, fields, vm.host_id)

    def _tenant(self, name: str) -> Tenant | None:
        return next((each for each in self.tenants() if each.name == name), None)

    def _project(self, tenant_name: str, name: str) -> Project | None:
        tenant = self._tenant(tenant_name)
        if tenant is None:
            return None
        return next((each for each in self.projects(tenant.id) if each.name == name), None)

    def _flavors(self) -> list[Flavor]:
        return self._kept("flavors", "", lambda: self.client.flavors.list())

    def _images_called(self, address: Address) -> list[Image]:
        if address.container is None:
            found = [each for each in self.images() if each.scope.kind != "project"]
        else:
            project = self._project(*address.names[:2])
            found = self.images(project.id) if project is not None else []
        return [each for each in found if each.name == address.name]

    def _in_project(self, address: Address, items: Callable[[str], list[T]]) -> T | None:
        project = self._project(*address.names[:2])
        if project is None:
            return None
        found = items(project.id)
        return _one(address, [each for each in found if getattr(each, "name", "") == address.name])

    def _kept(self, what: str, of: str, read: Callable[[], Iterable[T]]) -> list[T]:
        if (what, of) not in self._lists:
            self._lists[what, of] = [*read()]
        return self._lists[what, of]


def of_tenant(tenant: Tenant) -> Present:
    groups = sorted(each.name for each in tenant.security_groups)
    fields = {"quota": limits(tenant.quota), "securityGroups": groups, "labels": tenant.labels}
    return Present(Address(Noun.TENANT, (tenant.name,)), tenant.id, "READY", fields)


def of_project(project: Project, address: Address) -> Present:
    own = sorted(each.name for each in project.security_groups if not each.inherited)
    fields = {"quota": limits(project.quota), "securityGroups": own, "labels": project.labels}
    return Present(address, project.id, "READY", fields)


def of_flavor(flavor: Flavor) -> Present:
    cost = {each.key: Amount(each.value, Unit(each.unit)) for each in flavor.cost}
    fields = {"kind": flavor.kind, "cost": dict(sorted(cost.items())), "labels": flavor.labels}
    address = Address(Noun.FLAVOR, (flavor.kind, flavor.name))
    return Present(address, flavor.id, flavor.state, fields)


def of_image(image: Image, address: Address) -> Present:
    fields = {"replication": image.replication_type, "labels": image.labels}
    return Present(address, image.id, image.state, fields)


def of_disk(disk: Disk, address: Address) -> Present:
    fields = {
        "flavor": disk.flavor,
        "capacityGb": disk.capacity_gb,
        "tags": sorted(disk.tags),
        "labels": disk.labels,
    }
    return Present(address, disk.id, disk.state, fields, disk.host_id)


def limits(quota: Quota) -> dict[str, Amount]:
    """The limits by key without what leases add to them for a time."""
    return {
        key: Amount(item.limit - (item.leased or 0.0), Unit(item.unit))
        for key, item in sorted(quota.quota_items.items())
    }


def _one(address: Address, found: list[T]) -> T | None:
    if len(found) > 1:
        ids = [str(getattr(each, "id", "")) for each in found]
        raise HeliostatError(
            "AmbiguousName",
            f"{len(found)} {address.noun}s are called {address.name!r}: {', '.join(ids)}.",
            hint="Delete or rename all but one; files name things by their names.",
            data={"ids": ids},
        )
    return found[0] if found else None
