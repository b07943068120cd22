"""Entries that name entries: references to distinguished names, and back.

Members are kept as references (``user:ada``), LDAP has names that say where something lies.
A name counts only while it says where the thing really is.
"""

from __future__ import annotations

from collections.abc import Iterable

from heliostat.identity.clients.records import Client
from heliostat.identity.directory import layout
from heliostat.identity.directory.bare_views import Record
from heliostat.identity.directory.contract.units import CONTAINERS
from heliostat.identity.directory.entries import View, entry_of
from heliostat.identity.directory.filters import And, Equal, Filter, Not, Or
from heliostat.identity.directory.memberships import Memberships
from heliostat.identity.directory.plan import MEMBER, MEMBER_OF
from heliostat.identity.directory.records import Group
from heliostat.identity.directory.search import Entry, EntryKind
from heliostat.identity.directory.views import UnitView
from heliostat.identity.names import fold, is_name

REFERENCE = {EntryKind.USER: "user", EntryKind.GROUP: "group", EntryKind.ACCOUNT: "account"}
KIND_OF = {word: kind for kind, word in REFERENCE.items()}
NEVER: Filter = Or(())


class Referring(Memberships):
    """What a search needs to know about who is where."""

    async def record_of(self, kind: EntryKind, key: str) -> Record | None:
        """A user, group, account or computer by its key."""
        stored = await self._kind_of(kind).get(self.store, key)
        if stored is None:
            return None
        record: Record = stored.value
        return None if isinstance(record, Client) and not record.is_service_account else record

    async def lying_in(self, kind: EntryKind, unit: str, name: str) -> Record | None:
        """What has this name, if that unit is where it lies."""
        record = await self.record_of(kind, fold(name))
        if record is None:
            return None
        path = await self.path_of_unit(record.unit or CONTAINERS[kind])
        return record if fold(path) == fold(unit) else None

    async def dn_of_record(self, kind: EntryKind, record: Record) -> str:
        """Where it lies."""
        unit = await self.path_of_unit(record.unit or CONTAINERS[kind])
        return layout.dn_of(kind, record.name, unit, self.domain)

    async def dns_of(self, references: Iterable[str]) -> tuple[str, ...]:
        """The names of those that are there."""
        found: list[str] = []
        for reference in references:
            word, _, key = reference.partition(":")
            record = await self.record_of(KIND_OF[word], key)
            if record is not None:
                found.append(await self.dn_of_record(KIND_OF[word], record))
        return tuple(found)

    async def reference_at(self, dn: str) -> str:
        """Who lies at ``dn``, as a reference; empty if nobody does."""
        parts = layout.parsed(dn) or [("", "")]
        attribute, name = parts[0]
        if not is_name(name):
            return ""
        key = fold(name)
        for kind, word in REFERENCE.items():
            if layout.NAMED_BY[kind] != attribute:
                continue
            record = await self.record_of(kind, key)
            if record is not None and _same(await self.dn_of_record(kind, record), dn):
                return f"{word}:{key}"
        return ""

    async def resolved(self, filter_: Filter) -> Filter:
        """The filter with references instead of names of entries."""
        match filter_:
            case And(filters):
                return And(tuple([await self.resolved(each) for each in filters]))
            case Or(filters):
                return Or(tuple([await self.resolved(each) for each in filters]))
            case Not(inner):
                return Not(await self.resolved(inner))
            case Equal("member", value):
                reference = await self.reference_at(value)
                return Equal(MEMBER, reference) if reference else NEVER
            case Equal("memberof", value):
                word, _, key = (await self.reference_at(value)).partition(":")
                return Equal(MEMBER_OF, key) if word == "group" else NEVER
            case _:
                return filter_

    async def entry_with_names(
        self, kind: EntryKind, view: View, record: Record | None, wanted: frozenset[str] | None
    ) -> Entry:
        """The entry of a view, with the names of others that are asked for."""
        if isinstance(view, UnitView):
            unit = view.path.rpartition("/")[0]
        else:
            unit = await self.path_of_unit((record.unit if record else "") or CONTAINERS[kind])
        others: dict[str, tuple[str, ...]] = {}
        if isinstance(record, Group) and (wanted is None or "member" in wanted):
            others["member"] = await self.dns_of(record.members)
        if record is not None and kind in REFERENCE and (wanted is None or "memberof" in wanted):
            held = await self.groups_holding(f"{REFERENCE[kind]}:{fold(record.name)}")
            names = [await self.dn_of_record(EntryKind.GROUP, group) for group in held]
            others["memberOf"] = tuple(sorted(names))
        return entry_of(kind, view, self.domain, unit=unit, others=others, wanted=wanted)


def _same(dn: str, other: str) -> bool:
    return layout.parsed(fold(dn)) == layout.parsed(fold(other))
