"""Roles, and how their holders are named.

A role is held on a tenant, a project, an image, a VM or a disk, and counts for
everything inside.  Security groups are roles, too: a group of a tenant owns the
tenant, a group of a project contributes to the project.

A principal is a user (``ann@domain``, ``DOMAIN\\ann``) or a group
(``DOMAIN\\name``): a user is also the group of one that bears its name, so both
spellings of a user are the same principal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    """viewer reads, contributor also creates and uses, owner also says who may."""

    VIEWER = "viewer"
    CONTRIBUTOR = "contributor"
    OWNER = "owner"

    def covers(self, other: Role) -> bool:
        """Whether whoever holds this role may do all that ``other`` may."""
        return _RANK[self] >= _RANK[other]


_RANK = {role: rank for rank, role in enumerate(Role)}


class Held(Protocol):
    """A principal and the role it holds."""

    @property
    def principal(self) -> str: ...
    @property
    def role(self) -> Role: ...


def principal_key(text: str) -> str:
    """The form in which principals are compared: ``domain\\name``, case folded."""
    name, at, domain = text.rpartition("@")
    spelled = f"{domain}\\{name}" if at and "\\" not in text else text
    return spelled.casefold()


def highest(keys: frozenset[str], held: Iterable[Held]) -> Role | None:
    """The highest role in ``held`` of whoever goes by one of ``keys``."""
    found = [each.role for each in held if principal_key(each.principal) in keys]
    return max(found, key=_RANK.__getitem__, default=None)


def higher(*roles: Role | None) -> Role | None:
    """The highest of the roles that are not ``None``."""
    return max((role for role in roles if role), key=_RANK.__getitem__, default=None)


class Grants(Protocol):
    """Who holds a role on an entity: by security groups and policies of what it lies in."""

    @property
    def tenant_groups(self) -> frozenset[str]: ...
    @property
    def project_groups(self) -> frozenset[str]: ...
    @property
    def tenant_policy(self) -> Sequence[Held]: ...
    @property
    def project_policy(self) -> Sequence[Held]: ...
    @property
    def entity_policy(self) -> Sequence[Held]: ...


def role_on_tenant(keys: frozenset[str], grants: Grants) -> Role | None:
    """The role on the tenant of whoever goes by ``keys``."""
    by_group = _of_groups(keys, grants.tenant_groups, Role.OWNER)
    return higher(by_group, highest(keys, grants.tenant_policy))


def role_on_entity(keys: frozenset[str], grants: Grants) -> Role | None:
    """The role on the entity: its own, or one on what it lies in."""
    return higher(
        role_on_tenant(keys, grants),
        _of_groups(keys, grants.project_groups, Role.CONTRIBUTOR),
        highest(keys, grants.project_policy),
        highest(keys, grants.entity_policy),
    )


def _of_groups(keys: frozenset[str], groups: Iterable[str], role: Role) -> Role | None:
    return None if keys.isdisjoint(group.casefold() for group in groups) else role
