"""Whom a group of a directory elsewhere holds, by the names that they have here."""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.identity.external.views import spelled_group
from heliostat.identity.names import fold, subject_of
from heliostat.identity.sources import lookup
from heliostat.identity.sources.entries import group_in, person_in, wanted, wanted_of_groups
from heliostat.identity.sources.protocol import filters
from heliostat.identity.sources.protocol.connection import Connection, TooMany
from heliostat.identity.sources.protocol.dn import is_dn, parted, split, value_of
from heliostat.identity.sources.protocol.messages import Entry, Scope, Search
from heliostat.identity.sources.source import NAMES_PEOPLE, Source, groups_filter, people_filter

MOST = 1_000
AT_ONCE = 50
SAME = 20
"""Entries with the same nearest part of their names, at most, for each that is looked for."""


async def members_of(connection: Connection, source: Source, dn: str) -> tuple[str, ...]:
    """People as ``name@domain`` and groups as ``DOMAIN\\name``; raises ``TooMany``, ``Refused``.

    What is neither, for the source, is left out.
    """
    attributes = lookup.members_of(source)
    asked = filters.parse(groups_filter(source))
    dns: list[str] = []
    spelled: set[str] = set()
    for entry in await connection.search(Search(dn, asked, attributes, Scope.BASE)):
        for each in attributes:
            if fold(each) == fold(NAMES_PEOPLE):
                names = map(fold, entry.texts(each))
                spelled |= {subject_of(name, source.domain) for name in names}
            else:
                dns += [name for name in entry.texts(each) if is_dn(name)]
    if len(dns) + len(spelled) > MOST:
        raise TooMany(f"more than {MOST} members")
    for start in range(0, len(dns), AT_ONCE):
        spelled |= await _spelled(connection, source, dns[start : start + AT_ONCE])
    return tuple(sorted(spelled))


async def _spelled(connection: Connection, source: Source, dns: Sequence[str]) -> set[str]:
    held = set(map(parted, dns))
    nearest = [split(dn)[0] for dn in dns]
    parts = [(each.partition("=")[0].strip(), value_of(each)) for each in nearest]
    tests = [filters.equals(name, value) for name, value in parts if filters.is_attribute(name)]
    found: set[str] = set()
    if not tests:
        return found
    base, limit = source.people_base, SAME * len(tests)
    asked = filters.both(filters.parse(people_filter(source)), filters.either(*tests))
    for entry in await _held(connection, Search(base, asked, wanted(source), limit=limit), held):
        person = person_in(entry, source, 0)
        found |= {subject_of(person.name, source.domain)} if person else set()
    base = source.groups_base or source.people_base
    asked = filters.both(filters.parse(groups_filter(source)), filters.either(*tests))
    search = Search(base, asked, wanted_of_groups(source), limit=limit)
    for entry in await _held(connection, search, held):
        group = group_in(entry, source)
        found |= {spelled_group(group.name, source)} if group else set()
    return found


async def _held(connection: Connection, search: Search, held: set[tuple[str, ...]]) -> list[Entry]:
    return [each for each in await connection.search(search) if parted(each.dn) in held]
