"""Organisational units: a tree that users, groups, accounts and computers lie in.

A unit is known by its id, and what lies in it names that id, so moving a unit with
thousands of people in it writes one document.  The containers have no documents: their ids
are their names.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from heliostat.cloudstore.contract import Guard, PrefixUnchanged
from heliostat.cloudstore.documents import Kind, Stored
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.fields import LONGEST_DESCRIPTION, checked_text
from heliostat.identity.directory.records import Unit, place_of
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.directory.unit_tree import BUILT_IN, DEEPEST, UnitTree, ids_above, path_in
from heliostat.identity.directory.views import UnitView
from heliostat.identity.names import fold

_NAME = re.compile(r"[^\W_](?:[\w .&'-]{0,61}[\w.])?")
_CODES = {
    EntryKind.USER: ("UserNotFound", "user"),
    EntryKind.GROUP: ("GroupNotFound", "group"),
    EntryKind.ACCOUNT: ("ServiceAccountNotFound", "service account"),
    EntryKind.COMPUTER: ("ComputerNotFound", "computer"),
}


class Units(UnitTree):
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
        return await self._view_unit((await self.stored_unit(path))[0])

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
            unit, stored = await self.stored_unit(path)
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
            unit, stored = await self.stored_unit(path)
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


def _view(unit: Unit, path: str) -> UnitView:
    return UnitView(path, unit.name, unit.description, unit.id in BUILT_IN, unit.created_ms)


def _built_in(unit: Unit) -> PermanentError:
    return PermanentError(
        "InvalidOperation",
        f"{unit.name} is built in.",
        hint="It stays as it is; `helio identity ou create` makes units beside it.",
    )
