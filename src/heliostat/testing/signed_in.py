"""Callers of tests: bearer tokens that name their principal, judged by the real access rules.

``admin``; of the tenant acme ``tenant-admin`` (by a group; of the directory's tenant
acme.example, too), ``tenant-user`` and
``tenant-viewer`` (by its policy); of its project web ``project-user`` (by a group),
``project-owner`` and ``viewer`` (by its policy); ``vm-owner`` (by the policy of one
VM in it); and ``stranger``, who administers another tenant.
"""

from __future__ import annotations

import asyncio

from heliostat.controller.api.ports import OwnerGroups
from heliostat.controller.api.ports import Principal as Caller
from heliostat.core.errors import PermanentError
from heliostat.identity import access
from heliostat.identity.names import ADMINISTRATORS, security_group
from heliostat.identity.principal import Principal, principal_of
from heliostat.wire.access import Access

DOMAIN = "heliostat.local"
GROUPS = {
    "admin": ADMINISTRATORS,
    "tenant-admin": "acme-admins",
    "tenant-user": "planners",
    "tenant-viewer": "auditors",
    "project-user": "web-users",
    "project-owner": "web-leads",
    "viewer": "readers",
    "vm-owner": "helpers",
    "stranger": "umbrella-admins",
}


OTHERS = {"tenant-admin": (security_group(ADMINISTRATORS, "acme.example"),)}
"""Groups of other domains."""


def group(name: str) -> str:
    """The security group ``name`` of the test domain."""
    return security_group(name, DOMAIN)


def principal(token: str) -> Principal:
    """The principal whose token is ``token``."""
    groups = frozenset({group(GROUPS[token]), *OTHERS.get(token, ())})
    return principal_of(f"{token}@{DOMAIN}", groups, "", DOMAIN, is_system=True)


class TokenIdentity:
    """An ``IdentityPort`` whose tokens are the names in ``GROUPS``; ``expired`` is one that was."""

    async def verify(self, token: str) -> Principal:
        if token == "expired":  # noqa: S105 - the name of a test's token
            raise PermanentError("ExpiredAuthToken", "The token has expired.")
        if token not in GROUPS:
            raise PermanentError("InvalidAuthToken", "The token is not one of this site.")
        return principal(token)

    def peer(self, transport: asyncio.BaseTransport | None) -> Principal | None:  # noqa: ARG002
        return None

    def decide(self, rule: Access, principal: Caller, owner: OwnerGroups) -> access.Verdict:
        return access.decide(rule, principal, owner)
