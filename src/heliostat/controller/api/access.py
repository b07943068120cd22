"""Who calls, and may they: from the route table, before anything is parsed.

Whether an entity exists is nobody's business who may not use it: an unknown id
and a foreign one give the same AccessForbidden.  A system administrator passes,
and then learns from the handler that there is no such entity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from heliostat.controller.api.call import Services
from heliostat.controller.api.ports import OwnerGroups, Principal
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.vm_ticket import redeem
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.wire.access import Access
from heliostat.wire.route import Route

_SCHEME = "bearer"
NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class TicketHolder:
    """Whoever came with a ticket: may do the one thing that it is for, and nothing else."""

    subject: str
    groups: frozenset[str] = frozenset()
    is_system_admin: bool = False


async def admit(services: Services, route: Route, request: web.Request) -> Principal | None:
    """The caller, who may call the route; ``None`` where it is public.

    A ticket says that its holder was authorised when it was issued, moments ago.
    """
    if route.takes_ticket and (ticket := request.query.get("ticket")) is not None:
        ports = services.ports
        vm_id = request.match_info["id"]
        return TicketHolder(await redeem(ports.store, ports.clock, vm_id, ticket))
    principal = await authenticate(services, route, request)
    await authorise(services, route, principal, request.match_info)
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
        if route.access is Access.TENANT_READ:
            owner = await _with_readers(services, owner, owned_id)
    verdict = services.identity.decide(route.access, principal, owner)
    if not verdict.allowed:
        raise PermanentError("AccessForbidden", f"Not allowed: {verdict.reason}.")


async def groups_of(services: Services, kind: str, id_: str) -> OwnerGroups:
    """The groups that own an entity; none for one that doesn't exist."""
    try:
        found = await reading.owner_of(services.ports.store, kind, id_)
    except HeliostatError as error:
        if error.status != NOT_FOUND:
            raise
        return OwnerGroups()
    return OwnerGroups(found.tenant_groups, found.project_groups)


async def _with_readers(services: Services, owner: OwnerGroups, tenant_id: str) -> OwnerGroups:
    """Whoever may use a project of a tenant may read the tenant: clients find projects by it."""
    projects = await reading.projects(services.ports.store, tenant_id)
    readers = frozenset(group for each in projects for group in each.security_groups)
    return OwnerGroups(owner.tenant_groups | readers, owner.project_groups)


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
