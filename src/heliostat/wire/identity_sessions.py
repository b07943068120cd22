"""Who is signed in where, and whom people have let in: sessions and consents of a tenant.

Administrators see and end those of everybody in their domain; everybody sees and ends one's own.
"""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.directory_tenants import BASE, DIRECTORY, TENANT
from heliostat.wire.route import PAGE, Body, Owner, Query, Route

_OWNER = Owner(DIRECTORY, TENANT)
SESSIONS = f"{BASE}/{{{TENANT}}}/sessions"
CONSENTS = f"{BASE}/{{{TENANT}}}/consents"
USER = Query("user", str, "Only those of this user: a name, or name@domain.")


class IdentitySession(Response):
    """A session of a ``browser``, or of a ``program`` (then ``client`` is which).

    ``browser`` is the session that a program's belongs to; ending that ends it.
    """

    id: str
    kind: str
    what: str
    subject: str
    begun_time: int
    expires_time: int
    client: str = ""
    scope: str = ""
    browser: str = ""


class IdentitySessionList(Response):
    """A page of sessions, by person."""

    items: list[IdentitySession]
    next_page_link: str = ""
    previous_page_link: str = ""


class IdentitySessionsEnd(Request):
    """Whose sessions to end: a name, or name@domain."""

    user: str


class IdentityConsent(Response):
    """What somebody has let a program have."""

    id: str
    kind: str
    subject: str
    client: str
    scopes: list[str]
    given_time: int


class IdentityConsentList(Response):
    """A page of consents, by person."""

    items: list[IdentityConsent]
    next_page_link: str = ""
    previous_page_link: str = ""


ROUTES = (
    Route(
        method="GET",
        path="/v1/sessions",
        operation="listOwnSessions",
        access=Access.AUTHENTICATED,
        summary="List the caller's own sessions.",
        response=IdentitySessionList,
        query=PAGE,
    ),
    Route(
        method="DELETE",
        path="/v1/sessions/{id}",
        operation="endOwnSession",
        access=Access.AUTHENTICATED,
        summary="End one of the caller's own sessions; a browser's ends its programs', too.",
        status=204,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/consents",
        operation="listOwnConsents",
        access=Access.AUTHENTICATED,
        summary="List what the caller has let programs have.",
        response=IdentityConsentList,
        query=PAGE,
    ),
    Route(
        method="DELETE",
        path="/v1/consents/{id}",
        operation="withdrawOwnConsent",
        access=Access.AUTHENTICATED,
        summary="Take back one of the caller's own consents; the program's sessions end.",
        status=204,
        mutating=True,
    ),
    Route(
        method="GET",
        path=SESSIONS,
        operation="listIdentitySessions",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="List the sessions of a domain's people.",
        response=IdentitySessionList,
        query=(USER, *PAGE),
        confidential=True,
    ),
    Route(
        method="POST",
        path=f"{SESSIONS}/end",
        operation="endIdentitySessions",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="End all sessions of a user.",
        request=IdentitySessionsEnd,
        body=Body.JSON,
        status=204,
        mutating=True,
    ),
    Route(
        method="DELETE",
        path=f"{SESSIONS}/{{id}}",
        operation="endIdentitySession",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="End a session; a browser's ends its programs', too.",
        status=204,
        mutating=True,
    ),
    Route(
        method="GET",
        path=CONSENTS,
        operation="listIdentityConsents",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="List what a domain's people have let programs have.",
        response=IdentityConsentList,
        query=(USER, *PAGE),
        confidential=True,
    ),
    Route(
        method="DELETE",
        path=f"{CONSENTS}/{{id}}",
        operation="withdrawIdentityConsent",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Take a consent back; the program's sessions of that person end.",
        status=204,
        mutating=True,
    ),
)
