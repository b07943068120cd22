"""Availability zones: groups of hosts that fail together."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.route import NAME, PAGE, Body, Owner, Route
from heliostat.wire.tasks import TASKS_OF, Task, TaskList


class ZoneCreateSpec(Request):
    """A zone to create; names may repeat."""

    name: str


class Zone(Response):
    """A zone; PENDING_DELETE until its last host has left."""

    id: str
    kind: str
    name: str
    state: str
    self_link: str
    tags: list[str] = []


class ZoneList(Response):
    """A page of zones."""

    items: list[Zone]
    next_page_link: str = ""
    previous_page_link: str = ""


_ZONE = Owner("availability-zone")

ROUTES = (
    Route(
        method="POST",
        path="/v1/zones",
        operation="createZone",
        access=Access.SYSTEM_ADMIN,
        summary="Create an availability zone.",
        request=ZoneCreateSpec,
        body=Body.JSON,
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/zones",
        operation="listZones",
        access=Access.AUTHENTICATED,
        summary="List the availability zones.",
        response=ZoneList,
        query=(NAME, *PAGE),
    ),
    Route(
        method="GET",
        path="/v1/zones/{id}",
        operation="getZone",
        access=Access.AUTHENTICATED,
        summary="Show an availability zone.",
        response=Zone,
    ),
    Route(
        method="DELETE",
        path="/v1/zones/{id}",
        operation="deleteZone",
        access=Access.SYSTEM_ADMIN,
        owner=_ZONE,
        summary="Delete an availability zone; one with hosts goes when the last host leaves.",
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/zones/{id}/tasks",
        operation="listZoneTasks",
        access=Access.SYSTEM_ADMIN,
        owner=_ZONE,
        summary="List the tasks of an availability zone.",
        response=TaskList,
        query=TASKS_OF,
    ),
)
