"""Organisational units of a directory's tenant: a tree in which people and machines lie."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.directory_tenants import BASE, DIRECTORY, TENANT
from heliostat.wire.route import PAGE, Body, Owner, Route

PATH = f"{BASE}/{{{TENANT}}}/organizational-units"
_OWNER = Owner(DIRECTORY, TENANT)


class OrganizationalUnitCreateSpec(Request):
    """A unit to create; ``path`` as in Engineering/EMEA, those around it being there."""

    path: str
    description: str = ""


class OrganizationalUnitChange(Request):
    """What to change of a unit; with ``path`` it goes there, with all that it holds."""

    path: str | None = None
    description: str | None = None


class OrganizationalUnit(Response):
    """A unit; its path is its id.  ``built_in`` ones can't be changed."""

    id: str
    kind: str
    path: str
    name: str
    built_in: bool
    created_time: int
    self_link: str
    description: str = ""


class OrganizationalUnitList(Response):
    """A page of units, each after the one that it lies in."""

    items: list[OrganizationalUnit]
    next_page_link: str = ""
    previous_page_link: str = ""


ROUTES = (
    Route(
        method="POST",
        path=PATH,
        operation="createOrganizationalUnit",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Create an organisational unit.",
        request=OrganizationalUnitCreateSpec,
        body=Body.JSON,
        response=OrganizationalUnit,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path=PATH,
        operation="listOrganizationalUnits",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="List the organisational units of a directory's tenant.",
        response=OrganizationalUnitList,
        query=PAGE,
        confidential=True,
    ),
    Route(
        method="GET",
        path=f"{PATH}/{{id}}",
        operation="getOrganizationalUnit",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Show an organisational unit.",
        response=OrganizationalUnit,
        confidential=True,
    ),
    Route(
        method="PATCH",
        path=f"{PATH}/{{id}}",
        operation="updateOrganizationalUnit",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Describe an organisational unit anew, rename it or move it.",
        request=OrganizationalUnitChange,
        body=Body.JSON,
        response=OrganizationalUnit,
        mutating=True,
    ),
    Route(
        method="DELETE",
        path=f"{PATH}/{{id}}",
        operation="deleteOrganizationalUnit",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Delete an organisational unit that is empty.",
        status=204,
        mutating=True,
    ),
)
