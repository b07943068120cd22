"""Quotas and costs.

A quota is a map from a key (``vm.cpu``, ``vm.memory``, anything) to its limit,
usage and unit (GB, MB, KB, B, COUNT; sizes in base 1024).  Writes take the bare
map; clients send ``usage`` along, which the server ignores.
"""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.route import Body, Owner, Route
from heliostat.wire.tasks import Task


class QuotaItemSpec(Request):
    """A limit asked for; ``usage`` is accepted because clients send it, and ignored."""

    limit: float
    unit: str
    usage: float = 0.0


class QuotaSpec(Request):
    """Limits of a tenant or project that is created; clients send null for none."""

    quota_items: dict[str, QuotaItemSpec] | None = None


class QuotaItem(Response):
    """One key of a quota.

    ``limit`` is the one in force; ``leased`` of it is there until leases end.  ``over`` is
    what the end of a lease left above it.
    """

    limit: float
    usage: float
    unit: str
    leased: float | None = None
    over: float | None = None


class TrackedItem(Response):
    """Usage of a key that has no limit."""

    usage: float
    unit: str


class LeasedAmount(Response):
    """What a lease adds to one limit; ``in_use`` is how much would be above without it."""

    limit: float
    unit: str
    in_use: float | None = None


class QuotaLease(Response):
    """A lease that has not ended; ``until`` and ``created_time`` in ms."""

    id: str
    items: dict[str, LeasedAmount]
    until: int
    created_time: int
    requested_by: str
    reason: str = ""


class Quota(Response):
    """The quota of a tenant or project.

    ``quota_items`` are the limited keys only: clients compute a project's limits from
    them, and a limit of 0 for a key that is merely tracked would forbid its use.  ``state``
    is OVER while something is used above its limit, else empty.
    """

    quota_items: dict[str, QuotaItem]
    tracked: dict[str, TrackedItem] = {}
    leases: list[QuotaLease] = []
    state: str = ""


class QuotaLineItemSpec(Request):
    """What one piece of a flavor costs, as given."""

    key: str
    value: float
    unit: str


class QuotaLineItem(Response):
    """What something costs, for one quota key."""

    key: str
    value: float
    unit: str


def _routes(noun: str, title: str, read: Access, write: Access) -> tuple[Route, ...]:
    path, owner = f"/v1/{noun}s/{{id}}/quota", Owner(noun)
    items = dict[str, QuotaItemSpec] | None  # existing clients send null for an empty map
    return (
        Route(
            method="GET",
            path=path,
            operation=f"get{title}Quota",
            access=read,
            owner=owner,
            summary=f"Show the quota of a {noun}.",
            response=Quota,
        ),
        Route(
            method="PUT",
            path=path,
            operation=f"set{title}Quota",
            access=write,
            owner=owner,
            summary=f"Replace the limits of a {noun}.",
            request=items,
            body=Body.JSON,
            response=Task,
            status=201,
            mutating=True,
        ),
        Route(
            method="PATCH",
            path=path,
            operation=f"update{title}Quota",
            access=write,
            owner=owner,
            summary=f"Set the given limits of a {noun} and keep the others.",
            request=items,
            body=Body.JSON,
            response=Task,
            status=201,
            mutating=True,
        ),
        Route(
            method="DELETE",
            path=path,
            operation=f"exclude{title}Quota",
            access=write,
            owner=owner,
            summary=f"Lift the given limits of a {noun}.",
            request=items,
            body=Body.JSON,
            response=Task,
            status=201,
            mutating=True,
        ),
    )


# A tenant must not raise its own limits, nor a project its own: each is set from one level above.
ROUTES = (
    *_routes("tenant", "Tenant", Access.TENANT_READ, Access.SYSTEM_ADMIN),
    *_routes("project", "Project", Access.PROJECT_USER, Access.PROJECT_ADMIN),
)
