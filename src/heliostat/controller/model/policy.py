"""Policies: which principals hold which roles on one entity (pure).

A policy is a sequence of bindings, kept in the entity itself, so that whoever
may act on an entity is known from the documents that an operation reads anyway.
It holds each pair of principal and role once, sorted, in the spelling it was
first given in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from heliostat.controller.model.names import MAX_MEMBERS, invalid
from heliostat.core.roles import Role, principal_key

MAX_PRINCIPAL_LENGTH = 255
EVERY_ROLE = "*"
_PRINCIPAL = re.compile(r"[^\\@\s]+\\[^\\@]+|[^\\@\s]+@[^\\@\s]+")


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """A principal (``ann@domain``, ``DOMAIN\\name``) holds a role."""

    principal: str
    role: Role


Policy = tuple[Binding, ...]


class Action(StrEnum):
    """What a change of a policy does with a role."""

    ADD = "ADD"
    REMOVE = "REMOVE"


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """One change; ``role`` is ``None`` for every role (only to be removed)."""

    action: Action
    principal: str
    role: Role | None


def check_principal(text: str, field: str = "principal") -> str:
    """``text`` itself if it could name a user or a group."""
    if len(text) > MAX_PRINCIPAL_LENGTH or _PRINCIPAL.fullmatch(text) is None:
        raise invalid(field, f"{text[:80]!r} is no user (name@domain) or group (DOMAIN\\name)")
    return text


def check_role(text: str, field: str = "role") -> Role:
    """The role called ``text``."""
    try:
        return Role(text.lower())
    except ValueError as error:
        raise invalid(field, f"{text[:80]!r} is none of {', '.join(Role)}") from error


def check_action(text: str, field: str = "action") -> Action:
    """The action called ``text``."""
    try:
        return Action(text.upper())
    except ValueError as error:
        raise invalid(field, f"{text[:80]!r} is none of {', '.join(Action)}") from error


def policy_of(bindings: Iterable[Binding]) -> Policy:
    """The policy that holds exactly these."""
    unique = {(principal_key(each.principal), each.role): each for each in reversed([*bindings])}
    principals = {key for key, _role in unique}
    if len(principals) > MAX_MEMBERS:
        raise invalid(
            "policy", f"{len(principals)} principals are more than {MAX_MEMBERS}; use groups"
        )
    return tuple(unique[key] for key in sorted(unique))


def changed(policy: Policy, deltas: Iterable[Delta]) -> Policy:
    """The policy after all changes, in their order; taking away what is not held is fine."""
    held = list(policy)
    for delta in deltas:
        if delta.action is Action.ADD:
            if delta.role is None:
                raise invalid("role", "all roles at once can be removed, but not added")
            held.append(Binding(principal=delta.principal, role=delta.role))
        else:
            held = [each for each in held if not _taken(each, delta)]
    return policy_of(held)


def _taken(binding: Binding, delta: Delta) -> bool:
    same = principal_key(binding.principal) == principal_key(delta.principal)
    return same and delta.role in (None, binding.role)


def has_owner(policy: Policy) -> bool:
    """Whether anybody is owner by this policy."""
    return any(each.role is Role.OWNER for each in policy)


def member_keys(policy: Policy, groups: Iterable[str] = ()) -> set[str]:
    """Everybody who holds a role by a policy or by a security group, as compared."""
    return {*(principal_key(each.principal) for each in policy), *map(str.casefold, groups)}
