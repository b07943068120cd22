"""The API as an aiohttp application, built from the route table.

Starting fails when a route has no handler or a handler no route.  Every request
passes, in this order: request id, error boundary, authentication, authorisation,
parsing, handler.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

from aiohttp import web

from heliostat.controller.api import (
    acme_keys,
    audit,
    authority,
    boundary,
    bulk,
    certificates,
    chores,
    computers,
    datastores,
    directory_nodes,
    directory_search,
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
from heliostat.controller.api import (
    directories as tenant_directories,
)
from heliostat.controller.api.access_log import AccessLog
from heliostat.controller.api.call import Services
from heliostat.controller.api.endpoint import endpoint
from heliostat.controller.api.handler import Handler
from heliostat.controller.api.ownership import Ownership
from heliostat.controller.api.ports import ApiSettings, DirectoriesPort, HostsPort, IdentityPort
from heliostat.controller.api.site import SiteView
from heliostat.controller.events.hub import Hub
from heliostat.controller.metrics.gathering import Gatherer
from heliostat.controller.metrics.registry import Metrics
from heliostat.controller.trail.writer import Trail
from heliostat.controller.workflows.admission import Ports
from heliostat.wire.route import Route
from heliostat.wire.routes import ROUTES

HANDLERS: Mapping[str, Handler] = {
    **system.HANDLERS,
    **chores.HANDLERS,
    **doctor.HANDLERS,
    **tenants.HANDLERS,
    **projects.HANDLERS,
    **quotas.HANDLERS,
    **quota_leases.HANDLERS,
    **iam.HANDLERS,
    **flavors.HANDLERS,
    **images.HANDLERS,
    **labels.HANDLERS,
    **vms.HANDLERS,
    **disks.HANDLERS,
    **bulk.HANDLERS,
    **hosts.HANDLERS,
    **subnets.HANDLERS,
    **unoffered.HANDLERS,
    **zones.HANDLERS,
    **datastores.HANDLERS,
    **tasks.HANDLERS,
    **events.HANDLERS,
    **audit.HANDLERS,
    **metrics.HANDLERS,
    **users.HANDLERS,
    **groups.HANDLERS,
    **service_accounts.HANDLERS,
    **machines.HANDLERS,
    **service_providers.HANDLERS,
    **oidc_clients.HANDLERS,
    **tenant_directories.HANDLERS,
    **organizational_units.HANDLERS,
    **computers.HANDLERS,
    **directory_search.HANDLERS,
    **identity_policies.HANDLERS,
    **identity_sessions.HANDLERS,
    **certificates.HANDLERS,
    **authority.HANDLERS,
    **acme_keys.HANDLERS,
    **kerberos.HANDLERS,
    **identity_sources.HANDLERS,
    **directory_nodes.HANDLERS,
    **identity_providers.HANDLERS,
    **second_factors.HANDLERS,
}


SERVICES = web.AppKey("services", Services)
"""What the application's calls share, for those who add routes of their own."""


def make_app(
    ports: Ports,
    identity: IdentityPort,
    directories: DirectoriesPort,
    hosts_port: HostsPort,
    settings: ApiSettings,
    measured: Metrics | None = None,
    lines: AccessLog | None = None,
) -> web.Application:
    """The application that serves every route of ``wire.routes``.

    ``measured`` are the controller's metrics, where others measure with them, too;
    ``lines`` takes a line for each request.
    """
    measured = measured or Metrics()
    hub = Hub(ports.store, ports.clock)
    trail = Trail(ports.store, ports.clock, ports.ids)
    site = SiteView(ports.store, ports.clock)
    services = Services(
        ports,
        identity,
        directories,
        hosts_port,
        settings,
        hub=hub,
        ownership=Ownership(ports.store),
        trail=trail,
        site=site,
        metrics=measured,
        gatherer=Gatherer(ports.store, ports.clock, measured, settings.measured_projects),
    )
    app = web.Application(
        middlewares=[boundary.around(ports.ids, lines)],
        client_max_size=settings.json_body_bytes,
    )
    app.on_response_prepare.append(boundary.add_headers)
    app.on_shutdown.append(lambda _app: hub.close())
    app.cleanup_ctx.append(_keep_trail(trail))
    app.cleanup_ctx.append(site.living)
    app[SERVICES] = services
    check_complete(ROUTES, HANDLERS)
    for route in ROUTES:
        app.router.add_route(
            route.method, route.path, endpoint(services, route, HANDLERS[route.operation])
        )
    return app


def _keep_trail(trail: Trail) -> Callable[[web.Application], AsyncIterator[None]]:
    """Write the trail's batches while the application lives."""

    async def context(_app: web.Application) -> AsyncIterator[None]:
        writing = asyncio.create_task(trail.run())
        yield
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await trail.close()

    return context


def check_complete(routes: tuple[Route, ...], handlers: Mapping[str, Handler]) -> None:
    """Raise ``RuntimeError`` unless routes and handlers match one to one."""
    operations = {route.operation for route in routes}
    if missing := sorted(operations - handlers.keys()):
        raise RuntimeError(f"routes without a handler: {', '.join(missing)}")
    if unknown := sorted(handlers.keys() - operations):
        raise RuntimeError(f"handlers without a route: {', '.join(unknown)}")
