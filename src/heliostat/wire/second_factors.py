"""Second factors of people, for whoever administers their tenant.

People add their own where they sign in; who has lost them all asks an administrator.
"""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Response
from heliostat.wire.directory_tenants import BASE, DIRECTORY, TENANT
from heliostat.wire.route import Owner, Route

PATH = f"{BASE}/{{{TENANT}}}/users/{{id}}/factors"
_OWNER = Owner(DIRECTORY, TENANT)


class SecondFactor(Response):
    """A second factor: codes of an app (totp), a passkey, or recovery codes (how many are left)."""

    id: str
    type: str
    name: str
    created_time: int
    used_time: int
    left: int = 0


class SecondFactorList(Response):
    """All of a person's."""

    items: list[SecondFactor]


ROUTES = (
    Route(
        method="GET",
        path=PATH,
        operation="listSecondFactors",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="List somebody's second factors.",
        response=SecondFactorList,
        confidential=True,
    ),
    Route(
        method="DELETE",
        path=PATH,
        operation="removeSecondFactors",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Remove all of somebody's second factors.",
        status=204,
        mutating=True,
    ),
    Route(
        method="DELETE",
        path=f"{PATH}/{{factor}}",
        operation="removeSecondFactor",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Remove one of somebody's second factors.",
        status=204,
        mutating=True,
    ),
)
