"""What existing clients know and this site does not offer yet.

Services (clusters, a registry), routers and networks, floating IPs and NSX.  Lists
are empty, so that clients that list everything go on; anything else answers
``NotConfigured`` and says what it needs.
"""

from __future__ import annotations

from typing import Any

from heliostat.wire.access import Access
from heliostat.wire.body import Response
from heliostat.wire.route import NAME, PAGE, Owner, Route
from heliostat.wire.tasks import Task

SERVICES = (
    "Services (Kubernetes clusters and the registry) are not configured on this site; this "
    "version does not offer them yet."
)
NETWORKS = (
    "Routers and networks are not configured on this site: they need a software-defined network, "
    "which this version does not offer yet; VMs use the subnet `default`."
)
FLOATING_IPS = (
    "Floating IPs are not configured on this site: they need a software-defined network, which "
    "this version does not offer yet; `helio vm tunnel` reaches a VM's ports."
)
NSX = (
    "NSX can't be configured: Heliostat does not use it, and its own software-defined network is "
    "not part of this version yet."
)


class EmptyList(Response):
    """A list of what does not exist here."""

    items: list[dict[str, Any]]
    next_page_link: str = ""
    previous_page_link: str = ""


def _none(path: str, operation: str, summary: str) -> Route:
    """The list of a project, which is empty."""
    return Route(
        method="GET",
        path=path,
        operation=operation,
        access=Access.PROJECT_READ,
        owner=Owner("project"),
        summary=summary,
        response=EmptyList,
        query=(NAME, *PAGE),
    )


def _missing(
    method: str,
    path: str,
    operation: str,
    missing: str,
    summary: str,
    access: Access = Access.AUTHENTICATED,
    owner: Owner | None = None,
) -> Route:
    mutating = method != "GET"
    return Route(
        method=method,
        path=path,
        operation=operation,
        access=access,
        owner=owner,
        summary=summary,
        response=Task if mutating else EmptyList,
        status=201 if mutating else 200,
        mutating=mutating,
        missing=missing,
    )


def _routers(noun: str, title: str) -> tuple[Route, ...]:
    """The verbs of routers, and of networks, as they are called later."""
    path = f"/v1/{noun}s/{{id}}"
    in_project = f"/v1/projects/{{id}}/{noun}s"
    owner = Owner("project")
    return (
        _none(in_project, f"list{title}s", f"List the {noun}s of a project: none."),
        _missing(
            "POST",
            in_project,
            f"create{title}",
            NETWORKS,
            f"Make a {noun}.",
            Access.PROJECT_USER,
            owner,
        ),
        _missing("GET", path, f"get{title}", NETWORKS, f"Show a {noun}."),
        _missing("PATCH", path, f"update{title}", NETWORKS, f"Rename a {noun}."),
        _missing("DELETE", path, f"delete{title}", NETWORKS, f"Delete a {noun}."),
        _missing(
            "GET",
            f"{path}/subnets",
            f"list{title}Subnets",
            NETWORKS,
            f"List the subnets of a {noun}.",
        ),
        _missing(
            "POST",
            f"{path}/subnets",
            f"create{title}Subnet",
            NETWORKS,
            f"Make a subnet of a {noun}.",
        ),
    )


_SERVICE = "/v1/services/{id}"
_IN_PROJECT = "/v1/projects/{id}/services"
_ADMIN = Access.SYSTEM_ADMIN

ROUTES = (
    _none(_IN_PROJECT, "listServices", "List the services of a project: none."),
    _missing(
        "POST",
        _IN_PROJECT,
        "createService",
        SERVICES,
        "Make a service.",
        Access.PROJECT_USER,
        Owner("project"),
    ),
    _missing("GET", _SERVICE, "getService", SERVICES, "Show a service."),
    _missing("DELETE", _SERVICE, "deleteService", SERVICES, "Delete a service."),
    _missing("GET", f"{_SERVICE}/tasks", "listServiceTasks", SERVICES, "List a service's tasks."),
    _missing("GET", f"{_SERVICE}/vms", "listServiceVms", SERVICES, "List a service's VMs."),
    _missing("POST", f"{_SERVICE}/resize", "resizeService", SERVICES, "Change its workers."),
    _missing(
        "POST",
        f"{_SERVICE}/trigger_maintenance",
        "maintainService",
        SERVICES,
        "Look after a service now.",
    ),
    _missing(
        "POST",
        f"{_SERVICE}/change_version",
        "changeServiceVersion",
        SERVICES,
        "Bring a service to another version.",
    ),
    *_routers("router", "Router"),
    *_routers("network", "Network"),
    _missing(
        "POST",
        "/v1/vms/{id}/acquire_floating_ip",
        "acquireFloatingIp",
        FLOATING_IPS,
        "Give a VM a floating IP.",
        Access.PROJECT_USER,
        Owner("vm"),
    ),
    _missing(
        "DELETE",
        "/v1/vms/{id}/release_floating_ip",
        "releaseFloatingIp",
        FLOATING_IPS,
        "Take a VM's floating IP back.",
        Access.PROJECT_USER,
        Owner("vm"),
    ),
    _missing(
        "POST",
        "/v1/system/enable-service-type",
        "enableServiceType",
        SERVICES,
        "Allow a type of service.",
        _ADMIN,
    ),
    _missing(
        "POST",
        "/v1/system/disable-service-type",
        "disableServiceType",
        SERVICES,
        "Allow a type of service no more.",
        _ADMIN,
    ),
    _missing("POST", "/v1/system/configure-nsx", "configureNsx", NSX, "Configure NSX.", _ADMIN),
    _missing(
        "POST",
        "/v1/system/configure-nsx-cni",
        "configureNsxCni",
        NSX,
        "Configure NSX for containers.",
        _ADMIN,
    ),
)
