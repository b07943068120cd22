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

NOUNS: tuple[tuple[str, tuple[Route, ...]], ...] = (
    ("System", system.ROUTES),
    ("Background work", chores.ROUTES),
    ("Check-up", doctor.ROUTES),
    ("Tenants", tenants.ROUTES),
    ("Projects", projects.ROUTES),
    ("Quotas", quotas.ROUTES),
    ("Flavors", flavors.ROUTES),
    ("Images", images.ROUTES),
    ("Labels", labels.ROUTES),
    ("VMs", vms.ROUTES),
    ("Disks", disks.ROUTES),
    ("Hosts", hosts.ROUTES),
    ("Tasks", tasks.ROUTES),
    ("Events", events.ROUTES),
    ("Users", users.ROUTES),
    ("Groups", groups.ROUTES),
    ("Service accounts", service_accounts.ROUTES),
)
"""Every noun's title and table, in the order in which documentation shows them."""

ROUTES: tuple[Route, ...] = tuple(route for _, routes in NOUNS for route in routes)


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
