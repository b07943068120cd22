"""The rules of a directory's tenant: passwords, lockout, lifetimes and what else has a section.

A tenant's own settings lie over the server's, which are the defaults.  Settings are named by
path, ``passwords.minimum_length``, as in the server's file.
"""

from __future__ import annotations

from typing import Any

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.directory_tenants import BASE, DIRECTORY, TENANT
from heliostat.wire.route import Body, Owner, Query, Route

PATH = f"{BASE}/{{{TENANT}}}/policy"
GENERATION = Query(
    "generation", int, "Only if the policy is at this generation; else PolicyChanged."
)


class IdentityPolicyChange(Request):
    """Settings to set by path, and those to give up.  Text for a number is read as one."""

    set: dict[str, Any] | None = None
    unset: list[str] | None = None


class IdentityPolicySetting(Response):
    """A setting: what counts, and what would if the tenant had none of its own."""

    path: str
    value: Any
    default: Any
    own: bool
    about: str


class IdentityPolicy(Response):
    """The rules of a tenant; ``generation`` counts their changes, ``changes`` says what one did."""

    id: str
    kind: str
    domain: str
    generation: int
    changed_time: int
    self_link: str
    settings: list[IdentityPolicySetting]
    changes: list[str] = []


ROUTES = (
    Route(
        method="GET",
        path=PATH,
        operation="getIdentityPolicy",
        access=Access.TENANT_ADMIN,
        owner=Owner(DIRECTORY, TENANT),
        summary="Show the rules of a directory's tenant.",
        response=IdentityPolicy,
        confidential=True,
    ),
    Route(
        method="PATCH",
        path=PATH,
        operation="changeIdentityPolicy",
        access=Access.TENANT_ADMIN,
        owner=Owner(DIRECTORY, TENANT),
        summary="Change some of the rules of a directory's tenant.",
        request=IdentityPolicyChange,
        body=Body.JSON,
        response=IdentityPolicy,
        query=(GENERATION,),
        mutating=True,
    ),
    Route(
        method="DELETE",
        path=PATH,
        operation="resetIdentityPolicy",
        access=Access.TENANT_ADMIN,
        owner=Owner(DIRECTORY, TENANT),
        summary="Give up all rules of a tenant's own: the site's count again.",
        response=IdentityPolicy,
        query=(GENERATION,),
        mutating=True,
    ),
)
