"""Searching the document store: by index where a filter allows it, page by page otherwise.

A scan reads a page of documents at a time and lets others get on in between; entries are
made of those that match only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

from heliostat.identity.directory.bare_views import Record, bare_view
from heliostat.identity.directory.contract.units import CONTAINERS
from heliostat.identity.directory.entries import View, values_of
from heliostat.identity.directory.filters import (
    And,
    AtLeast,
    AtMost,
    Equal,
    Filter,
    Not,
    Or,
    Present,
    Substring,
    Values,
    matches,
)
from heliostat.identity.directory.membership import effective
from heliostat.identity.directory.plan import MEMBER, MEMBER_OF, NOTHING, Lookup, Plan, plan
from heliostat.identity.directory.records import Group
from heliostat.identity.directory.referring import REFERENCE, Referring
from heliostat.identity.directory.search import EntryKind, Found, Position, Query, Scope
from heliostat.identity.directory.unit_tree import BUILT_IN, ids_above, path_in
from heliostat.identity.directory.views import UnitView
from heliostat.identity.names import fold

PAGE = 200
LONGEST_KEY = 256
Groups = Mapping[str, Group]


class Hit(NamedTuple):
    """What matches; a unit has no record that an entry needs."""

    position: Position
    view: View
    record: Record | None


class Searching(Referring):
    """``search`` of the embedded directory."""

    async def search(self, query: Query) -> Found:
        """See ``Directory.search``."""
        rank, after = query.start
        within = await self._within(query)
        asked = await self.resolved(query.filter)
        hits: list[Hit] = []
        for kind in EntryKind:
            if kind not in query.kinds or kind.rank < rank or len(hits) > query.limit:
                continue
            lookups = plan(kind, asked)
            if lookups == NOTHING or _is_taken(kind, lookups, hits):
                continue
            start = after if kind.rank == rank else ""
            if kind is EntryKind.UNIT:
                found = self._units(asked, query, within, start)
            else:
                found = self._records(kind, asked, lookups, within, start)
            async for hit in found:
                hits.append(hit)
                if len(hits) > query.limit:
                    break
        told = hits[: query.limit]
        entries = [
            await self.entry_with_names(hit.position.kind, hit.view, hit.record, query.attributes)
            for hit in told
        ]
        return Found(tuple(entries), str(told[-1].position) if len(hits) > query.limit else "")

    async def _records(
        self,
        kind: EntryKind,
        asked: Filter,
        lookups: Plan,
        within: frozenset[str] | None,
        after: str,
    ) -> AsyncIterator[Hit]:
        groups: Groups | None = None
        if lookups is None:
            records = self._scan(kind, after, "")
            groups = await self._all_groups() if _asks_for_groups(asked) else None
        else:
            records = self._looked_up(kind, lookups, after)
        async for key, record in records:
            if within is not None and (record.unit or CONTAINERS[kind]) not in within:
                continue
            view = bare_view(record)
            if matches(asked, await self._values(kind, view, record, asked, groups)):
                yield Hit(Position(kind, key), view, record)

    async def _values(
        self, kind: EntryKind, view: View, record: Record, asked: Filter, groups: Groups | None
    ) -> Values:
        held: tuple[str, ...] = ()
        if kind in REFERENCE and _asks_for_groups(asked):
            reference = f"{REFERENCE[kind]}:{fold(record.name)}"
            if groups is None:
                held = tuple(fold(each.name) for each in await self.groups_holding(reference))
            else:
                held = tuple(effective(groups, reference))
        special = {MEMBER_OF: held, "memberof": held}
        if isinstance(record, Group):
            special |= {MEMBER: record.members, "member": record.members}
        return lambda name: special[name] if name in special else values_of(kind, view, name)

    async def _scan(
        self, kind: EntryKind, after: str, prefix: str
    ) -> AsyncIterator[tuple[str, Any]]:
        documents = self._kind_of(kind)
        at = documents.key(after) if after else None
        while True:
            page = await self.store.list(documents.key(prefix), limit=PAGE, after=at)
            for document in page.items:
                stored = documents.read(document)
                if kind is not EntryKind.ACCOUNT or stored.value.is_service_account:
                    yield documents.id_of(stored.key), stored.value
            if page.after is None:
                return
            at = page.after

    async def _looked_up(
        self, kind: EntryKind, lookups: frozenset[Lookup], after: str
    ) -> AsyncIterator[tuple[str, Any]]:
        if len(lookups) == 1 and (only := next(iter(lookups))).field == "prefix":
            async for each in self._scan(kind, after, only.value):
                yield each
            return
        keys: set[str] = set()
        for lookup in lookups:
            keys |= await self._keys(kind, lookup)
        for key in sorted(each for each in keys if each > after):
            record = await self.record_of(kind, key)
            if record is not None:
                yield key, record

    async def _keys(self, kind: EntryKind, lookup: Lookup) -> set[str]:
        if len(lookup.value) > LONGEST_KEY:
            return set()  # nothing is called so, and the store has no such keys
        if lookup.field == "key":
            return {lookup.value}
        if lookup.field == "prefix":
            return {key async for key, _ in self._scan(kind, "", lookup.value)}
        if lookup.field == MEMBER_OF:
            return await self._everybody_in(lookup.value, REFERENCE[kind])
        documents = self._kind_of(kind)
        return set(await documents.ids_by_index(self.store, lookup.field, lookup.value))

    async def _everybody_in(self, group: str, word: str) -> set[str]:
        """Keys of the members of a group that are users (or groups, or accounts)."""
        found: set[str] = set()
        seen, waiting = {group}, [group]
        while waiting:
            stored = await self.kinds.groups.get(self.store, waiting.pop())
            for member in stored.value.members if stored else ():
                kind, _, key = member.partition(":")
                if kind == word:
                    found.add(key)
                if kind == "group" and key not in seen:
                    seen.add(key)
                    waiting.append(key)
        return found

    async def _all_groups(self) -> Groups:
        return {
            fold(each.value.name): each.value for each in await self.kinds.groups.all(self.store)
        }

    async def _units(
        self,
        asked: Filter,
        query: Query,
        within: frozenset[str] | None,
        after: str,
    ) -> AsyncIterator[Hit]:
        known = await self.units_by_id()
        paths = {fold(path_in(known, unit_id)): unit_id for unit_id in known}
        base = fold(query.base.strip("/"))
        for path in sorted(each for each in paths if each > after):
            unit = known[paths[path]]
            if query.scope is Scope.ONE and path.rpartition("/")[0] != base:
                continue
            if query.scope is Scope.SUB and within is not None and unit.id not in within:
                continue
            whole = path_in(known, unit.id)
            view = UnitView(
                whole, unit.name, unit.description, unit.id in BUILT_IN, unit.created_ms
            )
            if matches(asked, _values_of_unit(view)):
                yield Hit(Position(EntryKind.UNIT, path), view, None)

    async def _within(self, query: Query) -> frozenset[str] | None:
        """Ids of the units whose content the search reaches; ``None``: all of them."""
        unit_id, _ = await self.unit_at(query.base)
        if not unit_id:
            return None if query.scope is Scope.SUB else frozenset()
        if query.scope is Scope.ONE:
            return frozenset({unit_id})
        known = await self.units_by_id()
        return frozenset(each for each in known if unit_id in ids_above(known, each))


def _is_taken(kind: EntryKind, lookups: Plan, hits: list[Hit]) -> bool:
    """Whether all that is looked up are names that people have, which no program can have, too."""
    if kind is not EntryKind.ACCOUNT or lookups is None or not hits:
        return False
    found = {Lookup("key", hit.position.key) for hit in hits if hit.position.kind is EntryKind.USER}
    return lookups <= found


def _values_of_unit(view: UnitView) -> Values:
    return lambda name: values_of(EntryKind.UNIT, view, name)


def _asks_for_groups(asked: Filter) -> bool:
    match asked:
        case And(filters) | Or(filters):
            return any(map(_asks_for_groups, filters))
        case Not(inner):
            return _asks_for_groups(inner)
        case Equal(name) | Present(name) | Substring(name) | AtLeast(name) | AtMost(name):
            return name in (MEMBER_OF, "memberof")
        case _:
            return False
