"""The tree of organisational units: where paths lead, and what lies around what.

A unit is known by its id, and what lies in it names that id.  The containers have no
documents: their ids are their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from heliostat.cloudstore.contract import Guard
from heliostat.cloudstore.documents import Stored
from heliostat.core.errors import PermanentError
from heliostat.identity.directory.contract.units import CONTAINERS
from heliostat.identity.directory.part import DirectoryPart
from heliostat.identity.directory.records import Unit, place_of
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.names import fold

R = TypeVar("R", bound=msgspec.Struct)
DEEPEST = 16
"""Units around a unit; an entry's name stays within what LDAP clients take."""
BUILT_IN = {name: Unit(id=name, name=name) for name in CONTAINERS.values()}


class UnitTree(DirectoryPart):
    """Finding units, and putting things into them."""

    async def placed(self, kind: EntryKind, record: R, unit: str | None) -> tuple[R, list[Guard]]:
        """``record`` in the unit with this path (``None``: where it is), and guards for that."""
        if unit is None:
            return record, []
        unit_id, guards = await self.unit_for(kind, unit)
        return msgspec.structs.replace(record, unit=unit_id), guards

    async def unit_for(self, kind: EntryKind, path: str) -> tuple[str, list[Guard]]:
        """The id to keep in something that lies in ``path``, and guards that the unit stays."""
        unit_id, guards = await self.unit_at(path or CONTAINERS[kind])
        if not unit_id:
            raise PermanentError("UnitNotFound", "Only units lie in the domain itself.")
        return ("" if unit_id == CONTAINERS[kind] else unit_id), guards

    async def unit_at(self, path: str) -> tuple[str, list[Guard]]:
        """The id of the unit at ``path`` (empty: the domain), and guards that it stays."""
        if not path.strip("/"):
            return "", []
        unit, stored = await self.stored_unit(path)
        return unit.id, [] if stored is None else [self.kinds.units.guard(stored)]

    async def units_by_id(self) -> dict[str, Unit]:
        """All units of the tenant, the containers too."""
        stored = await self.kinds.units.all(self.store)
        return BUILT_IN | {each.value.id: each.value for each in stored}

    async def path_of_unit(self, unit_id: str) -> str:
        """The path of a unit by its id."""
        parts: list[str] = []
        while unit_id and len(parts) <= DEEPEST:
            built_in = BUILT_IN.get(unit_id)
            stored = None if built_in else await self.kinds.units.get(self.store, unit_id)
            unit = built_in or (stored.value if stored else Unit(id="", name="?"))
            parts.append(unit.name)
            unit_id = unit.parent
        return "/".join(reversed(parts))

    async def stored_unit(self, path: str) -> tuple[Unit, Stored[Unit] | None]:
        """A unit, and how it is stored (a container is not); raises ``UnitNotFound``."""
        segments = path.strip("/").split("/")
        unit_id, unit, stored = "", None, None
        for segment in segments[: DEEPEST + 1]:
            if not unit_id and fold(segment) in BUILT_IN:
                unit, stored = BUILT_IN[fold(segment)], None
            else:
                place = place_of(unit_id, segment[:80])
                ids = await self.kinds.units.ids_by_index(self.store, "place", place)
                stored = await self.kinds.units.get(self.store, ids[0]) if ids else None
                unit = stored.value if stored else None
            if unit is None:
                break
            unit_id = unit.id
        if unit is None or len(segments) > DEEPEST:
            raise PermanentError("UnitNotFound", f"There is no unit {path[:80]!r}.")
        return unit, stored


def ids_above(known: dict[str, Unit], unit_id: str) -> Sequence[str]:
    """The unit itself and those around it, from the inside."""
    found: list[str] = []
    while unit_id in known and unit_id not in found:
        found.append(unit_id)
        unit_id = known[unit_id].parent
    return found


def path_in(known: dict[str, Unit], unit_id: str) -> str:
    """The path of a unit among those known."""
    return "/".join(known[each].name for each in reversed(ids_above(known, unit_id)))
