"""Reads that raise ``<Noun>NotFound``, lists, and who owns what.

The API answers and authorises with these; verbs start with them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind, Stored, decode
from heliostat.controller.model.datastore import Datastore
from heliostat.controller.model.desired import agent_key
from heliostat.controller.model.disk import Disk
from heliostat.controller.model.flavor import Flavor, FlavorKind
from heliostat.controller.model.host import Host, HostInventory
from heliostat.controller.model.image import PROJECT, Image
from heliostat.controller.model.policy import Policy
from heliostat.controller.model.project import Project
from heliostat.controller.model.quota import OwnerKind, Quota
from heliostat.controller.model.subnet import Subnet
from heliostat.controller.model.tenant import Tenant
from heliostat.controller.model.vm import Vm
from heliostat.controller.model.zone import Zone
from heliostat.controller.workflows import kinds
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Task, task_key

T = TypeVar("T", bound=msgspec.Struct)


async def _found(store: CloudStore, kind: Kind[T], id_: str, code: str, noun: str) -> Stored[T]:
    stored = await kind.get(store, id_)
    if stored is None:
        raise PermanentError(code, f"There is no {noun} {id_!r}.", data={"id": id_})
    return stored


async def tenant(store: CloudStore, id_: str) -> Stored[Tenant]:
    return await _found(store, kinds.TENANTS, id_, "TenantNotFound", "tenant")


async def project(store: CloudStore, id_: str) -> Stored[Project]:
    return await _found(store, kinds.PROJECTS, id_, "ProjectNotFound", "project")


async def flavor(store: CloudStore, id_: str) -> Stored[Flavor]:
    return await _found(store, kinds.FLAVORS, id_, "FlavorNotFound", "flavor")


async def image(store: CloudStore, id_: str) -> Stored[Image]:
    return await _found(store, kinds.IMAGES, id_, "ImageNotFound", "image")


async def vm(store: CloudStore, id_: str) -> Stored[Vm]:
    return await _found(store, kinds.VMS, id_, "VmNotFound", "VM")


async def disk(store: CloudStore, id_: str) -> Stored[Disk]:
    return await _found(store, kinds.DISKS, id_, "DiskNotFound", "disk")


async def host(store: CloudStore, id_: str) -> Stored[Host]:
    return await _found(store, kinds.HOSTS, id_, "HostNotFound", "host")


async def zone(store: CloudStore, id_: str) -> Stored[Zone]:
    return await _found(store, kinds.ZONES, id_, "AvailabilityZoneNotFound", "availability zone")


async def datastore(store: CloudStore, id_: str) -> Stored[Datastore]:
    return await _found(store, kinds.DATASTORES, id_, "DatastoreNotFound", "datastore")


async def subnet(store: CloudStore, id_: str) -> Stored[Subnet]:
    return await _found(store, kinds.SUBNETS, id_, "NetworkNotFound", "subnet")


async def host_name(store: CloudStore, id_: str) -> str:
    """How sentences name a host: by its address and its id."""
    stored = await kinds.HOSTS.get(store, id_)
    return f"{stored.value.address} ({id_})" if stored is not None else id_


async def quota(store: CloudStore, owner: OwnerKind, id_: str) -> Stored[Quota]:
    """The quota of a tenant or project; ``TenantNotFound`` or ``ProjectNotFound``."""
    code = "TenantNotFound" if owner is OwnerKind.TENANT else "ProjectNotFound"
    return await _found(store, kinds.QUOTAS[owner], id_, code, str(owner))


async def task(store: CloudStore, id_: str) -> Task:
    """The task as it stands; ``TaskNotFound``."""
    document = await store.get(task_key(id_))
    if document is None:
        raise PermanentError("TaskNotFound", f"There is no task {id_!r}.", data={"id": id_})
    return decode(Task, document)


async def inventory(store: CloudStore, host_id: str) -> HostInventory | None:
    """What the host's agent said the host has; ``None`` before it joined."""
    stored = await kinds.INVENTORIES.get(store, host_id)
    return stored.value if stored is not None else None


async def agent_is_active(store: CloudStore, host_id: str) -> bool:
    """Whether the link to the host's agent is up (ACTIVE, else MISSING)."""
    return await store.get(agent_key(host_id)) is not None


async def tenants(store: CloudStore, *, name: str | None = None) -> list[Tenant]:
    if name is not None:
        return _values(await kinds.TENANTS.by_index(store, "name", name))
    return _values(await kinds.TENANTS.all(store))


async def projects(store: CloudStore, tenant_id: str, *, name: str | None = None) -> list[Project]:
    if name is not None:
        value = kinds.project_name(tenant_id, name)
        return _values(await kinds.PROJECTS.by_index(store, "name", value))
    return _values(await kinds.PROJECTS.by_index(store, "tenant", tenant_id))


async def flavors(
    store: CloudStore, *, name: str | None = None, kind: FlavorKind | None = None
) -> list[Flavor]:
    return [
        each
        for each in _values(await kinds.FLAVORS.all(store))
        if name in (None, each.name) and kind in (None, each.kind)
    ]


async def images(
    store: CloudStore, *, name: str | None = None, project_id: str | None = None
) -> list[Image]:
    """All images, or those of one project (infrastructure images not included)."""
    if project_id is None:
        found = _values(await kinds.IMAGES.all(store))
    else:
        found = _values(await kinds.IMAGES.by_index(store, "project", project_id))
    return [each for each in found if name in (None, each.name)]


async def vms(store: CloudStore, project_id: str, *, name: str | None = None) -> list[Vm]:
    found = _values(await kinds.VMS.by_index(store, "project", project_id))
    return [each for each in found if name in (None, each.name)]


async def vms_of_host(store: CloudStore, host_id: str) -> list[Vm]:
    return _values(await kinds.VMS.by_index(store, "host", host_id))


async def disks(store: CloudStore, project_id: str, *, name: str | None = None) -> list[Disk]:
    found = _values(await kinds.DISKS.by_index(store, "project", project_id))
    return [each for each in found if name in (None, each.name)]


async def hosts(store: CloudStore) -> list[Host]:
    return _values(await kinds.HOSTS.all(store))


def _values(found: list[Stored[T]]) -> list[T]:
    return [stored.value for stored in found]


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who an entity belongs to: empty ids and groups where it is the platform's own.

    ``tenant_groups`` own the tenant, ``project_groups`` (without the tenant's)
    contribute to the project; the policies say who else holds which role.
    """

    tenant_id: str = ""
    project_id: str = ""
    tenant_groups: frozenset[str] = frozenset()
    project_groups: frozenset[str] = frozenset()
    tenant_policy: Policy = ()
    project_policy: Policy = ()
    entity_policy: Policy = ()


async def owner_of(store: CloudStore, kind: str, id_: str) -> Ownership:
    """The owner of an entity of ``kind`` (as tasks name kinds; ``disk`` and ``task`` too).

    Raises ``<Noun>NotFound``.  The owner of a task is that of its entity, also
    after the entity is gone.
    """
    if kind == kinds.TENANT:
        return await _tenant_owner(store, id_)
    if kind == kinds.PROJECT_KIND:
        return await _project_owner(store, id_)
    if kind == kinds.VM:
        machine = (await vm(store, id_)).value
        return await _entity_owner(store, machine.project_id, machine.policy)
    if kind in (kinds.DISK, "disk", "ephemeral-disk"):
        found = (await disk(store, id_)).value
        return await _entity_owner(store, found.project_id, found.policy)
    if kind == kinds.IMAGE:
        boot = (await image(store, id_)).value
        project_id = boot.scope.id if boot.scope.kind == PROJECT else ""
        return await _entity_owner(store, project_id, boot.policy)
    if kind == kinds.FLAVOR:
        await flavor(store, id_)
    elif kind == kinds.HOST:
        await host(store, id_)
    elif kind == kinds.ZONE:
        await zone(store, id_)
    elif kind == kinds.DATASTORE:
        await datastore(store, id_)
    elif kind == "task":
        return await _task_owner(store, await task(store, id_))
    else:
        raise PermanentError("NotFound", f"There are no entities of kind {kind!r}.")
    return Ownership()


async def _tenant_owner(store: CloudStore, tenant_id: str) -> Ownership:
    found = (await tenant(store, tenant_id)).value
    groups = frozenset(found.security_groups)
    return Ownership(tenant_id, "", groups, tenant_policy=found.policy)


async def _project_owner(store: CloudStore, project_id: str, policy: Policy = ()) -> Ownership:
    """Of a project, or with ``policy`` of something in it.

    Put together at once: every request for something in a project passes here.
    """
    found = (await project(store, project_id)).value
    above = (await tenant(store, found.tenant_id)).value
    return Ownership(
        found.tenant_id,
        project_id,
        frozenset(above.security_groups),
        frozenset(found.security_groups),
        above.policy,
        found.policy,
        policy,
    )


async def _entity_owner(store: CloudStore, project_id: str, policy: Policy) -> Ownership:
    """Of something in a project, or (without one) of the site's own."""
    if not project_id:
        return Ownership(entity_policy=policy)
    return await _project_owner(store, project_id, policy)


async def _task_owner(store: CloudStore, found: Task) -> Ownership:
    """Of what still exists: a task outlives its entity, its project, and even its tenant."""
    if found.entity_kind in (kinds.VM, kinds.DISK, kinds.IMAGE):
        with suppress(PermanentError):
            return await owner_of(store, found.entity_kind, found.entity_id)
    if found.project_id and await kinds.PROJECTS.get(store, found.project_id) is not None:
        return await _project_owner(store, found.project_id)
    if found.tenant_id and await kinds.TENANTS.get(store, found.tenant_id) is not None:
        return await _tenant_owner(store, found.tenant_id)
    return Ownership(found.tenant_id, found.project_id)
