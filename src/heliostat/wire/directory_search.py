"""Searching a directory's tenant, or a source of it, with the filters of LDAP (RFC 4515)."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Response
from heliostat.wire.directory_tenants import BASE, DIRECTORY, TENANT
from heliostat.wire.route import PAGE, Owner, Query, Route

PATH = f"{BASE}/{{{TENANT}}}/search"


class DirectoryEntry(Response):
    """What was found: unit, user, group, account or computer, as LDAP clients see it.

    Values of userCertificate are base64.
    """

    id: str
    kind: str
    name: str
    dn: str
    attributes: dict[str, list[str]]


class DirectoryEntryList(Response):
    """A page of entries, by kind and name; it goes on however much changes meanwhile."""

    items: list[DirectoryEntry]
    next_page_link: str = ""
    previous_page_link: str = ""


ROUTES = (
    Route(
        method="GET",
        path=PATH,
        operation="searchDirectory",
        access=Access.TENANT_ADMIN,
        owner=Owner(DIRECTORY, TENANT),
        summary="Search people, groups, units and computers of a directory's tenant, or a source.",
        response=DirectoryEntryList,
        query=(
            Query("filter", str, "As in LDAP: (&(objectClass=person)(mail=*@acme.example))."),
            Query("base", str, "Only below the unit with this path, e.g. Engineering/EMEA."),
            Query("direct", bool, "Only what lies in the base itself."),
            Query("entryKind", str, "Only units, users, groups, accounts or computers: one kind."),
            Query("source", str, "Through an identity source of the tenant, by domain or alias."),
            Query("withGroups", bool, "With memberOf of a source's people: a question for each."),
            *PAGE,
        ),
        confidential=True,
    ),
)
