"""Whether a caller may pass a route.  Pure; every verdict carries its reason.

A system administrator passes everything.  The groups of a tenant administer it
and all its projects; the groups of a project use that project and may read its
tenant.  An entity that
does not exist has no groups: then only administrators get to the 404, so that
nobody else can find out which ids exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from heliostat.core.errors import PermanentError
from heliostat.identity.names import fold
from heliostat.wire.access import Access


class Caller(Protocol):
    """What a decision needs to know about who asks."""

    @property
    def subject(self) -> str: ...
    @property
    def groups(self) -> frozenset[str]: ...
    @property
    def is_system_admin(self) -> bool: ...


class Owner(Protocol):
    """What a decision needs to know about what is asked for; see ``OwnerGroups``."""

    @property
    def tenant_groups(self) -> frozenset[str]: ...
    @property
    def project_groups(self) -> frozenset[str]: ...


@dataclass(frozen=True, slots=True)
class OwnerGroups:
    """Security groups (``DOMAIN\\name``) of the tenant and project that own an entity.

    For a project, groups that it inherited from its tenant may be in both.
    """

    tenant_groups: frozenset[str] = frozenset()
    project_groups: frozenset[str] = frozenset()


NOBODY = OwnerGroups()
"""The owner of an id that does not exist."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a caller may pass, and why."""

    allowed: bool
    reason: str


def decide(
    rule: Access,
    principal: Caller | None,
    owner: Owner = NOBODY,
    *,
    system_groups: Iterable[str] = (),
) -> Verdict:
    """The verdict; ``system_groups`` are the site's own groups beside the built-in one."""
    if rule is Access.PUBLIC:
        return Verdict(True, "the route is open to everyone")
    if principal is None:
        return Verdict(False, "the request carries no token")
    if principal.is_system_admin or intersects(principal.groups, system_groups):
        return Verdict(True, f"{principal.subject} is a system administrator")
    if rule is Access.AUTHENTICATED:
        return Verdict(True, f"{principal.subject} is signed in")
    if rule is Access.SYSTEM_ADMIN:
        return Verdict(False, f"{principal.subject} is not a system administrator")
    return _decide_owned(rule, principal, owner)


def check(
    rule: Access,
    principal: Caller | None,
    owner: Owner = NOBODY,
    *,
    system_groups: Iterable[str] = (),
) -> None:
    """``decide``, raising ``MissingAuthToken`` or ``AccessForbidden`` with the reason."""
    verdict = decide(rule, principal, owner, system_groups=system_groups)
    if not verdict.allowed:
        code = "MissingAuthToken" if principal is None else "AccessForbidden"
        raise PermanentError(code, f"Not allowed: {verdict.reason}.")


def intersects(groups: Iterable[str], granted: Iterable[str]) -> bool:
    """Whether a caller with ``groups`` is among those ``granted``; case does not count."""
    return not {fold(group) for group in groups}.isdisjoint(fold(group) for group in granted)


def _decide_owned(rule: Access, principal: Caller, owner: Owner) -> Verdict:
    if intersects(principal.groups, owner.tenant_groups):
        return Verdict(True, f"{principal.subject} is in a group of the tenant")
    in_project = intersects(principal.groups, owner.project_groups)
    if in_project and rule in _FOR_PROJECT_GROUPS:
        return Verdict(True, f"{principal.subject} is in a group of the project")
    if in_project:
        return Verdict(
            False, f"{principal.subject} may use the project, but only its tenant's groups may this"
        )
    whose = "the tenant" if rule in _TENANT_RULES else "the project or its tenant"
    return Verdict(False, f"{principal.subject} is in none of the groups of {whose}")


_TENANT_RULES = frozenset({Access.TENANT_READ, Access.TENANT_ADMIN})
_FOR_PROJECT_GROUPS = frozenset({Access.PROJECT_USER, Access.TENANT_READ})
