"""Flavors: named costs that VMs and disks are made from."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.quotas import QuotaLineItem, QuotaLineItemSpec
from heliostat.wire.route import NAME, PAGE, SELECTOR, Body, Owner, Query, Route
from heliostat.wire.tasks import TASKS_OF, Task, TaskList


class FlavorCreateSpec(Request):
    """A flavor; ``kind`` is vm, persistent-disk (persistent) or ephemeral-disk (ephemeral)."""

    name: str
    kind: str
    cost: list[QuotaLineItemSpec] | None = None
    labels: dict[str, str] | None = None


class Flavor(Response):
    """A flavor."""

    id: str
    kind: str
    name: str
    state: str
    self_link: str
    cost: list[QuotaLineItem]
    tags: list[str]
    labels: dict[str, str] = {}


class FlavorList(Response):
    """A page of flavors."""

    items: list[Flavor]
    next_page_link: str = ""
    previous_page_link: str = ""


_FLAVOR = Owner("flavor")

ROUTES = (
    Route(
        method="POST",
        path="/v1/flavors",
        operation="createFlavor",
        access=Access.SYSTEM_ADMIN,
        summary="Create a flavor.",
        request=FlavorCreateSpec,
        body=Body.JSON,
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/flavors",
        operation="listFlavors",
        access=Access.AUTHENTICATED,
        summary="List the flavors.",
        response=FlavorList,
        query=(NAME, SELECTOR, Query("kind", str, "Only the flavors of this kind."), *PAGE),
    ),
    Route(
        method="GET",
        path="/v1/flavors/{id}",
        operation="getFlavor",
        access=Access.AUTHENTICATED,
        summary="Show a flavor.",
        response=Flavor,
    ),
    Route(
        method="DELETE",
        path="/v1/flavors/{id}",
        operation="deleteFlavor",
        access=Access.SYSTEM_ADMIN,
        owner=_FLAVOR,
        summary="Delete a flavor; one in use goes when its last user does.",
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/flavors/{id}/tasks",
        operation="listFlavorTasks",
        access=Access.SYSTEM_ADMIN,
        owner=_FLAVOR,
        summary="List the tasks of a flavor.",
        response=TaskList,
        query=TASKS_OF,
    ),
)
