"""Where things lie in a directory elsewhere: its root, its units by path, and what is searched.

The root is the nearest entry above people and groups; paths of units count from there, as a
tenant's do from its suffix.  Nothing outside of the source's own bases is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from heliostat.core.errors import PermanentError
from heliostat.identity.directory.search import EntryKind, Scope
from heliostat.identity.external.attributes import asked_for, filter_of
from heliostat.identity.external.told import Told, told
from heliostat.identity.names import fold
from heliostat.identity.sources.lookup import refuse_elsewhere
from heliostat.identity.sources.protocol import filters, messages
from heliostat.identity.sources.protocol.connection import Connection
from heliostat.identity.sources.protocol.dn import is_below, parted, split, value_of
from heliostat.identity.sources.protocol.messages import Search
from heliostat.identity.sources.source import Source

MOST_UNITS = 2_000


class Place(NamedTuple):
    """Where a search begins and how far below it goes."""

    base: str
    scope: messages.Scope


class Unit(NamedTuple):
    """An organisational unit at a path."""

    path: str
    entry: Told


def root_of(source: Source) -> str:
    """The nearest entry above everything that the source has."""
    people, groups = split(source.people_base), split(source.groups_base or source.people_base)
    common: list[str] = []
    for mine, other in zip(reversed(people), reversed(groups), strict=False):
        if parted(mine) != parted(other):
            break
        common.insert(0, mine)
    return ",".join(common)


def bases(source: Source) -> list[str]:
    """What people and groups lie below, none of it twice."""
    groups = source.groups_base or source.people_base
    if is_below(groups, source.people_base):
        return [source.people_base]
    return [groups] if is_below(source.people_base, groups) else [source.people_base, groups]


def path_of(dn: str, root: str) -> str:
    """The path of the unit ``dn``; empty for the root."""
    parts = split(dn)
    below = parts[: max(0, len(parts) - len(split(root)))]
    return "/".join(value_of(each).replace("/", "\\2f") for each in reversed(below))


def unit_of(dn: str, root: str) -> str:
    """The path of the unit in which an entry lies."""
    return path_of(",".join(split(dn)[1:]), root)


def place_of(source: Source, kind: EntryKind, unit_dn: str, scope: Scope) -> Place | None:
    """Where entries of a kind lie that are in (or below) a unit; ``None``: nowhere."""
    if kind is EntryKind.ACCOUNT:
        return None
    base = source.people_base
    if kind is EntryKind.GROUP and source.groups_base:
        base = source.groups_base
    if is_below(unit_dn, base):
        below = messages.Scope.SUBTREE if scope is Scope.SUB else messages.Scope.ONE
        return Place(unit_dn, below)
    if is_below(base, unit_dn) and scope is Scope.SUB:
        return Place(base, messages.Scope.SUBTREE)
    return None


async def units(connection: Connection, source: Source, now_ms: int) -> list[Unit]:
    """Every unit there is, in order of folded paths; raises ``TooMany``."""
    root = root_of(source)
    asked = filters.parse(filter_of(source, EntryKind.UNIT))
    found: dict[tuple[str, ...], Unit] = {}
    for base in bases(source):
        search = Search(base, asked, asked_for(source, EntryKind.UNIT), limit=MOST_UNITS)
        entries = await connection.search(search)
        refuse_elsewhere(entries, base)
        for entry in entries:
            unit = told(EntryKind.UNIT, entry, source, now_ms)
            if unit is not None and parted(entry.dn) != parted(root):
                found[parted(entry.dn)] = Unit(path_of(entry.dn, root), unit)
    return sorted(found.values(), key=lambda each: fold(each.path))


def at_path(known: Iterable[Unit], path: str) -> Unit:
    """Raises ``UnitNotFound``."""
    wanted = fold(path.strip("/"))
    for each in known:
        if fold(each.path) == wanted:
            return each
    raise PermanentError("UnitNotFound", f"There is no unit {path[:80]!r} in that directory.")


def within(known: Sequence[Unit], path: str, scope: Scope) -> list[Unit]:
    """The units in (``ONE``) or at and below (``SUB``) a path; all for an empty one."""
    base = fold(path.strip("/"))
    kept = []
    for each in known:
        own = fold(each.path)
        if scope is Scope.ONE:
            inside = own.rpartition("/")[0] == base
        else:
            inside = not base or own == base or own.startswith(f"{base}/")
        if inside:
            kept.append(each)
    return kept
