"""Every route of the API, collected from the nouns' tables.

Operations are unique, and so are method and path; both are checked when the
module is imported, so a wrong table can't start a server.
"""

from __future__ import annotations

from types import ModuleType

from heliostat.wire import (
    audit,
    bulk,
    chores,
    datastores,
    directory_tenants,
    disks,
    doctor,
    events,
    flavors,
    groups,
    hosts,
    iam,
    images,
    labels,
    metrics,
    oidc_clients,
    projects,
    quota_leases,
    quotas,
    service_accounts,
    subnets,
    system,
    tasks,
    tenants,
    unoffered,
    users,
    vms,
    zones,
)
from heliostat.wire.route import Route

NOUNS: tuple[tuple[str, ModuleType], ...] = (
    ("System", system),
    ("Background work", chores),
    ("Check-up", doctor),
    ("Tenants", tenants),
    ("Projects", projects),
    ("Quotas", quotas),
    ("Quota leases", quota_leases),
    ("Policies", iam),
    ("Flavors", flavors),
    ("Images", images),
    ("Labels", labels),
    ("VMs", vms),
    ("Disks", disks),
    ("Bulk operations", bulk),
    ("Hosts", hosts),
    ("Subnets", subnets),
    ("Not offered yet", unoffered),
    ("Availability zones", zones),
    ("Datastores", datastores),
    ("Tasks", tasks),
    ("Events", events),
    ("Audit", audit),
    ("Metrics", metrics),
    ("Users", users),
    ("Groups", groups),
    ("Service accounts", service_accounts),
    ("Clients of sign-in", oidc_clients),
    ("Directory tenants", directory_tenants),
)
"""Every noun's title and module, in the order in which documentation shows them."""

ROUTES: tuple[Route, ...] = tuple(route for _, noun in NOUNS for route in noun.ROUTES)


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
