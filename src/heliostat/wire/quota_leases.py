"""Leases of quota: higher limits for a time, e.g. 200 more CPUs until six o'clock.

Until when is told as a moment (``until``: RFC 3339, or milliseconds since the
epoch) or as a time from now (``for``: seconds).
"""

from __future__ import annotations

import msgspec

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.quotas import QuotaItemSpec, QuotaLease
from heliostat.wire.route import Body, Owner, Route
from heliostat.wire.tasks import Task


class QuotaLeaseSpec(Request):
    """What to add to the limits (``items``, as limits are written), until when, and why."""

    items: dict[str, QuotaItemSpec]
    until: int | str | None = None
    for_s: float | None = msgspec.field(name="for", default=None)
    reason: str = ""


class QuotaLeaseExtension(Request):
    """A new end of a lease, later or sooner."""

    until: int | str | None = None
    for_s: float | None = msgspec.field(name="for", default=None)


class QuotaLeaseList(Response):
    """The leases of a tenant or project, the one that ends next first: all on one page."""

    items: list[QuotaLease]
    next_page_link: str = ""
    previous_page_link: str = ""


def _routes(noun: str, title: str, read: Access, write: Access) -> tuple[Route, ...]:
    path, owner = f"/v1/{noun}s/{{id}}/quota/leases", Owner(noun)
    return (
        Route(
            method="POST",
            path=path,
            operation=f"create{title}QuotaLease",
            access=write,
            owner=owner,
            summary=f"Raise limits of a {noun} for a time.",
            request=QuotaLeaseSpec,
            body=Body.JSON,
            response=Task,
            status=201,
            mutating=True,
        ),
        Route(
            method="GET",
            path=path,
            operation=f"list{title}QuotaLeases",
            access=read,
            owner=owner,
            summary=f"List the quota leases of a {noun} that have not ended.",
            response=QuotaLeaseList,
        ),
        Route(
            method="PATCH",
            path=f"{path}/{{lease}}",
            operation=f"update{title}QuotaLease",
            access=write,
            owner=owner,
            summary="Let a quota lease end at another time.",
            request=QuotaLeaseExtension,
            body=Body.JSON,
            response=Task,
            status=201,
            mutating=True,
        ),
        Route(
            method="DELETE",
            path=f"{path}/{{lease}}",
            operation=f"delete{title}QuotaLease",
            access=write,
            owner=owner,
            summary="Give a quota lease back before its end.",
            response=Task,
            status=201,
            mutating=True,
        ),
    )


ROUTES = (
    *_routes("tenant", "Tenant", Access.TENANT_READ, Access.SYSTEM_ADMIN),
    *_routes("project", "Project", Access.PROJECT_USER, Access.PROJECT_ADMIN),
)
