"""Computers of a directory's tenant.  Joining makes them; administrators may, too, before."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.directory_tenants import BASE, DIRECTORY, TENANT
from heliostat.wire.route import NAME, PAGE, Body, Owner, Route

PATH = f"{BASE}/{{{TENANT}}}/computers"
_OWNER = Owner(DIRECTORY, TENANT)


class ComputerCreateSpec(Request):
    """A computer to create; ``certificate_sha256`` is of the one that it proves itself with."""

    name: str
    operating_system: str = ""
    certificate_sha256: str = ""
    description: str = ""
    unit: str = ""


class ComputerChange(Request):
    """What to change of a computer; what is left out stays."""

    operating_system: str | None = None
    certificate_sha256: str | None = None
    description: str | None = None
    unit: str | None = None
    disabled: bool | None = None


class Computer(Response):
    """A computer; ``last_seen_time`` is when it last proved itself (0: never).

    ``project`` and ``vm`` are ids, where the platform runs the machine.
    """

    id: str
    kind: str
    name: str
    disabled: bool
    unit: str
    created_time: int
    self_link: str
    operating_system: str = ""
    certificate_sha256: str = ""
    description: str = ""
    last_seen_time: int = 0
    project: str = ""
    vm: str = ""


class ComputerList(Response):
    """A page of computers, by name."""

    items: list[Computer]
    next_page_link: str = ""
    previous_page_link: str = ""


ROUTES = (
    Route(
        method="POST",
        path=PATH,
        operation="createComputer",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Create a computer in a directory's tenant, before it joins.",
        request=ComputerCreateSpec,
        body=Body.JSON,
        response=Computer,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path=PATH,
        operation="listComputers",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="List the computers of a directory's tenant.",
        response=ComputerList,
        query=(NAME, *PAGE),
        confidential=True,
    ),
    Route(
        method="GET",
        path=f"{PATH}/{{id}}",
        operation="getComputer",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Show a computer of a directory's tenant.",
        response=Computer,
        confidential=True,
    ),
    Route(
        method="PATCH",
        path=f"{PATH}/{{id}}",
        operation="updateComputer",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Change what is known of a computer, bar it, or move it to another unit.",
        request=ComputerChange,
        body=Body.JSON,
        response=Computer,
        mutating=True,
    ),
    Route(
        method="DELETE",
        path=f"{PATH}/{{id}}",
        operation="deleteComputer",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Delete a computer; it is no member of the directory any more.",
        status=204,
        mutating=True,
    ),
)
