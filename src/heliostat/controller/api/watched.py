"""What events can tell of: one row a kind, with its owner, its rule and its wire shape.

A row's ``operation`` is the one that shows a single entity: whoever may call it
for an entity sees that entity's events, and nobody else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from heliostat.controller.api.call import Call
from heliostat.controller.api.datastores import show_datastore
from heliostat.controller.api.disks import show_disk
from heliostat.controller.api.flavors import show_flavor
from heliostat.controller.api.hosts import show_host
from heliostat.controller.api.images import image_places, show_image
from heliostat.controller.api.presenting import show_task
from heliostat.controller.api.projects import show_project
from heliostat.controller.api.reach import reach_of
from heliostat.controller.api.subnets import show_subnet
from heliostat.controller.api.tenants import show_tenant
from heliostat.controller.api.vms import show_vm
from heliostat.controller.api.zones import show_zone
from heliostat.controller.model.desired import agent_key
from heliostat.controller.model.host import Host
from heliostat.controller.model.image import PROJECT, Image
from heliostat.controller.model.tenant import Tenant
from heliostat.controller.workflows import kinds
from heliostat.tasks.model import Task, task_key
from heliostat.wire.access import Access
from heliostat.wire.body import Response
from heliostat.wire.routes import BY_OPERATION


class Belongs(NamedTuple):
    """Tenant and project of an entity; empty for the platform's own."""

    tenant_id: str = ""
    project_id: str = ""


Show = Callable[[Call, Any, int], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Watched:
    """A kind whose changes are told.

    ``show`` gets the call, the entity and the revision to read what belongs to it at.
    ``personal`` says that it differs from caller to caller.
    """

    kind: str
    prefix: str
    type: type[msgspec.Struct]
    operation: str
    show: Show
    belongs: Callable[[Any], Belongs]
    personal: bool = False

    @property
    def access(self) -> Access:
        return BY_OPERATION[self.operation].rule

    def access_to(self, belongs: Belongs) -> Access:
        """The rule for one entity; what a project owns is for its viewers wherever it is shown."""
        owned = bool(belongs.project_id) and not self.access.needs_owner
        return Access.PROJECT_VIEWER if owned else self.access


def _of_platform(_entity: object) -> Belongs:
    return Belongs()


def _of_project(entity: Any) -> Belongs:
    return Belongs(entity.tenant_id, entity.project_id)


def _of_image(image: Image) -> Belongs:
    return Belongs("", image.scope.id) if image.scope.kind == PROJECT else Belongs()


async def _tenant(call: Call, tenant: Tenant, revision: int) -> Response:
    return await show_tenant(call, tenant, await reach_of(call.store, call.principal), revision)


async def _flavor(call: Call, flavor: Any, _revision: int) -> Response:
    return show_flavor(call, flavor)


async def _image(call: Call, image: Any, _revision: int) -> Response:
    return show_image(call, image, await image_places(call.store))


async def _disk(call: Call, disk: Any, _revision: int) -> Response:
    return show_disk(call, disk)


async def _host(call: Call, host: Host, _revision: int) -> Response:
    return await show_host(call, host)


async def _zone(call: Call, zone: Any, _revision: int) -> Response:
    return show_zone(call, zone)


async def _datastore(call: Call, datastore: Any, _revision: int) -> Response:
    return await show_datastore(call, datastore)


async def _subnet(call: Call, subnet: Any, _revision: int) -> Response:
    return show_subnet(call, subnet)


async def _task(call: Call, task: Task, _revision: int) -> Response:
    return show_task(task, call.base)


def _row(
    kind: str,
    stored: Any,
    operation: str,
    show: Show,
    belongs: Callable[[Any], Belongs],
    *,
    personal: bool = False,
) -> Watched:
    return Watched(kind, stored.prefix, stored.type, operation, show, belongs, personal)


WATCHED: tuple[Watched, ...] = (
    _row(
        kinds.TENANT,
        kinds.TENANTS,
        "getTenant",
        _tenant,
        lambda each: Belongs(each.id),
        personal=True,
    ),
    _row(
        kinds.PROJECT_KIND,
        kinds.PROJECTS,
        "getProject",
        show_project,
        lambda each: Belongs(each.tenant_id, each.id),
    ),
    _row(kinds.FLAVOR, kinds.FLAVORS, "getFlavor", _flavor, _of_platform),
    _row(kinds.IMAGE, kinds.IMAGES, "getImage", _image, _of_image),
    _row(kinds.VM, kinds.VMS, "getVm", show_vm, _of_project),
    _row(kinds.DISK, kinds.DISKS, "getDisk", _disk, _of_project),
    _row(kinds.HOST, kinds.HOSTS, "getHost", _host, _of_platform),
    _row(kinds.ZONE, kinds.ZONES, "getZone", _zone, _of_platform),
    _row("datastore", kinds.DATASTORES, "getDatastore", _datastore, _of_platform),
    _row("subnet", kinds.SUBNETS, "getSubnet", _subnet, _of_platform),
    Watched("task", task_key(""), Task, "getTask", _task, _of_project),
)

BY_KIND = {each.kind: each for each in WATCHED} | {
    "disk": next(each for each in WATCHED if each.kind == kinds.DISK)
}
BY_PREFIX = {each.prefix: each for each in WATCHED} | {
    agent_key(""): next(each for each in WATCHED if each.kind == kinds.HOST)
}
"""An agent that comes or goes changes what is shown of its host."""


def watched_by(key: str) -> Watched | None:
    """The row for a key of the store; ``None`` for what is nobody's news."""
    return BY_PREFIX.get(key[: key.rfind("/") + 1])


def id_of(key: str) -> str:
    """The id of the entity that a change at ``key`` is about."""
    return unquote(key[key.rfind("/") + 1 :])
