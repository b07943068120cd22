"""Whether a caller may pass a route.  Pure; every verdict carries its reason.

A system administrator passes everything.  Everybody else needs a role: on the
tenant, on the project or on the entity itself, from a policy or from a security
group (a tenant's group owns the tenant, a project's group contributes to the
project).  An entity that does not exist grants no role: then only
administrators get to the 404, so that nobody else can find out which ids exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from heliostat.core.errors import PermanentError
from heliostat.core.roles import Grants, Held, role_on_entity, role_on_tenant
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


class Owner(Grants, Protocol):
    """What a decision needs to know about what is asked for; see ``OwnerGroups``."""

    @property
    def reaches_inside(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class OwnerGroups:
    """Security groups (``DOMAIN\\name``) and policies of an entity, its project and its tenant.

    For a project, groups that it inherited from its tenant may be in both.
    ``reaches_inside``: the caller holds a role on something that the entity holds.
    """

    tenant_groups: frozenset[str] = frozenset()
    project_groups: frozenset[str] = frozenset()
    tenant_policy: Sequence[Held] = ()
    project_policy: Sequence[Held] = ()
    entity_policy: Sequence[Held] = ()
    reaches_inside: bool = False


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
    keys = frozenset(map(fold, principal.groups))
    role = role_on_tenant(keys, owner) if rule.of_tenant else role_on_entity(keys, owner)
    where = "the tenant" if rule.of_tenant else "it, its project or its tenant"
    who = principal.subject
    if role is not None and role.covers(rule.role):
        return Verdict(True, f"{who} is {role} of {where}")
    if rule.passes_through and owner.reaches_inside:
        return Verdict(True, f"{who} holds a role on something inside")
    if role is not None:
        return Verdict(False, f"{who} is {role} of {where}; this needs the role {rule.role}")
    return Verdict(False, f"{who} holds no role on {where}; this needs the role {rule.role}")
