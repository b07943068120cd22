"""Service accounts: programs that sign in with a key of their own, not a password."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.route import NAME, PAGE, Body, Route


class ServiceAccountCreateSpec(Request):
    """A service account; the private key of ``public_key_pem`` (P-256) never leaves its owner."""

    name: str
    public_key_pem: str
    groups: list[str] | None = None


class ServiceAccount(Response):
    """A service account; ``client_id`` is what it signs in as."""

    id: str
    kind: str
    name: str
    client_id: str
    self_link: str
    groups: list[str]


class ServiceAccountList(Response):
    """A page of service accounts."""

    items: list[ServiceAccount]
    next_page_link: str = ""
    previous_page_link: str = ""


ROUTES = (
    Route(
        method="POST",
        path="/v1/service-accounts",
        operation="createServiceAccount",
        access=Access.SYSTEM_ADMIN,
        summary="Create a service account.",
        request=ServiceAccountCreateSpec,
        body=Body.JSON,
        response=ServiceAccount,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/service-accounts",
        operation="listServiceAccounts",
        access=Access.SYSTEM_ADMIN,
        summary="List the service accounts.",
        response=ServiceAccountList,
        query=(NAME, *PAGE),
    ),
    Route(
        method="DELETE",
        path="/v1/service-accounts/{id}",
        operation="deleteServiceAccount",
        access=Access.SYSTEM_ADMIN,
        summary="Delete a service account; its key no longer signs in.",
        status=204,
        mutating=True,
    ),
)
