"""The site itself: is it there, what is it, how do I sign in, is it well."""

from __future__ import annotations

from typing import Any

from msgspec import field

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response, SecurityGroupsSpec
from heliostat.wire.route import Body, Route
from heliostat.wire.tasks import Task
from heliostat.wire.vms import VmList


class Info(Response):
    """Version and kind of network (PHYSICAL, SOFTWARE_DEFINED, NOT_AVAILABLE)."""

    base_version: str
    full_version: str
    git_commit_hash: str
    network_type: str


class AuthInfo(Response):
    """Where to get a token: endpoint, port and domain of the token service."""

    endpoint: str
    port: int
    domain: str
    username: str = ""
    security_groups: list[str] = []


class ComponentInstance(Response):
    """One instance of a component."""

    address: str
    status: str
    message: str = ""


class Component(Response):
    """How a part of the site is: READY, INITIALIZING, UNREACHABLE, ERROR or PARTIAL_ERROR."""

    component: str
    status: str
    message: str
    stats: dict[str, str]
    instances: list[ComponentInstance]


class SystemStatus(Response):
    """How the site is, and each of its parts."""

    status: str
    components: list[Component]


class NetworkConfiguration(Response):
    """What kind of network the site has."""

    sdn_enabled: bool


class StatsInfo(Response):
    """Whether statistics are sent to another system, and where."""

    enabled: bool
    store_endpoint: str = ""
    store_port: int = 0


class ServiceConfiguration(Response):
    """An allowed type of service and its image."""

    kind: str
    type: str
    image_id: str


class SystemInfo(Response):
    """The site; callers who don't administer it see version, state and sign-in only."""

    kind: str
    state: str
    base_version: str
    full_version: str
    git_commit_hash: str
    network_type: str
    auth: AuthInfo
    network_configuration: NetworkConfiguration
    image_datastores: list[str]
    load_balancer_enabled: bool
    load_balancer_address: str
    stats: StatsInfo
    service_configurations: list[ServiceConfiguration]
    use_image_datastore_for_vms: bool = False
    ntp_endpoint: str = ""
    syslog_endpoint: str = ""


class SystemUsage(Response):
    """How many things exist."""

    number_hosts: int
    number_tenants: int
    number_projects: int
    number_datastores: int
    number_services: int
    number_vms: int = field(name="numberVMs")


class SystemProperty(Response):
    """A setting that can be changed at run time: what holds, what the settings file says, why."""

    value: Any
    from_file: Any
    changed: bool
    summary: str


class SystemProperties(Response):
    """Settings that can be changed at run time, by their names in the settings file."""

    properties: dict[str, SystemProperty]


class SystemPropertiesSpec(Request):
    """Settings to change; ``null`` puts back what the settings file says."""

    properties: dict[str, Any]


def _change(
    path: str, operation: str, summary: str, request: Any = None, *, when_paused: bool = False
) -> Route:
    return Route(
        method="POST",
        path=f"/v1/system/{path}",
        operation=operation,
        access=Access.SYSTEM_ADMIN,
        summary=summary,
        request=request,
        body=Body.NONE if request is None else Body.JSON,
        response=Task,
        status=201,
        mutating=True,
        when_paused=when_paused,
    )


ROUTES = (
    Route(
        method="GET",
        path="/v1/available",
        operation="getAvailable",
        access=Access.PUBLIC,
        summary="Answers 200 while this node may serve (for load balancers).",
    ),
    Route(
        method="GET",
        path="/v1/info",
        operation="getInfo",
        access=Access.AUTHENTICATED,
        summary="Show version and kind of network.",
        response=Info,
    ),
    Route(
        method="GET",
        path="/v1/system/auth",
        operation="getSystemAuth",
        access=Access.PUBLIC,
        summary="Show where to get a token.",
        response=AuthInfo,
    ),
    Route(
        method="GET",
        path="/v1/system/status",
        operation="getSystemStatus",
        access=Access.AUTHENTICATED,
        summary="Show how the site and its parts are.",
        response=SystemStatus,
    ),
    Route(
        method="GET",
        path="/v1/system/info",
        operation="getSystemInfo",
        access=Access.AUTHENTICATED,
        summary="Show the site.",
        response=SystemInfo,
    ),
    Route(
        method="GET",
        path="/v1/system/usage",
        operation="getSystemUsage",
        access=Access.SYSTEM_ADMIN,
        summary="Count hosts, VMs, tenants, projects and datastores.",
        response=SystemUsage,
    ),
    Route(
        method="GET",
        path="/v1/system/vms",
        operation="listSystemVms",
        access=Access.SYSTEM_ADMIN,
        summary="List the VMs that carry the control plane.",
        response=VmList,
    ),
    Route(
        method="GET",
        path="/v1/system/properties",
        operation="getSystemProperties",
        access=Access.SYSTEM_ADMIN,
        summary="Show the settings that can be changed at run time.",
        response=SystemProperties,
    ),
    _change(
        "properties/update",
        "updateSystemProperties",
        "Change settings at run time, on every controller.",
        SystemPropertiesSpec,
    ),
    _change(
        "pause",
        "pauseSystem",
        "Answer only what reads, and rest in the background.",
        when_paused=True,
    ),
    _change(
        "pause-background-tasks",
        "pauseBackgroundTasks",
        "Rest in the background; everything is answered.",
        when_paused=True,
    ),
    _change(
        "resume",
        "resumeSystem",
        "Answer everything and work in the background again.",
        when_paused=True,
    ),
    _change(
        "set-security-groups",
        "setSystemSecurityGroups",
        "Say which groups administer the site, beside the built-in one.",
        SecurityGroupsSpec,
    ),
    Route(
        method="GET",
        path="/docs",
        operation="getDocs",
        access=Access.PUBLIC,
        summary="This documentation as a page.",
        response=str,
        media_type="text/html",
    ),
    Route(
        method="GET",
        path="/openapi.json",
        operation="getOpenapi",
        access=Access.PUBLIC,
        summary="This description of the API.",
    ),
)
