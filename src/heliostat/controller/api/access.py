"""Who calls, and may they: from the route table, before anything is parsed.

Whether an entity exists is nobody's business who may not use it: an unknown id
and a foreign one give the same AccessForbidden.  A system administrator passes,
and then learns from the handler that there is no such entity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from aiohttp import web

from heliostat.controller.api.boundary import CALLER
from heliostat.controller.api.call import Call, Services
from heliostat.controller.api.ports import OwnerGroups, Principal
from heliostat.controller.api.reach import reach_of
from heliostat.controller.api.site import known_to, refuse_paused
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows.vm_ticket import redeem
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.wire.access import Access
from heliostat.wire.directory_tenants import DIRECTORY
from heliostat.wire.route import Route

_SCHEME = "bearer"
_ASK_ADMINISTRATOR = "Ask a system administrator; `helio whoami` shows your groups."
NOT_FOUND = 404
ADMINISTRATORS = "Administrators"
"""The group of a tenant of the directory that administers it."""


@dataclass(frozen=True, slots=True)
class TicketHolder:
    """Whoever came with a ticket: may do the one thing that it is for, and nothing else."""

    subject: str
    groups: frozenset[str] = frozenset()
    client: str = ""
    tenant: str = ""
    is_system_admin: bool = False


async def admit(services: Services, route: Route, request: web.Request) -> Principal | None:
    """The caller, who may call the route; ``None`` where it is public.

    A ticket says that its holder was authorised when it was issued, moments ago.
    """
    if route.takes_ticket and (ticket := request.query.get("ticket")) is not None:
        ports = services.ports
        vm_id = request.match_info["id"]
        holder = TicketHolder(await redeem(ports.store, ports.clock, vm_id, ticket))
        request[CALLER] = holder
        return holder
    principal = await authenticate(services, route, request)
    if principal is None:
        return None
    site = await services.site.for_route(route)
    principal = known_to(site, principal)
    request[CALLER] = principal
    await authorise(services, route, principal, request.match_info)
    refuse_paused(site, route)
    return principal


async def authenticate(services: Services, route: Route, request: web.Request) -> Principal | None:
    """The caller; ``None`` where the route is public."""
    if not route.access.needs_token:
        return None
    header = request.headers.get("Authorization")
    if header is not None:
        return await services.identity.verify(_token(header))
    principal = services.identity.peer(request.transport)
    if principal is None:
        raise PermanentError("MissingAuthToken", "This request needs an access token.")
    return principal


async def authorise(
    services: Services, route: Route, principal: Principal | None, params: Mapping[str, str]
) -> None:
    """Let the caller pass, or raise AccessForbidden with the reason."""
    if principal is None:
        return
    owner = OwnerGroups()
    if route.owner is not None and not principal.is_system_admin:
        owned_id = params[route.owner.parameter]
        if await _asked_for_it(services, route, principal, owned_id):
            return
        owner = await groups_of(services, route.owner.kind, owned_id)
    verdict = services.identity.decide(route.rule, principal, owner)
    if not verdict.allowed and route.owner is not None and route.rule.passes_through:
        reach = await reach_of(services.ports.store, principal)
        inside = reach.is_inside(route.owner.kind, params[route.owner.parameter])
        verdict = services.identity.decide(
            route.rule, principal, replace(owner, reaches_inside=inside)
        )
    if not verdict.allowed:
        hint = None if route.rule.needs_owner else _ASK_ADMINISTRATOR
        raise PermanentError("AccessForbidden", f"Not allowed: {verdict.reason}.", hint=hint)


async def groups_of(services: Services, kind: str, id_: str) -> OwnerGroups:
    """Who may do what with an entity; nobody anything with one that doesn't exist."""
    if kind == DIRECTORY:
        return OwnerGroups(frozenset({f"{id_}\\{ADMINISTRATORS}"}))
    try:
        found = await reading.owner_of(services.ports.store, kind, id_)
    except HeliostatError as error:
        if error.status != NOT_FOUND:
            raise
        return OwnerGroups()
    return OwnerGroups(
        found.tenant_groups,
        found.project_groups,
        found.tenant_policy,
        found.project_policy,
        found.entity_policy,
    )


async def _asked_for_it(
    services: Services, route: Route, principal: Principal, task_id: str
) -> bool:
    """Whoever started a task may read it, also when what it deleted was the last tie to it."""
    if route.owner is None or route.owner.kind != "task" or route.method != "GET":
        return False
    try:
        task = await reading.task(services.ports.store, task_id)
    except HeliostatError:
        return False
    return task.requested_by == principal.subject


async def seen_in_project(call: Call, kind: str) -> Callable[[str], bool]:
    """Which things of a kind in the path's project the caller sees: all, or single ones."""
    owner = await groups_of(call.services, kinds.PROJECT_KIND, call.id)
    if may(call.services, Access.PROJECT_VIEWER, call.principal, owner):
        return lambda _id: True
    reach = await reach_of(call.store, call.principal)
    return lambda id_: (kind, id_) in reach.things


def may(services: Services, rule: Access, principal: Principal | None, owner: OwnerGroups) -> bool:
    """Whether the caller passes ``rule``: what lists show."""
    if principal is None:
        return False
    return services.identity.decide(rule, principal, owner).allowed


def _token(header: str) -> str:
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != _SCHEME or not token.strip():
        raise PermanentError(
            "MalformedAuthToken", "The Authorization header holds no bearer token."
        )
    return token.strip()
