"""Tests on who is in which group, answered before a filter is sent: as sets of entries.

``memberOf`` counts groups in groups where the source does, as for signing in; ``member`` does
not.  Only groups that pass the source's filter count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from heliostat.identity.directory.filters import (
    And,
    AtLeast,
    AtMost,
    Equal,
    Filter,
    Not,
    Or,
    Present,
    Undefined,
    Values,
)
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.external.places import root_of
from heliostat.identity.external.told import Told, values_of
from heliostat.identity.external.wider import AMONG
from heliostat.identity.names import fold
from heliostat.identity.sources import lookup
from heliostat.identity.sources.protocol import filters
from heliostat.identity.sources.protocol.connection import Connection, Refused, TooMany
from heliostat.identity.sources.protocol.dn import is_below, is_dn, parted
from heliostat.identity.sources.protocol.messages import Entry, Scope, Search
from heliostat.identity.sources.protocol.results import NO_SUCH_OBJECT
from heliostat.identity.sources.source import (
    NAMES_PEOPLE,
    Source,
    attribute,
    groups_filter,
    people_filter,
)

MOST_MEMBERS = 20_000
MOST_GROUPS = 1_000
_NO_ATTRIBUTES = ("1.1",)


class Among(NamedTuple):
    """Entries by their names, and people by theirs."""

    dns: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()

    @property
    def named(self) -> Sequence[str] | None:
        """Names of entries to ask for; ``None`` where some are known by other names only."""
        return None if self.names else self.dns


class Answered(NamedTuple):
    """A filter whose tests on members are tests for being among entries."""

    filter: Filter
    among: tuple[Among, ...]

    def tried(self, source: Source) -> Callable[[Told], Values]:
        """What the filter asks, of each entry that it is tried on."""
        held = [frozenset(map(parted, each.dns)) for each in self.among]

        def of(entry: Told) -> Values:
            own, others = parted(entry.dn), values_of(entry, source)
            named = entry.name if entry.kind is EntryKind.USER else ""
            numbers = tuple(
                str(number)
                for number, each in enumerate(self.among)
                if own in held[number] or named in each.names
            )
            return lambda name: numbers if name == AMONG else others(name)

        return of


class Membership:
    """Answers tests by one connection; ``source`` is whose groups count."""

    def __init__(self, connection: Connection, source: Source) -> None:
        self._connection = connection
        self._source = source
        self._found: list[Among] = []
        self._answered: Answered | None = None

    async def answered(self, asked: Filter) -> Answered:
        """The one filter that this was made for.

        Raises ``TooMany``, ``Refused``, ``TooManyGroups``.
        """
        if self._answered is None:
            told = await self._told(asked)
            self._answered = Answered(told, tuple(self._found))
        return self._answered

    async def _told(self, asked: Filter) -> Filter:
        match asked:
            case And(parts):
                return And(tuple([await self._told(each) for each in parts]))
            case Or(parts):
                return Or(tuple([await self._told(each) for each in parts]))
            case Not(inner):
                return Not(await self._told(inner))
            case Equal("memberof" | "member" | "entrydn", value):
                return self._among(await self._asked(asked.attribute, value))
            case Present("member"):
                groups = [filters.present(each) for each in lookup.members_of(self._source)]
                return self._among(Among(await self._groups(filters.either(*groups))))
            case Present("memberof") | AtLeast("memberof" | "member") | AtMost("memberof"):
                return Undefined()  # would be a question for each entry
            case _:
                return asked

    def _among(self, found: Among) -> Filter:
        self._found.append(found)
        return Equal(AMONG, str(len(self._found) - 1))

    async def _asked(self, name: str, dn: str) -> Among:
        if not is_dn(dn) or not is_below(dn, root_of(self._source)):
            return Among()
        if name == "entrydn":
            return Among((dn,))
        if name == "member":
            called = await self._called(dn)
            held = await lookup.holding(self._connection, self._source, dn, called)
            return Among(tuple(each.dn for each in held))
        group = await self._group(dn)
        if group is None:
            return Among()
        if self._source.kind.knows_chains:
            return await self._chained(group)
        return await self._followed(group)

    async def _chained(self, group: Entry) -> Among:
        """By the server's own rule; who has a group as primary one is in no list."""
        rule = filters.by_rule("memberOf", lookup.IN_CHAIN, group.dn)
        asked = rule if self._source.nested else filters.equals("memberOf", group.dn)
        groups = [group]
        if self._source.nested:
            held = filters.both(filters.parse("(objectClass=group)"), rule)
            groups += await self._search(held, ("objectSid",), MOST_GROUPS)
        primary = [
            filters.equals("primaryGroupID", str(int.from_bytes(sid[-4:], "little")))
            for each in groups
            if len(sid := each.raw("objectSid")) >= 12
        ]
        found = await self._search(filters.either(asked, *primary), _NO_ATTRIBUTES, MOST_MEMBERS)
        return Among(tuple(each.dn for each in found))

    async def _followed(self, group: Entry) -> Among:
        """By what groups say of themselves, downwards."""
        groups = frozenset(map(parted, await self._groups())) if self._source.nested else ()
        dns: dict[tuple[str, ...], str] = {}
        names: set[str] = set()
        seen, waiting = {parted(group.dn)}, [group]
        while waiting:
            inner, people = self._members(waiting.pop())
            names |= people
            for dn in inner:
                key = parted(dn)
                dns[key] = dn
                if key not in groups or key in seen:
                    continue
                seen.add(key)
                below = await self._group(dn)
                waiting += [below] if below is not None else []
            if len(seen) > MOST_GROUPS or len(dns) + len(names) > MOST_MEMBERS:
                raise TooMany(f"more than {MOST_MEMBERS} members or {MOST_GROUPS} groups")
        return Among(tuple(dns.values()), frozenset(names))

    def _members(self, group: Entry) -> tuple[list[str], set[str]]:
        """Names of entries, and of people, that a group holds."""
        dns: list[str] = []
        names: set[str] = set()
        for each in lookup.members_of(self._source):
            if fold(each) == fold(NAMES_PEOPLE):
                names |= set(map(fold, group.texts(each)))
            else:
                dns += [dn for dn in group.texts(each) if is_dn(dn)]
        return dns, names

    async def _group(self, dn: str) -> Entry | None:
        """A group by its name; ``None`` for what is none of the source's."""
        base = self._source.groups_base or self._source.people_base
        if not is_below(dn, base):
            return None
        wanted = ("objectSid", *(() if self._source.kind.knows_chains else
                                 lookup.members_of(self._source)))  # fmt: skip
        asked = filters.parse(groups_filter(self._source))
        return await self._at(dn, asked, wanted)

    async def _called(self, dn: str) -> str:
        """A person's name, where groups hold people by it."""
        if all(fold(each) != fold(NAMES_PEOPLE) for each in lookup.members_of(self._source)):
            return ""
        name = attribute(self._source, "name")
        found = await self._at(dn, filters.parse(people_filter(self._source)), (name,))
        return found.text(name) if found is not None else ""

    async def _at(self, dn: str, asked: filters.Filter, wanted: Sequence[str]) -> Entry | None:
        try:
            found = await self._connection.search(Search(dn, asked, wanted, Scope.BASE))
        except Refused as refused:
            if refused.outcome.code == NO_SUCH_OBJECT:
                return None
            raise
        return found[0] if len(found) == 1 and parted(found[0].dn) == parted(dn) else None

    async def _groups(self, more: filters.Filter | None = None) -> tuple[str, ...]:
        """Names of the entries of all groups that count (and that ``more`` is true of)."""
        base = self._source.groups_base or self._source.people_base
        own = filters.parse(groups_filter(self._source))
        asked = filters.both(own, more) if more is not None else own
        found = await self._connection.search(
            Search(base, asked, _NO_ATTRIBUTES, limit=MOST_MEMBERS)
        )
        lookup.refuse_elsewhere(found, base)
        return tuple(each.dn for each in found)

    async def _search(
        self, asked: filters.Filter, wanted: Sequence[str], limit: int
    ) -> list[Entry]:
        base = root_of(self._source)
        return await self._connection.search(Search(base, asked, wanted, limit=limit))
