"""Programs that ask for tokens (OpenID Connect): who they are, and what they may ask for."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.route import PAGE, Body, Route


class OidcClientSettings(Request, kw_only=True):
    """What can be set of a client; what is left out stays as it is (a new one: the default).

    ``grants`` and ``authentication`` are spelled as OAuth spells them; ``algorithm`` signs its
    tokens (ES256 or RS256); ``jwks`` is the JSON text of its public keys; lifetimes are in
    seconds, 0 is the tenant's; ``exchanges`` are resource servers that it may trade tokens for.
    ``group_filter`` are the groups that it is told of as a resource server itself, with the
    scopes ``at_groups_filtered`` and ``id_groups_filtered`` (empty: all).
    """

    title: str | None = None
    redirect_uris: list[str] | None = None
    post_logout_redirect_uris: list[str] | None = None
    algorithm: str | None = None
    grants: list[str] | None = None
    authentication: str | None = None
    jwks: str | None = None
    scopes: list[str] | None = None
    access_lifetime: int | None = None
    refresh_lifetime: int | None = None
    rotate_refresh: bool | None = None
    consent: bool | None = None
    frontchannel_logout_uri: str | None = None
    backchannel_logout_uri: str | None = None
    logout_session_required: bool | None = None
    exchanges: list[str] | None = None
    impersonates: bool | None = None
    group_filter: list[str] | None = None


class OidcClientCreateSpec(OidcClientSettings, kw_only=True):
    """A client to create; its name is its client id."""

    name: str


class OidcClientSecretSpec(Request):
    """A new secret; the one before counts for ``overlap`` seconds longer."""

    overlap: int = 0


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
    authentication: str
    scopes: list[str]
    title: str = ""
    access_lifetime: int = 0
    refresh_lifetime: int = 0
    rotate_refresh: bool = True
    consent: bool = False
    key_ids: list[str] = []
    frontchannel_logout_uri: str = ""
    backchannel_logout_uri: str = ""
    logout_session_required: bool = False
    exchanges: list[str] = []
    impersonates: bool = False
    group_filter: list[str] = []


class OidcClientWithSecret(OidcClient):
    """A client and the secret just made for it; told this once, not to a repeated request."""

    client_secret: str = ""


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
        response=OidcClientWithSecret,
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
        method="PATCH",
        path="/v1/oidc-clients/{id}",
        operation="updateOidcClient",
        access=Access.SYSTEM_ADMIN,
        summary="Change settings of a client, or of a service account as a client.",
        request=OidcClientSettings,
        body=Body.JSON,
        response=OidcClientWithSecret,
        mutating=True,
    ),
    Route(
        method="POST",
        path="/v1/oidc-clients/{id}/rotate_secret",
        operation="rotateOidcClientSecret",
        access=Access.SYSTEM_ADMIN,
        summary="Give a client a new secret.",
        request=OidcClientSecretSpec,
        body=Body.JSON,
        response=OidcClientWithSecret,
        mutating=True,
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
