"""Tenants of the directory, and what is administered inside of them.

A tenant of the directory is a domain with people, keys and rules of its own; tenants of
the cloud (``/v1/tenants``) own projects and let in groups of any domain.  Below
``/v1/identity/tenants/{tenant}`` lie the routes of users, groups, service accounts and
clients once more, for the administrators of that domain.
"""

from __future__ import annotations

import re
from dataclasses import replace

from heliostat.wire import groups, oidc_clients, service_accounts, users
from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.route import PAGE, Body, Owner, Route

DIRECTORY = "directory"
"""The kind whose "owners" are the administrators of a domain."""
TENANT = "tenant"
BASE = "/v1/identity/tenants"


class DirectoryTenantCreateSpec(Request):
    """A tenant to create; ``domain`` as in acme.example."""

    domain: str
    description: str = ""


class DirectoryTenant(Response):
    """A tenant; its domain is its id.  ``system``: its administrators administer the site."""

    id: str
    kind: str
    domain: str
    issuer: str
    system: bool
    created_time: int
    self_link: str
    description: str = ""


class CreatedDirectoryTenant(DirectoryTenant):
    """A new tenant; the password is told this once, and not to a repeated request."""

    administrator: str = ""
    password: str = ""


class DirectoryTenantList(Response):
    """A page of tenants, by domain."""

    items: list[DirectoryTenant]
    next_page_link: str = ""
    previous_page_link: str = ""


def scoped(operation: str) -> str:
    """An operation on the site's directory as it is called for a tenant's.

    >>> scoped("setUserPassword")
    'setTenantUserPassword'
    """
    return re.sub(r"^[a-z]+", lambda verb: f"{verb[0]}Tenant", operation)


def _scoped(route: Route) -> Route:
    return replace(
        route,
        path=route.path.replace("/v1", f"{BASE}/{{{TENANT}}}", 1),
        operation=scoped(route.operation),
        access=Access.TENANT_ADMIN,
        owner=Owner(DIRECTORY, TENANT),
        summary=f"{route.summary.rstrip('.')}, of a tenant's directory.",
        confidential=True,
    )


INSIDE = tuple(
    route
    for noun in (users, groups, service_accounts, oidc_clients)
    for route in noun.ROUTES
    if route.access is Access.SYSTEM_ADMIN
)
"""Routes of the site's directory that every tenant has, too."""

ROUTES = (
    Route(
        method="POST",
        path=BASE,
        operation="createDirectoryTenant",
        access=Access.SYSTEM_ADMIN,
        summary="Create a tenant of the directory, with an administrator of its own.",
        request=DirectoryTenantCreateSpec,
        body=Body.JSON,
        response=CreatedDirectoryTenant,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path=BASE,
        operation="listDirectoryTenants",
        access=Access.SYSTEM_ADMIN,
        summary="List the tenants of the directory.",
        response=DirectoryTenantList,
        query=PAGE,
    ),
    Route(
        method="GET",
        path=f"{BASE}/{{{TENANT}}}",
        operation="getDirectoryTenant",
        access=Access.TENANT_ADMIN,
        owner=Owner(DIRECTORY, TENANT),
        summary="Show a tenant of the directory.",
        response=DirectoryTenant,
        confidential=True,
    ),
    Route(
        method="DELETE",
        path=f"{BASE}/{{{TENANT}}}",
        operation="deleteDirectoryTenant",
        access=Access.SYSTEM_ADMIN,
        summary="Delete a tenant of the directory with everybody in it.",
        status=204,
        mutating=True,
    ),
    *map(_scoped, INSIDE),
)
