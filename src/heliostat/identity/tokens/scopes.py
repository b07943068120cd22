"""What a client asks for with ``scope``.  Pure.

``openid`` brings an id token, ``offline_access`` a refresh token, ``id_groups``
and ``at_groups`` the groups in id and access token, ``rs_<name>`` the right to
call that resource server (it becomes an audience).  ``profile`` and ``email`` are for
programs that ask for them by habit: names stand in id tokens anyway.  Which of these a
client may ask for is a setting of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from heliostat.core.errors import PermanentError

API_SERVERS = frozenset({"rs_esxcloud", "rs_heliostat"})
"""Audiences of the platform's API: the one existing clients ask for, and our own."""
RESOURCE_SERVER = re.compile(r"rs_[a-z0-9](?:[a-z0-9_-]{0,58}[a-z0-9])?")
SUPPORTED = (
    "openid",
    "profile",
    "email",
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
    def filtered(self) -> bool:
        """Whether only groups are told that matter to the resource servers."""
        told = {"id_groups", "at_groups"}.isdisjoint(self.values)
        return told and (self.groups_in_id or self.groups_in_access)

    @property
    def groups_in_id(self) -> bool:
        return not {"id_groups", "id_groups_filtered"}.isdisjoint(self.values)

    @property
    def groups_in_access(self) -> bool:
        return not {"at_groups", "at_groups_filtered"}.isdisjoint(self.values)

    @property
    def email(self) -> bool:
        return "email" in self.values

    @property
    def resource_servers(self) -> tuple[str, ...]:
        return tuple(value for value in self.values if value.startswith("rs_"))

    def __str__(self) -> str:
        return " ".join(self.values)


def parse(text: str) -> Scope:
    """The scope in ``text`` (space-separated); raises ``InvalidScope`` for an unknown value."""
    values = tuple(dict.fromkeys(text.split()))
    for value in values:
        if value not in SUPPORTED and not RESOURCE_SERVER.fullmatch(value):
            raise PermanentError("InvalidScope", f"There is no scope {value[:80]!r}.")
    return Scope(values)


def permitted(text: str, allowed: Iterable[str]) -> Scope:
    """``parse``, but only what a client is ``allowed``; raises ``InvalidScope``."""
    scope = parse(text)
    beyond = [value for value in scope.values if value not in allowed]
    if beyond:
        raise PermanentError(
            "InvalidScope",
            f"This client may not ask for {beyond[0]!r}.",
            hint="`helio identity client update NAME --scope …` says what it may ask for.",
        )
    filtered = {"id_groups_filtered", "at_groups_filtered"}.intersection(scope.values)
    if filtered and not scope.resource_servers:
        sentence = f"{min(filtered)} needs a resource server, rs_..., whose groups are meant."
        raise PermanentError("InvalidScope", sentence)
    return scope


def narrowed(granted: Scope, asked: str) -> Scope:
    """The scope of a refreshed token: what was granted, or the part of it that is ``asked``."""
    if not asked:
        return granted
    scope = parse(asked)
    beyond = [value for value in scope.values if value not in granted.values]
    if beyond:
        raise PermanentError("InvalidScope", f"{beyond[0]!r} was not granted at sign-in.")
    return scope
