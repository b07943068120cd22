"""Projects: where VMs, disks and images live, with a part of their tenant's quota."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response, SecurityGroup, SecurityGroupsSpec
from heliostat.wire.quotas import Quota, QuotaSpec
from heliostat.wire.route import NAME, PAGE, SELECTOR, Body, Owner, Route
from heliostat.wire.tasks import TASKS_OF, Task, TaskList


class ProjectCreateSpec(Request):
    """A project to create.

    ``quota`` gives absolute limits, ``quota_percent`` (ours) a share of each of the
    tenant's limits.  ``default_router_private_ip_cidr`` is sent by existing clients
    for a router that this site does not have yet.
    """

    name: str
    security_groups: list[str] | None = None
    quota: QuotaSpec | None = None
    quota_percent: float | None = None
    default_router_private_ip_cidr: str = ""
    labels: dict[str, str] | None = None


class Project(Response):
    """A project."""

    id: str
    kind: str
    name: str
    self_link: str
    tenant_id: str
    security_groups: list[SecurityGroup]
    tags: list[str]
    quota: Quota
    labels: dict[str, str] = {}


class ProjectList(Response):
    """A page of projects."""

    items: list[Project]
    next_page_link: str = ""
    previous_page_link: str = ""


_PROJECT = Owner("project")

ROUTES = (
    Route(
        method="POST",
        path="/v1/tenants/{id}/projects",
        operation="createProject",
        access=Access.TENANT_USER,
        owner=Owner("tenant"),
        summary="Create a project in a tenant.",
        request=ProjectCreateSpec,
        body=Body.JSON,
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/tenants/{id}/projects",
        operation="listProjects",
        access=Access.TENANT_READ,
        owner=Owner("tenant"),
        summary="List the projects of a tenant that the caller may see.",
        response=ProjectList,
        query=(NAME, SELECTOR, *PAGE),
    ),
    Route(
        method="GET",
        path="/v1/projects/{id}",
        operation="getProject",
        access=Access.PROJECT_READ,
        owner=_PROJECT,
        summary="Show a project.",
        response=Project,
    ),
    Route(
        method="DELETE",
        path="/v1/projects/{id}",
        operation="deleteProject",
        access=Access.PROJECT_OWNER,
        owner=_PROJECT,
        summary="Delete a project that is empty or holds nothing but deleted disks.",
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/projects/{id}/tasks",
        operation="listProjectTasks",
        access=Access.PROJECT_USER,
        owner=_PROJECT,
        summary="List the tasks of a project, those of its VMs and disks included.",
        response=TaskList,
        query=TASKS_OF,
    ),
    Route(
        method="POST",
        path="/v1/projects/{id}/set_security_groups",
        operation="setProjectSecurityGroups",
        access=Access.PROJECT_OWNER,
        owner=_PROJECT,
        summary="Replace the security groups of a project.",
        request=SecurityGroupsSpec,
        body=Body.JSON,
        response=Task,
        status=201,
        mutating=True,
    ),
)
