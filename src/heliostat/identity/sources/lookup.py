"""Questions to a directory: who has this name or id, and which groups hold an entry.

A server's answer is not taken on trust: an entry must lie below the base that was asked,
and have the name that was asked for; where it does not, the server is not believed at all.
Referrals to other servers are not followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from heliostat.core.errors import PermanentError
from heliostat.identity.names import fold
from heliostat.identity.sources.entries import (
    Found,
    FoundGroup,
    group_in,
    id_filter_value,
    person_in,
    wanted,
    wanted_of_groups,
)
from heliostat.identity.sources.protocol import filters
from heliostat.identity.sources.protocol.connection import Connection, TooMany
from heliostat.identity.sources.protocol.dn import is_below
from heliostat.identity.sources.protocol.filters import Filter, both, by_rule, either, equals
from heliostat.identity.sources.protocol.messages import Entry, Search
from heliostat.identity.sources.protocol.reach import Unreachable
from heliostat.identity.sources.source import (
    NAMES_PEOPLE,
    Source,
    attribute,
    groups_filter,
    people_filter,
)

IN_CHAIN = "1.2.840.113556.1.4.1941"
"""Active Directory's rule that follows groups in groups."""
SAME_NAME = 8
"""Entries with one name that are looked at."""
MOST_GROUPS = 1000
DEEPEST = 16
AT_ONCE = 50
"""Groups whose holders are asked for in one search."""


async def people_named(
    connection: Connection, source: Source, name: str, typed: str, now_ms: int
) -> list[Found]:
    """Who has ``name``, or ``typed`` as the name with a domain (empty: not asked for)."""
    asked = [equals(attribute(source, "name"), name)]
    principal = attribute(source, "principal")
    if principal and typed:
        asked.append(equals(principal, typed))
    found = await _people(connection, source, either(*asked), now_ms)
    # servers compare more kindly than we do (accents, spaces): those are others
    return [
        each
        for each in found
        if each.name == fold(name) or (typed and each.principal == fold(typed))
    ]


async def person_with_id(
    connection: Connection, source: Source, id_: str, now_ms: int
) -> Found | None:
    """Whose entry has this id."""
    asked = equals(attribute(source, "id"), id_filter_value(id_, source))
    found = [each for each in await _people(connection, source, asked, now_ms) if each.id == id_]
    return found[0] if len(found) == 1 else None


async def groups_named(connection: Connection, source: Source, name: str) -> list[FoundGroup]:
    """The groups with this name."""
    found = await _groups(connection, source, equals(attribute(source, "groupName"), name))
    return [each for each in found if fold(each.name) == fold(name)]


async def groups_of(connection: Connection, source: Source, person: Found) -> list[FoundGroup]:
    """The groups that hold a person; with those that hold them, where the source says so.

    Raises ``TooManyGroups``.
    """
    sid = person.primary_group_sid
    return await groups_holding(connection, source, person.dn, person.name, sid)


async def groups_holding(
    connection: Connection, source: Source, dn: str, name: str = "", primary_sid: bytes = b""
) -> list[FoundGroup]:
    """The groups that hold an entry, as ``groups_of``; ``name`` is a person's.

    ``primary_sid`` is of the group that is in nobody's list.
    """
    primary = await _primary(connection, source, primary_sid)
    if source.nested and source.kind.knows_chains:
        asked = [by_rule(_member(source), IN_CHAIN, each) for each in (dn, *_dns(primary))]
        found = await _groups(connection, source, either(*asked))
    else:
        found = await _followed(connection, source, dn, name)
    unique = {each.id: each for each in (*primary, *found)}
    return sorted(unique.values(), key=lambda each: fold(each.name))


async def holding(connection: Connection, source: Source, dn: str, name: str) -> list[FoundGroup]:
    """The groups that hold an entry themselves; raises ``TooManyGroups``."""
    return await _groups(connection, source, _holds(source, dn, name))


async def _followed(connection: Connection, source: Source, dn: str, name: str) -> list[FoundGroup]:
    known: dict[str, FoundGroup] = {}
    holders = await _groups(connection, source, _holds(source, dn, name))
    for _ in range(DEEPEST):
        new = [each for each in holders if each.id not in known]
        known |= {each.id: each for each in new}
        if not new or not source.nested or not hold_entries(source):
            break
        holders = []
        for start in range(0, len(new), AT_ONCE):
            asked = [_holds(source, each.dn) for each in new[start : start + AT_ONCE]]
            holders += await _groups(connection, source, either(*asked))
        if len(known) > MOST_GROUPS:
            raise _too_many(source)
    return list(known.values())


async def _primary(connection: Connection, source: Source, sid: bytes) -> list[FoundGroup]:
    if not sid:
        return []
    return await _groups(connection, source, equals("objectSid", sid))


def _holds(source: Source, dn: str, name: str = "") -> Filter:
    """Groups that hold the entry; by name where that is how groups name people."""
    named = [
        equals(each, name if fold(each) == fold(NAMES_PEOPLE) else dn)
        for each in members_of(source)
        if name or fold(each) != fold(NAMES_PEOPLE)
    ]
    return either(*named)


def hold_entries(source: Source) -> bool:
    """Whether groups name entries, so that they can hold groups."""
    return any(fold(each) != fold(NAMES_PEOPLE) for each in members_of(source))


def members_of(source: Source) -> Sequence[str]:
    """The attributes by which groups name whom they hold."""
    return [each.strip() for each in attribute(source, "groupMember").split(",")]


def _member(source: Source) -> str:
    return members_of(source)[0]


def _dns(groups: Iterable[FoundGroup]) -> list[str]:
    return [each.dn for each in groups]


async def _people(
    connection: Connection, source: Source, asked: Filter, now_ms: int
) -> list[Found]:
    base = source.people_base
    search = Search(
        base, both(filters.parse(people_filter(source)), asked), wanted(source), limit=SAME_NAME
    )
    try:
        entries = await connection.search(search)
    except TooMany:
        return []  # a name that many have is nobody's
    refuse_elsewhere(entries, base)
    found = [person_in(entry, source, now_ms) for entry in entries]
    return [each for each in found if each is not None]


async def _groups(connection: Connection, source: Source, asked: Filter) -> list[FoundGroup]:
    base = source.groups_base or source.people_base
    search = Search(
        base,
        both(filters.parse(groups_filter(source)), asked),
        wanted_of_groups(source),
        limit=MOST_GROUPS,
    )
    try:
        entries = await connection.search(search)
    except TooMany as error:
        raise _too_many(source) from error
    refuse_elsewhere(entries, base)
    found = [group_in(entry, source) for entry in entries]
    return [each for each in found if each is not None]


def refuse_elsewhere(entries: Iterable[Entry], base: str) -> None:
    """Raises ``Unreachable`` for an entry that was not asked for."""
    for entry in entries:
        if not is_below(entry.dn, base):
            raise Unreachable(f"it answered with {entry.dn[:80]!r}, which is not below {base}")


def _too_many(source: Source) -> PermanentError:
    return PermanentError(
        "TooManyGroups", f"Somebody in {source.domain} is in more than {MOST_GROUPS} groups."
    )
