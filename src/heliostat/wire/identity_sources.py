"""Directories elsewhere whose people sign in here: LDAP directories and Active Directory.

A source belongs to a tenant of the directory and is only read.  Its people sign in as
``alice@corp.example`` or ``CORP\\alice``, and count as its groups, ``CORP.EXAMPLE\\Cloud Admins``.
"""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.directory_tenants import BASE, DIRECTORY, TENANT
from heliostat.wire.route import PAGE, Body, Owner, Route

PATH = f"{BASE}/{{{TENANT}}}/sources"
_OWNER = Owner(DIRECTORY, TENANT)


class IdentitySourceChange(Request):
    """What to change of a source; what is left out stays.  An empty text takes a value away.

    ``type`` is ``ldap`` or ``active-directory``; ``urls`` are asked in their order.  ``plain``
    allows passwords to travel unencrypted.  ``trusted_roots_pem`` (default: the machine's) is
    whose certificates count.  ``attributes`` say what the directory calls ``name``,
    ``principal``, ``id``, ``givenName``, ``familyName``, ``email``, ``passwordChanged``,
    ``groupName``, ``groupId`` and ``groupMember``.  ``default``: a name without a domain is
    looked up here.  Secrets are never shown.
    """

    type: str | None = None
    urls: list[str] | None = None
    aliases: list[str] | None = None
    start_tls: bool | None = None
    plain: bool | None = None
    trusted_roots_pem: str | None = None
    bind_dn: str | None = None
    bind_password: str | None = None
    bind_certificate_pem: str | None = None
    bind_key_pem: str | None = None
    people_base: str | None = None
    groups_base: str | None = None
    people_filter: str | None = None
    groups_filter: str | None = None
    nested_groups: bool | None = None
    attributes: dict[str, str] | None = None
    timeout_s: float | None = None
    default: bool | None = None
    description: str | None = None


class IdentitySourceCreateSpec(IdentitySourceChange, kw_only=True):
    """A source to create or to try; ``domain`` as in corp.example."""

    domain: str


class IdentitySourceProbeSpec(IdentitySourceCreateSpec, kw_only=True):
    """A source to try before it is kept; ``person`` is whom to look up."""

    person: str = ""


class SavedIdentitySourceProbeSpec(Request):
    """Whom to look up (empty: anybody)."""

    person: str = ""


class IdentitySourceServer(Response):
    """How this controller finds a server: working, failing or resting, in a sentence."""

    url: str
    state: str
    reason: str


class IdentitySource(Response):
    """A source; its domain is its id."""

    id: str
    kind: str
    domain: str
    type: str
    urls: list[str]
    people_base: str
    self_link: str
    created_time: int
    changed_time: int
    timeout_s: float
    nested_groups: bool
    servers: list[IdentitySourceServer]
    aliases: list[str] = []
    start_tls: bool = False
    plain: bool = False
    trusted_roots_pem: str = ""
    bind_dn: str = ""
    bind_certificate_pem: str = ""
    groups_base: str = ""
    people_filter: str = ""
    groups_filter: str = ""
    attributes: dict[str, str] = {}
    default: bool = False
    description: str = ""


class IdentitySourceList(Response):
    """A page of sources, by domain."""

    items: list[IdentitySource]
    next_page_link: str = ""
    previous_page_link: str = ""


class IdentitySourceStep(Response):
    """A step of trying a source: resolve, connect, tls, sign-in, people, groups, sample."""

    step: str
    ok: bool
    sentence: str


class IdentitySourceProbe(Response):
    """What trying a source showed; ``ok`` where every step went well."""

    domain: str
    ok: bool
    steps: list[IdentitySourceStep]


ROUTES = (
    Route(
        method="POST",
        path=PATH,
        operation="createIdentitySource",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Let people of a directory elsewhere sign in to a directory's tenant.",
        request=IdentitySourceCreateSpec,
        body=Body.JSON,
        response=IdentitySource,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path=PATH,
        operation="listIdentitySources",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="List the identity sources of a directory's tenant.",
        response=IdentitySourceList,
        query=PAGE,
        confidential=True,
    ),
    Route(
        method="POST",
        path=f"{PATH}/probe",
        operation="probeIdentitySource",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Try an identity source step by step before it is kept.",
        request=IdentitySourceProbeSpec,
        body=Body.JSON,
        response=IdentitySourceProbe,
        mutating=True,
    ),
    Route(
        method="GET",
        path=f"{PATH}/{{id}}",
        operation="getIdentitySource",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Show an identity source of a directory's tenant, and how its servers are.",
        response=IdentitySource,
        confidential=True,
    ),
    Route(
        method="PATCH",
        path=f"{PATH}/{{id}}",
        operation="updateIdentitySource",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Change an identity source of a directory's tenant.",
        request=IdentitySourceChange,
        body=Body.JSON,
        response=IdentitySource,
        mutating=True,
    ),
    Route(
        method="DELETE",
        path=f"{PATH}/{{id}}",
        operation="deleteIdentitySource",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Delete an identity source; its people are signed out and leave all groups.",
        status=204,
        mutating=True,
    ),
    Route(
        method="POST",
        path=f"{PATH}/{{id}}/probe",
        operation="probeSavedIdentitySource",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Try an identity source as it is kept, step by step.",
        request=SavedIdentitySourceProbeSpec,
        body=Body.JSON,
        response=IdentitySourceProbe,
        mutating=True,
    ),
)
