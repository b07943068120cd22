"""All that a search finds in a directory elsewhere: first where each stands, then page by page.

A server's own pages end with its connection, and come in its order; ours go on from a position,
on any controller.  So entries are read in the server's pages (RFC 2696), few attributes of
each, and only positions are kept; a page's entries are then asked for by their ids.  Positions
are remembered for those who go on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from heliostat.core.clock import Clock
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
    matches,
)
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.external.attributes import CONDITIONAL, asked_for, filter_of, table
from heliostat.identity.external.membership import Answered, Membership
from heliostat.identity.external.places import Place
from heliostat.identity.external.told import Told, told
from heliostat.identity.external.wider import wider, words_of
from heliostat.identity.names import fold
from heliostat.identity.sources.entries import id_filter_value
from heliostat.identity.sources.lookup import refuse_elsewhere
from heliostat.identity.sources.protocol import filters
from heliostat.identity.sources.protocol.connection import Connection
from heliostat.identity.sources.protocol.dn import is_below
from heliostat.identity.sources.protocol.messages import Entry, Search
from heliostat.identity.sources.protocol.reach import Unreachable
from heliostat.identity.sources.source import Source

MOST = 20_000
"""Entries that one search looks at."""
BY_ID = 50
"""Entries that are asked for at once."""
KEPT = 4
KEPT_MS = 60_000


class Standing(NamedTuple):
    """Where an entry stands among its kind, and its id."""

    key: str
    id: str


class Question(NamedTuple):
    """What positions answer: a kind, where, and which of its entries."""

    kind: EntryKind
    place: Place
    filter: Filter


class Listing:
    """Positions and entries of one source; lives as long as the source stays as it is."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._kept: OrderedDict[Question, tuple[int, list[Standing]]] = OrderedDict()

    async def after(
        self,
        connection: Connection,
        question: Question,
        members: Membership,
        after: str,
        limit: int,
    ) -> list[Standing]:
        """Up to ``limit`` positions behind ``after``; raises ``TooMany``, ``Refused``."""
        found = self._remembered(question) if after else None
        if found is None:
            answered = await members.answered(question.filter)
            found = await self._scanned(connection, question, answered)
            self._remember(question, found)
        start = bisect_right(found, after, key=lambda each: each.key)
        return found[start : start + limit]

    async def entries(
        self, connection: Connection, kind: EntryKind, place: Place, ids: Sequence[str]
    ) -> list[tuple[Told, Entry]]:
        """The entries with these ids that are still there, in their order."""
        by_id: dict[str, tuple[Told, Entry]] = {}
        words = table(self._source, kind)["entryUUID"].name
        own = filters.parse(filter_of(self._source, kind))
        for start in range(0, len(ids), BY_ID):
            named = [
                filters.equals(words, id_filter_value(each, self._source))
                for each in ids[start : start + BY_ID]
            ]
            asked = filters.both(own, filters.either(*named))
            wanted = asked_for(self._source, kind)
            found = await connection.search(
                Search(place.base, asked, wanted, place.scope, limit=4 * BY_ID)
            )
            refuse_elsewhere(found, place.base)
            for entry in found:
                known = told(kind, entry, self._source, self._clock.now_ms())
                if known is not None:
                    by_id[known.id] = (known, entry)
        return [by_id[each] for each in ids if each in by_id]

    async def _scanned(
        self, connection: Connection, question: Question, answered: Answered
    ) -> list[Standing]:
        kind, place, _ = question
        source, now_ms = self._source, self._clock.now_ms()
        words = words_of(source, kind, [each.named for each in answered.among])
        sent = wider(answered.filter, words)
        if sent is False:
            return []
        own = filters.parse(filter_of(source, kind))
        asked = own if isinstance(sent, bool) else filters.both(own, sent)
        found: list[Standing] = []
        answers = answered.tried(source)

        def take(entry: Entry) -> None:
            if not is_below(entry.dn, place.base):
                raise Unreachable(f"it answered with {entry.dn[:80]!r}, not below {place.base}")
            known = told(kind, entry, source, now_ms)
            if known is not None and matches(answered.filter, answers(known)):
                found.append(Standing(known.key, known.id))

        wanted = _needed(source, kind, answered.filter)
        await connection.each(Search(place.base, asked, wanted, place.scope, limit=MOST), take)
        return sorted(found)

    def _remembered(self, question: Question) -> list[Standing] | None:
        until_ms, found = self._kept.get(question, (0, []))
        return found if self._clock.now_ms() < until_ms else None

    def _remember(self, question: Question, found: list[Standing]) -> None:
        self._kept[question] = (self._clock.now_ms() + KEPT_MS, found)
        self._kept.move_to_end(question)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


def _needed(source: Source, kind: EntryKind, asked: Filter) -> tuple[str, ...]:
    """The attributes by which an entry is known and a filter is tried; as few as possible."""
    names = _names(asked)
    if "objectclass" in names:
        names |= {fold(needs) for needs in CONDITIONAL.get(kind, {}).values()}
    if "accountdisabled" in names:
        return asked_for(source, kind)
    always = {"entryuuid", "uid" if kind is EntryKind.USER else "cn"}
    wanted = [
        theirs.name
        for ours, theirs in table(source, kind).items()
        if fold(ours) in names | always or fold(theirs.name) in names
    ]
    return tuple(dict.fromkeys(wanted))


def _names(asked: Filter) -> set[str]:
    match asked:
        case And(parts) | Or(parts):
            return {name for each in parts for name in _names(each)}
        case Not(inner):
            return _names(inner)
        case Equal(name) | Present(name) | Substring(name) | AtLeast(name) | AtMost(name):
            return {name}
        case _:
            return set()
