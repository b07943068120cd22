"""Organisational units: a tree that users, groups, accounts and computers lie in.

A unit is known by its id, and what lies in it names that id, so moving a unit with
thousands of people in it writes one document.  The containers have no documents: their ids
are their names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from heliostat.cloudstore.contract import Guard, PrefixUnchanged
from heliostat.cloudstore.documents import Kind, Stored
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.units import CONTAINERS
from heliostat.identity.directory.fields import LONGEST_DESCRIPTION, checked_text
from heliostat.identity.directory.part import DirectoryPart
from heliostat.identity.directory.records import Unit, place_of
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.directory.views import UnitView
from heliostat.identity.names import fold

R = TypeVar("R", bound=msgspec.Struct)
DEEPEST = 16
"""Units around a unit; an entry's name stays within what LDAP clients take."""
_NAME = re.compile(r"[^\W_](?:[\w .&'-]{0,61}[\w.])?")
BUILT_IN = {name: Unit(id=name, name=name) for name in CONTAINERS.values()}
_CODES = {
    EntryKind.USER: ("UserNotFound", "user"),
    EntryKind.GROUP: ("GroupNotFound", "group"),
    EntryKind.ACCOUNT: ("ServiceAccountNotFound", "service account"),
    EntryKind.COMPUTER: ("ComputerNotFound", "computer"),
}


class Units(DirectoryPart):
    """The verbs on units."""

    async def create_unit(
        self, path: str, *, description: str = "", plan: bool = False
    ) -> UnitView:
        """See ``UnitVerbs.create_unit``."""
        above, _, name = path.strip("/").rpartition("/")
        name = checked_unit_name(name)
        unit_id, now_ms = self.ids.new_id(), self.clock.now_ms()
        description = checked_text("description", description, LONGEST_DESCRIPTION)

        async def decide() -> Decided[UnitView]:
            parent, guards = await self.unit_at(above)
            if above.count("/") >= DEEPEST - 1:
                raise PermanentError("InvalidName", f"Units lie at most {DEEPEST} deep.")
            unit = Unit(
                id=unit_id,
                name=name,
                parent=parent,
                description=description,
                created_ms=now_ms,
            )
            guards.append(await self._free_place(parent, name))
            return Decided(await self._view_unit(unit), guards, self.kinds.units.put(unit))

        return await settle(self.store, decide, plan=plan)

    async def get_unit(self, path: str) -> UnitView:
        """Raises ``UnitNotFound``."""
        return await self._view_unit((await self._stored_unit(path))[0])

    async def list_units(self) -> list[UnitView]:
        """See ``UnitVerbs.list_units``."""
        known = await self.units_by_id()
        views = [_view(unit, path_in(known, unit.id)) for unit in known.values()]
        return sorted(views, key=lambda unit: fold(unit.path).split("/"))

    async def change_unit(
        self,
        path: str,
        *,
        to: str | None = None,
        description: str | None = None,
        plan: bool = False,
    ) -> UnitView:
        """See ``UnitVerbs.change_unit``."""
        above, _, name = (path if to is None else to).strip("/").rpartition("/")
        if to is not None:
            name = checked_unit_name(name)

        async def decide() -> Decided[UnitView]:
            # two moves at once could put each unit into the other, so all units stay as read
            since = await self.store.revision()
            unit, stored = await self._stored_unit(path)
            if stored is None:
                raise _built_in(unit)
            guards: list[Guard] = [PrefixUnchanged(self.kinds.units.prefix, since)]
            new, known = _described(unit, description), await self.units_by_id()
            if to is not None:
                parent, held = await self.unit_at(above)
                if unit.id in ids_above(known, parent):
                    raise PermanentError("InvalidOperation", f"{path} can't lie in itself.")
                new = msgspec.structs.replace(new, name=name, parent=parent)
                guards += held
                if place_of(parent, name) != place_of(unit.parent, unit.name):
                    guards.append(await self._free_place(parent, name))
            return Decided(
                _view(new, path_in({**known, unit.id: new}, unit.id)),
                guards,
                self.kinds.units.put(new, unit) if new != unit else [],
            )

        return await settle(self.store, decide, plan=plan)

    async def delete_unit(self, path: str, *, plan: bool = False) -> UnitView:
        """See ``UnitVerbs.delete_unit``."""

        async def decide() -> Decided[UnitView]:
            unit, stored = await self._stored_unit(path)
            if stored is None:
                raise _built_in(unit)
            kinds = self.kinds
            inside: list[tuple[str, Kind[Any]]] = [("parent", kinds.units)]
            inside += [("unit", each) for each in kinds.indexed if each is not kinds.units]
            for field, kind in inside:
                if await kind.ids_by_index(self.store, field, unit.id):
                    raise PermanentError("UnitNotEmpty", f"{path} is not empty.")
            guards: list[Guard] = [kinds.units.guard(stored)]
            guards += [kind.unused(field, unit.id) for field, kind in inside]
            return Decided(await self._view_unit(unit), guards, kinds.units.delete(unit))

        return await settle(self.store, decide, plan=plan)

    async def move(self, kind: EntryKind, name: str, unit: str, *, plan: bool = False) -> None:
        """See ``UnitVerbs.move``."""
        if kind is EntryKind.UNIT:
            raise PermanentError("InvalidOperation", "A unit is moved by its path.")
        documents = self._kind_of(kind)

        async def decide() -> Decided[None]:
            stored = await self._stored_of(kind, documents, name)
            unit_id, guards = await self.unit_for(kind, unit)
            new = msgspec.structs.replace(stored.value, unit=unit_id)
            changes = documents.put(new, stored.value) if new != stored.value else []
            return Decided(None, [documents.guard(stored), *guards], changes)

        await settle(self.store, decide, plan=plan)

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
        unit, stored = await self._stored_unit(path)
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

    async def _stored_unit(self, path: str) -> tuple[Unit, Stored[Unit] | None]:
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

    async def _free_place(self, parent: str, name: str) -> Guard:
        place = place_of(parent, name)
        taken = not parent and fold(name) in BUILT_IN
        if taken or await self.kinds.units.ids_by_index(self.store, "place", place):
            raise PermanentError("UnitExists", f"There is a unit {name} there already.")
        return self.kinds.units.unused("place", place)

    async def _stored_of(self, kind: EntryKind, documents: Kind[Any], name: str) -> Stored[Any]:
        key = self.key_of(name)
        stored = await documents.get(self.store, key) if key else None
        if stored is None or (kind is EntryKind.ACCOUNT and not stored.value.is_service_account):
            code, what = _CODES[kind]
            raise PermanentError(code, f"There is no {what} {name[:80]}.")
        return stored

    def _kind_of(self, kind: EntryKind) -> Kind[Any]:
        kinds: dict[EntryKind, Kind[Any]] = {
            EntryKind.USER: self.kinds.users,
            EntryKind.GROUP: self.kinds.groups,
            EntryKind.ACCOUNT: self.kinds.clients,
            EntryKind.COMPUTER: self.kinds.computers,
        }
        return kinds[kind]

    async def _view_unit(self, unit: Unit) -> UnitView:
        above = await self.path_of_unit(unit.parent)
        return _view(unit, f"{above}/{unit.name}" if above else unit.name)


def _described(unit: Unit, description: str | None) -> Unit:
    if description is None:
        return unit
    text = checked_text("description", description, LONGEST_DESCRIPTION)
    return msgspec.structs.replace(unit, description=text)


def checked_unit_name(name: str) -> str:
    """The name of a new unit; raises ``InvalidName``."""
    if not _NAME.fullmatch(name):
        raise PermanentError(
            "InvalidName",
            f"{name[:80]!r} is no name of a unit.",
            hint="Use letters, digits, spaces and .&'-_, at most 63; a path has slashes.",
        )
    return name


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


def _view(unit: Unit, path: str) -> UnitView:
    return UnitView(path, unit.name, unit.description, unit.id in BUILT_IN, unit.created_ms)


def _built_in(unit: Unit) -> PermanentError:
    return PermanentError("InvalidOperation", f"{unit.name} is built in.")
