"""Where the entry of a document lies, and what the names of members refer to.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from heliostat.identity.openldap.names import ACCOUNTS, COMPUTERS, GROUPS, PEOPLE, UNITS, rdn

Raw = Mapping[str, Sequence[bytes]]
"""An entry's attributes as they come."""
PLACES = {
    "user": ("uid", PEOPLE),
    "group": ("cn", GROUPS),
    "account": ("uid", ACCOUNTS),
    "unit": ("ou", UNITS),
    "computer": ("cn", COMPUTERS),
}
"""How the entry of a kind is named, and in which unit it lies; by the kind of reference."""
_MEMBERS = ("user", "group", "account")


def dn_of(kind: str, key: str, base: str) -> str:
    attribute, unit = PLACES[kind]
    return f"{rdn(attribute, key)},ou={unit},{base}"


def reference_dn(reference: str, base: str) -> str:
    """The name of a member's entry: ``user:alice`` and so on."""
    kind, _, key = reference.partition(":")
    return dn_of(kind, key, base)


def references(base: str) -> dict[str, str]:
    """What the names of members end with, and how a reference to such a one begins."""
    return {f",ou={PLACES[kind][1]},{base}".casefold(): kind for kind in _MEMBERS}


def members_in(base: str, raw: Raw) -> list[str]:
    """The members of a group's entry as references, sorted; strangers are left out."""
    ends = references(base)
    found = []
    for each in raw.get("member", ()):
        name = each.decode()
        first, comma, rest = name.partition(",")
        kind = ends.get((comma + rest).casefold())
        if kind is not None:
            found.append(f"{kind}:{first.partition('=')[2].casefold()}")
    return sorted(found)
