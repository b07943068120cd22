"""Tenants: the outermost container, with a quota and security groups."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response, SecurityGroup, SecurityGroupsSpec
from heliostat.wire.quotas import Quota, QuotaSpec
from heliostat.wire.route import NAME, PAGE, SELECTOR, Body, Owner, Route
from heliostat.wire.tasks import TASKS_OF, Task, TaskList


class TenantCreateSpec(Request):
    """A tenant to create."""

    name: str
    security_groups: list[str] | None = None
    quota: QuotaSpec | None = None
    labels: dict[str, str] | None = None


class ProjectRef(Response):
    """A project inside its tenant."""

    id: str
    name: str


class Tenant(Response):
    """A tenant with its projects."""

    id: str
    kind: str
    name: str
    self_link: str
    projects: list[ProjectRef]
    security_groups: list[SecurityGroup]
    tags: list[str]
    quota: Quota
    labels: dict[str, str] = {}


class TenantList(Response):
    """A page of tenants."""

    items: list[Tenant]
    next_page_link: str = ""
    previous_page_link: str = ""


_TENANT = Owner("tenant")

ROUTES = (
    Route(
        method="POST",
        path="/v1/tenants",
        operation="createTenant",
        access=Access.SYSTEM_ADMIN,
        summary="Create a tenant.",
        request=TenantCreateSpec,
        body=Body.JSON,
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/tenants",
        operation="listTenants",
        access=Access.AUTHENTICATED,
        summary="List the tenants that the caller may see.",
        response=TenantList,
        query=(NAME, SELECTOR, *PAGE),
    ),
    Route(
        method="GET",
        path="/v1/tenants/{id}",
        operation="getTenant",
        access=Access.TENANT_READ,
        owner=_TENANT,
        summary="Show a tenant.",
        response=Tenant,
    ),
    Route(
        method="DELETE",
        path="/v1/tenants/{id}",
        operation="deleteTenant",
        access=Access.SYSTEM_ADMIN,
        owner=_TENANT,
        summary="Delete a tenant that has no projects.",
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/tenants/{id}/tasks",
        operation="listTenantTasks",
        access=Access.TENANT_ADMIN,
        owner=_TENANT,
        summary="List the tasks of a tenant.",
        response=TaskList,
        query=TASKS_OF,
    ),
    Route(
        method="POST",
        path="/v1/tenants/{id}/set_security_groups",
        operation="setTenantSecurityGroups",
        access=Access.SYSTEM_ADMIN,
        owner=_TENANT,
        summary="Replace the security groups of a tenant and hand them to its projects.",
        request=SecurityGroupsSpec,
        body=Body.JSON,
        response=Task,
        status=201,
        mutating=True,
    ),
)
