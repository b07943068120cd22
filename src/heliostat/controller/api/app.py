"""The API as an aiohttp application, built from the route table.

Starting fails when a route has no handler or a handler no route.  Every request
passes, in this order: request id, error boundary, authentication, authorisation,
parsing, handler.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from heliostat.controller.api import (
    access,
    boundary,
    chores,
    disks,
    doctor,
    events,
    flavors,
    groups,
    hosts,
    iam,
    images,
    labels,
    parsing,
    projects,
    quota_leases,
    quotas,
    service_accounts,
    system,
    tasks,
    tenants,
    users,
    vms,
)
from heliostat.controller.api.call import Call, Services
from heliostat.controller.api.handler import Handler
from heliostat.controller.api.ownership import Ownership
from heliostat.controller.api.ports import ApiSettings, DirectoryPort, HostsPort, IdentityPort
from heliostat.controller.events.hub import Hub
from heliostat.controller.workflows.admission import Ports
from heliostat.core.errors import PermanentError
from heliostat.wire.route import Body, Route
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
    **hosts.HANDLERS,
    **tasks.HANDLERS,
    **events.HANDLERS,
    **users.HANDLERS,
    **groups.HANDLERS,
    **service_accounts.HANDLERS,
}


def make_app(
    ports: Ports,
    identity: IdentityPort,
    directory: DirectoryPort,
    hosts_port: HostsPort,
    settings: ApiSettings,
) -> web.Application:
    """The application that serves every route of ``wire.routes``."""
    hub = Hub(ports.store, ports.clock)
    services = Services(
        ports, identity, directory, hosts_port, settings, hub, Ownership(ports.store)
    )
    app = web.Application(
        middlewares=[boundary.request_ids(ports.ids), boundary.errors],
        client_max_size=settings.json_body_bytes,
    )
    app.on_response_prepare.append(boundary.add_headers)
    app.on_shutdown.append(lambda _app: hub.close())
    check_complete(ROUTES, HANDLERS)
    for route in ROUTES:
        app.router.add_route(
            route.method, route.path, endpoint(services, route, HANDLERS[route.operation])
        )
    return app


def check_complete(routes: tuple[Route, ...], handlers: Mapping[str, Handler]) -> None:
    """Raise ``RuntimeError`` unless routes and handlers match one to one."""
    operations = {route.operation for route in routes}
    if missing := sorted(operations - handlers.keys()):
        raise RuntimeError(f"routes without a handler: {', '.join(missing)}")
    if unknown := sorted(handlers.keys() - operations):
        raise RuntimeError(f"handlers without a route: {', '.join(unknown)}")


def endpoint(
    services: Services, route: Route, handler: Handler
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """What aiohttp calls for one route."""

    async def handle(request: web.Request) -> web.StreamResponse:
        principal = await access.admit(services, route, request)
        call = Call(
            services=services,
            route=route,
            request=request,
            principal=principal,
            request_id=request[boundary.REQUEST_ID],
            params=request.match_info,
            query=parsing.parse_query(request.query, route.all_query),
            body=await _body(route, request, services.settings.body_timeout_s),
        )
        return await handler.answer(call)

    return handle


async def _body(route: Route, request: web.Request, timeout_s: float) -> object:
    if route.body.is_upload or route.websocket:
        return None
    try:
        async with asyncio.timeout(timeout_s):
            raw = await request.read()
    except TimeoutError as error:
        sentence = f"The body did not arrive within {timeout_s:g} s."
        raise PermanentError("InvalidJson", sentence) from error
    if route.body is Body.JSON:
        return parsing.parse_json(raw, route.request)
    if route.mutating:
        parsing.parse_nothing(raw)
    return None
