"""The site itself: is it there, what is it, how do I sign in, is it well."""

from __future__ import annotations

from msgspec import field

from heliostat.wire.access import Access
from heliostat.wire.body import Response
from heliostat.wire.route import Route


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


class SystemVmList(Response):
    """VMs that carry the control plane; empty where it runs as plain processes."""

    items: list[dict[str, str]]


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
        response=SystemVmList,
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
