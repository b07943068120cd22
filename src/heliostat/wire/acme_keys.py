"""Keys that open an ACME account in a domain (external account binding, RFC 8555, 7.3.4)."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.directory_tenants import BASE, DIRECTORY, TENANT
from heliostat.wire.route import PAGE, Body, Owner, Route

PATH = f"{BASE}/{{{TENANT}}}/acme-keys"
_OWNER = Owner(DIRECTORY, TENANT)


class AcmeKeyCreateSpec(Request):
    """A key to hand out; ``names``: all that its account may ever order (empty: the policy's)."""

    title: str
    names: list[str] | None = None


class AcmeKey(Response):
    """A key; ``account`` is the one that it opened, once it did."""

    id: str
    kind: str
    title: str
    names: list[str]
    by: str
    created_time: int
    account: str = ""


class CreatedAcmeKey(AcmeKey):
    """A new key; ``secret`` is told this once.  ``directory`` is what clients are given."""

    secret: str = ""
    directory: str = ""


class AcmeKeyList(Response):
    """A page of keys."""

    items: list[AcmeKey]
    next_page_link: str = ""
    previous_page_link: str = ""


ROUTES = (
    Route(
        method="POST",
        path=PATH,
        operation="createAcmeKey",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Hand out a key that opens an ACME account.",
        request=AcmeKeyCreateSpec,
        body=Body.JSON,
        response=CreatedAcmeKey,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path=PATH,
        operation="listAcmeKeys",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="List the keys that open ACME accounts.",
        response=AcmeKeyList,
        query=PAGE,
        confidential=True,
    ),
    Route(
        method="DELETE",
        path=f"{PATH}/{{id}}",
        operation="deleteAcmeKey",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Delete a key; the account that it opened orders nothing more.",
        status=204,
        mutating=True,
    ),
)
