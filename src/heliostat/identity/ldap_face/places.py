"""What a distinguished name says: whose tenant, which unit, and what in it.  Pure.

``uid=ada,ou=R&D,ou=Engineering,dc=acme,dc=example`` is ``ada`` in ``Engineering/R&D`` of
``acme.example``; everything else that slapd may be asked about is nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from heliostat.identity.directory.layout import NAMED_BY, parsed
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.names import is_name

_LEAVES = frozenset(EntryKind) - {EntryKind.UNIT}
_KINDS = {
    "": frozenset({EntryKind.UNIT}),
    **{
        attribute: frozenset(each for each in _LEAVES if NAMED_BY[each] == attribute)
        for attribute in ("uid", "cn")
    },
}


@dataclass(frozen=True, slots=True)
class Place:
    """``attribute`` and ``name`` are empty where the name ends at a unit or at the domain."""

    domain: str
    unit: str
    attribute: str = ""
    name: str = ""

    @property
    def is_leaf(self) -> bool:
        return bool(self.attribute)

    @property
    def kinds(self) -> frozenset[EntryKind]:
        """What it may be."""
        return _KINDS[self.attribute]


@lru_cache(maxsize=256)
def place_of(dn: str) -> Place | None:
    """Where ``dn`` is; ``None`` where nothing of ours can be."""
    parts = parsed(dn)
    if not parts:
        return None
    attribute = name = ""
    if parts[0][0] in ("uid", "cn"):
        (attribute, name), *parts = parts
        if not is_name(name):
            return None
    units: list[str] = []
    while parts and parts[0][0] == "ou":
        units.append(parts.pop(0)[1])
    labels = [value for key, value in parts if key == "dc"]
    if not labels or len(labels) != len(parts) or any("/" in each for each in units):
        return None
    return Place(".".join(labels), "/".join(reversed(units)), attribute, name)
