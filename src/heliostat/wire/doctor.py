"""The check-up of the whole site, and its repair."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Response
from heliostat.wire.route import Route
from heliostat.wire.tasks import Task


class Finding(Response):
    """Something wrong: where (store, books, agents, guests, content, tasks, directory, sign-in,
    certificates), what, what to do."""

    area: str
    message: str
    hint: str


class Checkup(Response):
    """What a look at every document and every agent found; ``repairs`` are what a repair does."""

    kind: str
    revision: int
    documents: int
    findings: list[Finding]
    repairs: list[str]


ROUTES = (
    Route(
        method="GET",
        path="/v1/system/checkup",
        operation="getCheckup",
        access=Access.SYSTEM_ADMIN,
        summary="Compare all documents with each other and with what the agents see.",
        response=Checkup,
    ),
    Route(
        method="POST",
        path="/v1/system/repair",
        operation="repairSystem",
        access=Access.SYSTEM_ADMIN,
        summary="Repair what a check-up found and can be repaired.",
        response=Task,
        status=201,
        mutating=True,
    ),
)
