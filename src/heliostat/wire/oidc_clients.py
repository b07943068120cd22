"""Programs that people sign in to with a browser (OpenID Connect, authorization code with PKCE)."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.route import PAGE, Body, Route


class OidcClientCreateSpec(Request):
    """A client to create; its name is its client id.

    ``algorithm`` signs its tokens: ES256 or RS256.
    """

    name: str
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str] | None = None
    title: str = ""
    algorithm: str = "ES256"


class OidcClient(Response):
    """A client; ``title`` is what the sign-in page calls it."""

    id: str
    kind: str
    name: str
    self_link: str
    grants: list[str]
    algorithm: str
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]
    created_time: int
    title: str = ""


class OidcClientList(Response):
    """A page of clients."""

    items: list[OidcClient]
    next_page_link: str = ""
    previous_page_link: str = ""


ROUTES = (
    Route(
        method="POST",
        path="/v1/oidc-clients",
        operation="createOidcClient",
        access=Access.SYSTEM_ADMIN,
        summary="Create a client that people sign in to.",
        request=OidcClientCreateSpec,
        body=Body.JSON,
        response=OidcClient,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/oidc-clients",
        operation="listOidcClients",
        access=Access.SYSTEM_ADMIN,
        summary="List the clients that people sign in to.",
        response=OidcClientList,
        query=PAGE,
    ),
    Route(
        method="GET",
        path="/v1/oidc-clients/{id}",
        operation="getOidcClient",
        access=Access.SYSTEM_ADMIN,
        summary="Show a client that people sign in to.",
        response=OidcClient,
    ),
    Route(
        method="DELETE",
        path="/v1/oidc-clients/{id}",
        operation="deleteOidcClient",
        access=Access.SYSTEM_ADMIN,
        summary="Delete a client; its sessions end at their next refresh.",
        status=204,
        mutating=True,
    ),
)
