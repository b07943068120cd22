"""Every route of the API, collected from the nouns' tables.

Operations are unique, and so are method and path; both are checked when the
module is imported, so a wrong table can't start a server.
"""

from __future__ import annotations

from heliostat.wire import (
    chores,
    disks,
    doctor,
    events,
    flavors,
    groups,
    hosts,
    images,
    labels,
    projects,
    quotas,
    service_accounts,
    system,
    tasks,
    tenants,
    users,
    vms,
)
from heliostat.wire.route import Route

ROUTES: tuple[Route, ...] = (
    *system.ROUTES,
    *chores.ROUTES,
    *doctor.ROUTES,
    *tenants.ROUTES,
    *projects.ROUTES,
    *quotas.ROUTES,
    *flavors.ROUTES,
    *images.ROUTES,
    *labels.ROUTES,
    *vms.ROUTES,
    *disks.ROUTES,
    *hosts.ROUTES,
    *tasks.ROUTES,
    *events.ROUTES,
    *users.ROUTES,
    *groups.ROUTES,
    *service_accounts.ROUTES,
)


def _by_operation(routes: tuple[Route, ...]) -> dict[str, Route]:
    table: dict[str, Route] = {}
    seen: set[tuple[str, str]] = set()
    for route in routes:
        if route.operation in table or (route.method, route.path) in seen:
            raise ValueError(f"declared twice: {route.operation} {route.method} {route.path}")
        table[route.operation] = route
        seen.add((route.method, route.path))
    return table


BY_OPERATION: dict[str, Route] = _by_operation(ROUTES)
