"""Hosts: the machines that run VMs, each through its agent.

Adding a host stores no password: the host is NOT_PROVISIONED until an agent has
joined with a one-time token.
"""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import EntityRef, Request, Response
from heliostat.wire.route import PAGE, SELECTOR, Body, Owner, Query, Route
from heliostat.wire.stats import HostStats
from heliostat.wire.tasks import TASKS_OF, Task, TaskList
from heliostat.wire.vms import VmList


class HostCreateSpec(Request):
    """A host to add; ``username`` and ``password`` are what existing clients send, never kept."""

    address: str
    usage_tags: list[str] | None = None
    username: str = ""
    password: str = ""
    zone: str = ""
    availability_zone: str = ""
    metadata: dict[str, str] | None = None
    labels: dict[str, str] | None = None


class Host(Response):
    """A host; what its agent found is there once the agent has joined."""

    id: str
    kind: str
    address: str
    state: str
    self_link: str
    usage_tags: list[str]
    username: str
    password: str
    esx_version: str
    zone: str = ""
    metadata: dict[str, str] = {}
    labels: dict[str, str] = {}
    agent_state: str = ""
    hostname: str = ""
    hypervisor: str = ""
    accelerator: str = ""
    agent_version: str = ""
    datastore: str = ""
    cpu_count: int = 0
    memory_mib: int = 0
    disk_total_bytes: int = 0
    disk_free_bytes: int = 0
    datastores: list[HostDatastore] = []


class HostList(Response):
    """A page of hosts."""

    items: list[Host]
    next_page_link: str = ""
    previous_page_link: str = ""


class HostDatastore(Response):
    """A datastore of a host; not ``available`` if nothing can be placed in it now."""

    id: str
    name: str
    type: str
    available: bool
    total_bytes: int
    free_bytes: int


class SetZoneOperation(Request):
    """The zone a host shall be in, by its id or by a name that only one zone has."""

    availability_zone_id: str


class Reason(Response):
    """Something to consider before a host stops; ``blocks`` if it would be interrupted."""

    code: str
    message: str
    blocks: bool
    entity: EntityRef


class SafeToStop(Response):
    """Whether a host can be stopped without interrupting anything, and all there is to know."""

    host_id: str
    safe: bool
    reasons: list[Reason]


class JoinToken(Response):
    """A token that lets one agent join as this host, once, until ``expires_time`` (ms)."""

    host_id: str
    token: str
    expires_time: int = 0


_BASE = "/v1/infrastructure/hosts"
_HOST = Owner("host")


def _mode(verb: str, operation: str, summary: str) -> Route:
    return Route(
        method="POST",
        path=f"{_BASE}/{{id}}/{verb}",
        operation=operation,
        access=Access.SYSTEM_ADMIN,
        owner=_HOST,
        summary=summary,
        response=Task,
        status=201,
        mutating=True,
    )


ROUTES = (
    Route(
        method="POST",
        path=_BASE,
        operation="createHost",
        access=Access.SYSTEM_ADMIN,
        summary="Add a host; it stays NOT_PROVISIONED until its agent has joined.",
        request=HostCreateSpec,
        body=Body.JSON,
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path=_BASE,
        operation="listHosts",
        access=Access.SYSTEM_ADMIN,
        summary="List the hosts.",
        response=HostList,
        query=(
            SELECTOR,
            Query("state", str, "Only the hosts in this state."),
            Query("zone", str, "Only the hosts in the zone with this id."),
            Query("usageTag", str, "Only the hosts for this use: CLOUD or MGMT."),
            Query("address", str, "Only the host with this address."),
            *PAGE,
        ),
    ),
    Route(
        method="GET",
        path=f"{_BASE}/{{id}}",
        operation="getHost",
        access=Access.SYSTEM_ADMIN,
        owner=_HOST,
        summary="Show a host.",
        response=Host,
    ),
    Route(
        method="DELETE",
        path=f"{_BASE}/{{id}}",
        operation="deleteHost",
        access=Access.SYSTEM_ADMIN,
        owner=_HOST,
        summary="Remove a host that is in maintenance, in error or was never provisioned.",
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path=f"{_BASE}/{{id}}/tasks",
        operation="listHostTasks",
        access=Access.SYSTEM_ADMIN,
        owner=_HOST,
        summary="List the tasks of a host.",
        response=TaskList,
        query=TASKS_OF,
    ),
    Route(
        method="GET",
        path=f"{_BASE}/{{id}}/vms",
        operation="listHostVms",
        access=Access.SYSTEM_ADMIN,
        owner=_HOST,
        summary="List the VMs on a host.",
        response=VmList,
        query=(SELECTOR, *PAGE),
    ),
    Route(
        method="GET",
        path=f"{_BASE}/{{id}}/stats",
        operation="getHostStats",
        access=Access.SYSTEM_ADMIN,
        owner=_HOST,
        summary="Show the last hour of a host.",
        response=HostStats,
    ),
    Route(
        method="POST",
        path=f"{_BASE}/{{id}}/join-token",
        operation="createJoinToken",
        access=Access.SYSTEM_ADMIN,
        owner=_HOST,
        summary="Make a one-time token that lets an agent join as this host.",
        response=JoinToken,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path=f"{_BASE}/{{id}}/safe-to-stop",
        operation="isHostSafeToStop",
        access=Access.SYSTEM_ADMIN,
        owner=_HOST,
        summary="Tell whether a host can be stopped without interrupting anything, and why not.",
        response=SafeToStop,
    ),
    Route(
        method="POST",
        path=f"{_BASE}/{{id}}/set_availability_zone",
        operation="setHostAvailabilityZone",
        access=Access.SYSTEM_ADMIN,
        owner=_HOST,
        summary="Put a host that is in no availability zone into one.",
        request=SetZoneOperation,
        body=Body.JSON,
        response=Task,
        status=201,
        mutating=True,
    ),
    _mode("provision", "provisionHost", "Wait for the agent of a host to join; it is READY then."),
    _mode("suspend", "suspendHost", "Place nothing new on a host; its VMs run on."),
    _mode("resume", "resumeHost", "Use a suspended host again."),
    _mode("enter-maintenance", "enterHostMaintenance", "Take a suspended, empty host out of use."),
    _mode("exit-maintenance", "exitHostMaintenance", "Use a host in maintenance again."),
)
