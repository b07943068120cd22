"""Answers a query by one connection to a directory elsewhere: where entries stand, then they.

Units are few and are all read, since paths are made of them; of the other kinds only the
entries of a page are read whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from heliostat.core.clock import Clock
from heliostat.identity.directory.filters import Equal, matches
from heliostat.identity.directory.search import EntryKind, Position, Query
from heliostat.identity.external.listing import Listing, Question
from heliostat.identity.external.membership import Membership
from heliostat.identity.external.places import (
    Place,
    Unit,
    at_path,
    place_of,
    root_of,
    unit_of,
    units,
    within,
)
from heliostat.identity.external.told import Told
from heliostat.identity.external.views import Held
from heliostat.identity.names import fold
from heliostat.identity.sources import lookup
from heliostat.identity.sources.entries import FoundGroup, person_in
from heliostat.identity.sources.protocol.connection import Connection
from heliostat.identity.sources.protocol.messages import Entry
from heliostat.identity.sources.source import Source


class Page(NamedTuple):
    """What a query found, each with its position; ``after`` goes on (empty: there is no more)."""

    found: list[tuple[Position, Held]]
    after: str


class At(NamedTuple):
    """Where an entry stands, and how it is read: a unit is at hand, others by their id."""

    position: Position
    id: str
    unit: Unit | None = None
    place: Place | None = None


class Reading:
    """Reads one source."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._root = root_of(source)
        self._listing = Listing(source, clock)

    async def page(self, connection: Connection, query: Query, with_groups: bool = False) -> Page:
        """Raises ``UnitNotFound``, ``PageExpired``, ``TooManyGroups``, ``TooMany``, ``Refused``.

        ``with_groups``: with the groups that people and groups are in, a question each.
        """
        rank, after = query.start
        asks_units = EntryKind.UNIT in query.kinds and rank <= EntryKind.UNIT.rank
        known = await self.units(connection) if query.base.strip("/") or asks_units else []
        base = at_path(known, query.base).entry.dn if query.base.strip("/") else self._root
        members = Membership(connection, self._source)
        standing: list[At] = []
        for kind in EntryKind:
            missing = query.limit + 1 - len(standing)
            if kind not in query.kinds or kind.rank < rank or missing <= 0:
                continue
            start = after if kind.rank == rank else ""
            if kind is EntryKind.UNIT:
                standing += (await self._units(query, known, members, start))[:missing]
                continue
            place = place_of(self._source, kind, base, query.scope)
            if place is not None:
                question = Question(kind, place, query.filter)
                found = await self._listing.after(connection, question, members, start, missing)
                standing += [At(Position(kind, key), id_, place=place) for key, id_ in found]
        told = standing[: query.limit]
        more = str(told[-1].position) if len(standing) > query.limit else ""
        return Page(await self._whole(connection, told, with_groups), more)

    async def one(
        self, connection: Connection, kind: EntryKind, name: str, with_groups: bool = False
    ) -> Held | None:
        """What has this name; ``None`` for nobody and for several."""
        asked = Equal("uid" if kind is EntryKind.USER else "cn", name)
        query = Query(asked, kinds=frozenset({kind}), limit=2)
        page = await self.page(connection, query, with_groups)
        named = [held for _, held in page.found if fold(held.told.name) == fold(name)]
        return named[0] if len(named) == 1 else None

    async def units(self, connection: Connection) -> list[Unit]:
        """All of them, in order of folded paths; raises ``TooMany``."""
        return await units(connection, self._source, self._clock.now_ms())

    async def _units(
        self, query: Query, known: Sequence[Unit], members: Membership, start: str
    ) -> list[At]:
        answered = await members.answered(query.filter)
        answers = answered.tried(self._source)
        return [
            At(Position(EntryKind.UNIT, fold(each.path)), each.entry.id, unit=each)
            for each in within(known, query.base, query.scope)
            if fold(each.path) > start and matches(answered.filter, answers(each.entry))
        ]

    async def _whole(
        self, connection: Connection, standing: Sequence[At], with_groups: bool
    ) -> list[tuple[Position, Held]]:
        """The entries at these positions that are still there."""
        found = [
            (at.position, Held(at.unit.entry, at.unit.path.rpartition("/")[0]))
            for at in standing
            if at.unit is not None
        ]
        for kind in EntryKind:
            places = {at.id: at for at in standing if at.place and at.position.kind is kind}
            if not places:
                continue
            place = next(iter(places.values())).place
            assert place is not None
            for told, entry in await self._listing.entries(connection, kind, place, [*places]):
                groups = await self._groups(connection, told, entry) if with_groups else ()
                held = Held(told, unit_of(told.dn, self._root), groups)
                found.append((places[told.id].position, held))
        return found

    async def _groups(
        self, connection: Connection, told: Told, entry: Entry
    ) -> tuple[FoundGroup, ...]:
        person = person_in(entry, self._source, 0) if told.kind is EntryKind.USER else None
        if person is not None:
            return tuple(await lookup.groups_of(connection, self._source, person))
        if told.kind is EntryKind.GROUP:
            return tuple(await lookup.groups_holding(connection, self._source, told.dn))
        return ()
