"""What a client asks for with ``scope``.  Pure.

``openid`` brings an id token, ``offline_access`` a refresh token, ``id_groups``
and ``at_groups`` the groups in id and access token, ``rs_<name>`` the right to
call that resource server (it becomes an audience).
"""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.core.errors import PermanentError

API_SERVERS = frozenset({"rs_esxcloud", "rs_heliostat"})
"""Audiences of the platform's API: the one existing clients ask for, and our own."""
SUPPORTED = (
    "openid",
    "offline_access",
    "id_groups",
    "id_groups_filtered",
    "at_groups",
    "at_groups_filtered",
    *sorted(API_SERVERS),
)


@dataclass(frozen=True, slots=True)
class Scope:
    """A checked scope; ``values`` keeps the order of the request."""

    values: tuple[str, ...]

    @property
    def id_token(self) -> bool:
        return "openid" in self.values

    @property
    def refresh_token(self) -> bool:
        return "offline_access" in self.values

    @property
    def groups_in_id(self) -> bool:
        return not {"id_groups", "id_groups_filtered"}.isdisjoint(self.values)

    @property
    def groups_in_access(self) -> bool:
        return not {"at_groups", "at_groups_filtered"}.isdisjoint(self.values)

    @property
    def resource_servers(self) -> tuple[str, ...]:
        return tuple(value for value in self.values if value.startswith("rs_"))

    def __str__(self) -> str:
        return " ".join(self.values)


def parse(text: str) -> Scope:
    """The scope in ``text`` (space-separated); raises ``InvalidScope`` for an unknown value."""
    values = tuple(dict.fromkeys(text.split()))
    unknown = [value for value in values if value not in SUPPORTED]
    if unknown:
        raise PermanentError("InvalidScope", f"There is no scope {unknown[0][:80]!r}.")
    return Scope(values)


def narrowed(granted: Scope, asked: str) -> Scope:
    """The scope of a refreshed token: what was granted, or the part of it that is ``asked``."""
    if not asked:
        return granted
    scope = parse(asked)
    beyond = [value for value in scope.values if value not in granted.values]
    if beyond:
        raise PermanentError("InvalidScope", f"{beyond[0]!r} was not granted at sign-in.")
    return scope
