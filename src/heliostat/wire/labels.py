"""Changing the labels of a thing: one operation, the same for every noun that has labels."""

from __future__ import annotations

from typing import NamedTuple

from heliostat.wire.access import Access
from heliostat.wire.body import Request
from heliostat.wire.route import Body, Owner, Route
from heliostat.wire.tasks import Task


class LabelsChange(Request):
    """Labels to set (``set``, keeping the others) and keys to remove."""

    set: dict[str, str] | None = None
    remove: list[str] | None = None


class Labelled(NamedTuple):
    """A noun with labels: ``kind`` as owners of routes name it, its path, and who may label it."""

    kind: str
    path: str
    title: str
    access: Access

    @property
    def operation(self) -> str:
        return f"change{self.title}Labels"


LABELLED = (
    Labelled("tenant", "/v1/tenants", "Tenant", Access.TENANT_ADMIN),
    Labelled("project", "/v1/projects", "Project", Access.PROJECT_ADMIN),
    Labelled("flavor", "/v1/flavors", "Flavor", Access.SYSTEM_ADMIN),
    Labelled("image", "/v1/images", "Image", Access.PROJECT_USER),
    Labelled("vm", "/v1/vms", "Vm", Access.PROJECT_USER),
    Labelled("disk", "/v1/disks", "Disk", Access.PROJECT_USER),
    Labelled("host", "/v1/infrastructure/hosts", "Host", Access.SYSTEM_ADMIN),
)

ROUTES = tuple(
    Route(
        method="POST",
        path=f"{each.path}/{{id}}/labels",
        operation=each.operation,
        access=each.access,
        owner=Owner(each.kind),
        summary=f"Set and remove labels of a {each.kind if each.kind != 'vm' else 'VM'}.",
        request=LabelsChange,
        body=Body.JSON,
        response=Task,
        status=201,
        mutating=True,
    )
    for each in LABELLED
)
