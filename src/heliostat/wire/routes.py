"""Every route of the API, collected from the nouns' tables.

Operations are unique, and so are method and path; both are checked when the
module is imported, so a wrong table can't start a server.
"""

from __future__ import annotations

from types import ModuleType

from heliostat.wire import (
    acme_keys,
    audit,
    authority,
    bulk,
    certificates,
    chores,
    computers,
    datastores,
    directory_nodes,
    directory_search,
    directory_tenants,
    disks,
    doctor,
    events,
    flavors,
    groups,
    hosts,
    iam,
    identity_policies,
    identity_providers,
    identity_sessions,
    identity_sources,
    images,
    kerberos,
    labels,
    machines,
    metrics,
    oidc_clients,
    organizational_units,
    projects,
    quota_leases,
    quotas,
    second_factors,
    service_accounts,
    service_providers,
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
    ("Sessions and consents", identity_sessions),
    ("Service providers", service_providers),
    ("Machines of a directory", machines),
    ("Directory tenants", directory_tenants),
    ("Organisational units", organizational_units),
    ("Computers of a directory", computers),
    ("Searching a directory", directory_search),
    ("Rules of sign-in", identity_policies),
    ("Certificates", certificates),
    ("Certificate authority", authority),
    ("ACME keys", acme_keys),
    ("Kerberos", kerberos),
    ("Identity sources", identity_sources),
    ("Nodes of the directory", directory_nodes),
    ("Other providers", identity_providers),
    ("Second factors", second_factors),
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
