"""Tenants of the directory, and which directory a call is about.

Handlers of users, groups and service accounts serve the site's directory and those of
tenants: ``directory_of`` finds the one in the path, ``place_of`` says where it lies.
"""

from __future__ import annotations

from typing import Protocol, TypeVar
from urllib.parse import quote

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import Listed, paginate
from heliostat.controller.api.directory_ports import DirectoryPort, TenantRecord
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.listing import Named, PageOfNames, of_directory, of_names
from heliostat.wire import directory_tenants as wire

KIND = "directory-tenant"
N = TypeVar("N", bound=Named)
N_co = TypeVar("N_co", bound=Named, covariant=True)


class PagesOfNames(Protocol[N_co]):
    """A directory's verb that lists something, a page after another."""

    async def __call__(
        self, *, limit: int, after: str = "", name: str = ""
    ) -> PageOfNames[N_co]: ...


async def directory_of(call: Call) -> DirectoryPort:
    """The directory that the path names; the site's own where it names none.

    Raises ``TenantNotFound``.
    """
    domain = call.params.get(wire.TENANT)
    directories = call.services.directories
    return await directories.own() if domain is None else await directories.of(domain)


def place_of(call: Call) -> str:
    """The address below which the call's users, groups and accounts lie."""
    domain = call.params.get(wire.TENANT)
    return f"{call.base}/v1" if domain is None else _link(call, domain)


async def named_page(call: Call, pages: PagesOfNames[N]) -> Listed[N]:
    """The page that the call asks for of what ``pages`` lists; ``name`` in the query: only that."""
    name = call.query.get("name") or ""
    read = of_directory(call.store, lambda limit, after: pages(limit=limit, after=after, name=name))
    return await paginate(call, read)


def in_tenants(handlers: dict[str, Handler]) -> dict[str, Handler]:
    """Handlers of the site's directory under the names that tenants' routes have."""
    shared = {route.operation for route in wire.INSIDE}
    return {
        wire.scoped(operation): handler
        for operation, handler in handlers.items()
        if operation in shared
    }


def show_tenant(call: Call, tenant: TenantRecord) -> wire.DirectoryTenant:
    """A tenant; its domain is its id."""
    return wire.DirectoryTenant(
        id=tenant.domain,
        kind=KIND,
        domain=tenant.domain,
        issuer=tenant.issuer,
        system=tenant.system,
        created_time=tenant.created_ms,
        self_link=_link(call, tenant.domain),
        description=tenant.description,
    )


def _link(call: Call, domain: str) -> str:
    return f"{call.base}{wire.BASE}/{quote(domain, safe='')}"


async def _list(call: Call) -> wire.DirectoryTenantList:
    tenants = await call.services.directories.tenants.list_tenants()
    page = await paginate(call, of_names(call.store, tenants, None))
    return wire.DirectoryTenantList(
        items=[show_tenant(call, each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> wire.DirectoryTenant:
    domain = call.params[wire.TENANT]
    return show_tenant(call, await call.services.directories.tenants.get_tenant(domain))


async def _create(call: Call, plan: bool) -> wire.CreatedDirectoryTenant:
    body: wire.DirectoryTenantCreateSpec = call.body
    made = await call.services.directories.tenants.create_tenant(
        body.domain, description=body.description, plan=plan
    )
    return _created(call, made.tenant, made.administrator, made.password)


async def _created_before(call: Call) -> wire.CreatedDirectoryTenant:
    tenants = call.services.directories.tenants
    return _created(call, await tenants.get_tenant(call.body.domain))


def _created(
    call: Call, tenant: TenantRecord, administrator: str = "", password: str = ""
) -> wire.CreatedDirectoryTenant:
    shown = show_tenant(call, tenant)
    return wire.CreatedDirectoryTenant(
        id=shown.id,
        kind=shown.kind,
        domain=shown.domain,
        issuer=shown.issuer,
        system=shown.system,
        created_time=shown.created_time,
        self_link=shown.self_link,
        description=shown.description,
        administrator=administrator,
        password=password,
    )


async def _delete(call: Call, plan: bool) -> None:
    await call.services.directories.tenants.delete_tenant(call.params[wire.TENANT], plan=plan)


HANDLERS: dict[str, Handler] = {
    "createDirectoryTenant": Applies(_create, KIND, again=_created_before),
    "listDirectoryTenants": Reads(_list),
    "getDirectoryTenant": Reads(_show),
    "deleteDirectoryTenant": Applies(_delete, KIND, again=nothing),
}
