"""Other providers that people of a directory's tenant sign in with, OpenID Connect or SAML."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.directory_tenants import BASE, DIRECTORY, TENANT
from heliostat.wire.route import PAGE, Body, Owner, Query, Route

PATH = f"{BASE}/{{{TENANT}}}/providers"
_OWNER = Owner(DIRECTORY, TENANT)
WITH_PEOPLE = Query("withPeople", bool, "Delete the users that it has made, too.")
KEEP_SESSIONS = Query("keepSessions", bool, "Let sessions go on that came through it.")


class IdentityProviderGroupRule(Request):
    """Who has ``value`` there (``*`` and ``?`` stand for any letters) is in ``group`` here."""

    value: str
    group: str


class IdentityProviderChange(Request):
    """What to change of a provider; what is left out stays.  An empty text takes a value away.

    ``claims`` say what it calls ``name``, ``given_name``, ``family_name``, ``email`` and
    ``groups``.  ``make_users``: whoever it knows is made at the first sign-in.
    ``trust_second_factor``: it is believed when it says that it asked for two.
    ``trusted_roots_pem`` (default: the machine's) is whose certificates count.  Secrets are
    never shown.  ``metadata`` is the XML that a SAML provider describes itself with.
    """

    title: str | None = None
    issuer: str | None = None
    client_id: str | None = None
    metadata: str | None = None
    client_secret: str | None = None
    private_key_pem: str | None = None
    scopes: list[str] | None = None
    trusted_roots_pem: str | None = None
    claims: dict[str, str] | None = None
    groups: list[IdentityProviderGroupRule] | None = None
    email_domains: list[str] | None = None
    make_users: bool | None = None
    trust_second_factor: bool | None = None
    disabled: bool | None = None


class IdentityProviderCreateSpec(IdentityProviderChange, kw_only=True):
    """A provider to register; ``type`` is oidc or saml."""

    name: str
    type: str = "oidc"


class IdentityProviderRule(Response):
    """Who has ``value`` there is in ``group`` here."""

    value: str
    group: str


class IdentityProvider(Response):
    """A provider; ``redirect_uri`` is to be registered there, ``people`` counts who it is here.

    A SAML provider's ``issuer`` is its entity id, and it reads our metadata at ``redirect_uri``.
    """

    id: str
    kind: str
    name: str
    type: str
    title: str
    self_link: str
    created_time: int
    people: int
    redirect_uri: str
    disabled: bool
    make_users: bool
    trust_second_factor: bool
    claims: dict[str, str]
    groups: list[IdentityProviderRule] = []
    email_domains: list[str] = []
    issuer: str = ""
    client_id: str = ""
    scopes: list[str] = []
    trusted_roots_pem: str = ""
    has_secret: bool = False
    has_private_key: bool = False


class IdentityProviderList(Response):
    """A page of providers, by name."""

    items: list[IdentityProvider]
    next_page_link: str = ""
    previous_page_link: str = ""


class IdentityProviderStep(Response):
    """A step of trying a provider: discovery, keys."""

    step: str
    ok: bool
    sentence: str


class IdentityProviderProbe(Response):
    """What trying a provider showed; ``ok`` where every step went well."""

    name: str
    ok: bool
    steps: list[IdentityProviderStep]


class IdentityProviderPerson(Response):
    """One of a provider's people, and the user here; ``used_time`` is the last sign-in."""

    name: str
    issuer: str
    subject: str
    created_time: int
    used_time: int


class IdentityProviderPeople(Response):
    """A page of a provider's people, by user."""

    items: list[IdentityProviderPerson]
    next_page_link: str = ""
    previous_page_link: str = ""


ROUTES = (
    Route(
        method="POST",
        path=PATH,
        operation="createIdentityProvider",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Let people sign in to a directory's tenant with another provider.",
        request=IdentityProviderCreateSpec,
        body=Body.JSON,
        response=IdentityProvider,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path=PATH,
        operation="listIdentityProviders",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="List the other providers of a directory's tenant.",
        response=IdentityProviderList,
        query=PAGE,
        confidential=True,
    ),
    Route(
        method="GET",
        path=f"{PATH}/{{id}}",
        operation="getIdentityProvider",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Show another provider of a directory's tenant.",
        response=IdentityProvider,
        confidential=True,
    ),
    Route(
        method="PATCH",
        path=f"{PATH}/{{id}}",
        operation="updateIdentityProvider",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Change another provider; disabling it ends the sessions that came through it.",
        query=(KEEP_SESSIONS,),
        request=IdentityProviderChange,
        body=Body.JSON,
        response=IdentityProvider,
        mutating=True,
    ),
    Route(
        method="DELETE",
        path=f"{PATH}/{{id}}",
        operation="deleteIdentityProvider",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Delete another provider, and end the sessions that came through it.",
        query=(WITH_PEOPLE, KEEP_SESSIONS),
        status=204,
        mutating=True,
    ),
    Route(
        method="POST",
        path=f"{PATH}/{{id}}/probe",
        operation="probeIdentityProvider",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Ask another provider what it says of itself, step by step.",
        response=IdentityProviderProbe,
        mutating=True,
    ),
    Route(
        method="GET",
        path=f"{PATH}/{{id}}/people",
        operation="listIdentityProviderPeople",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="List who signs in with another provider, and whom that is here.",
        response=IdentityProviderPeople,
        query=PAGE,
        confidential=True,
    ),
)
