"""What a request's disks ask of datastores, and which datastores of a host they get.

Disks that ask for the same tags form a group.  A group goes to the roomiest
allowed datastore of the host; where no host has one with room for all of it,
its disks are spread over several, the largest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliostat.controller.scheduler.columns import HostColumns
from heliostat.controller.scheduler.request import DiskAsk, PlacementRequest, Term, TermKind
from heliostat.controller.scheduler.rooms import NOTHING_LEFT, Rooms
from heliostat.controller.scheduler.stores import StoreColumns

_NO_DISKS = (DiskAsk(id="", size_bytes=0),)


@dataclass(slots=True)
class DiskGroup:
    """Disks that may go to the same datastores: to those of ``rooms``, or to just ``only``.

    ``only`` is the number of a datastore that was named; -1 if none was, 0 if it is
    not known.
    """

    disks: tuple[DiskAsk, ...]
    size_bytes: int
    tags: frozenset[str]
    terms: tuple[Term, ...]
    rooms: Rooms
    only: int = -1

    @property
    def largest_bytes(self) -> int:
        return max(disk.size_bytes for disk in self.disks)

    @property
    def is_narrowed(self) -> bool:
        """Whether not every datastore will do."""
        return bool(self.tags or self.terms)

    def allows(self, stores: StoreColumns, number: int) -> bool:
        """Whether the group may lie on a datastore."""
        return self.tags <= stores.tags[number] and all(
            meets(stores, term, number) for term in self.terms
        )


def meets(stores: StoreColumns, term: Term, number: int) -> bool:
    """Whether a datastore is what a term about datastores asks for."""
    if term.kind is TermKind.DATASTORE:
        return (stores.ids[number] == term.value) is not term.negative
    return (term.value.upper() in stores.tags[number]) is not term.negative


def groups_of(
    columns: HostColumns, request: PlacementRequest, more: Sequence[Term] = ()
) -> list[DiskGroup]:
    """The disks by what they ask for, the largest group first; never none."""
    terms = tuple(term for term in (*request.terms, *more) if term.kind.is_about_datastores)
    if not terms and not any(disk.tags for disk in request.disks):
        disks = request.disks or _NO_DISKS
        return [DiskGroup(disks, request.disk_bytes, frozenset(), (), columns.rooms())]
    by_tags: dict[frozenset[str], list[DiskAsk]] = {}
    for disk in request.disks or _NO_DISKS:
        by_tags.setdefault(frozenset(disk.tags), []).append(disk)
    groups = [_group(columns, tags, tuple(disks), terms) for tags, disks in by_tags.items()]
    return sorted(groups, key=lambda group: -group.size_bytes)


def _group(
    columns: HostColumns, tags: frozenset[str], disks: tuple[DiskAsk, ...], terms: tuple[Term, ...]
) -> DiskGroup:
    stores, size_bytes = columns.stores, sum(disk.size_bytes for disk in disks)
    named = [term for term in terms if term.kind is TermKind.DATASTORE and not term.negative]
    if named:
        number = stores.number.get(named[0].value, 0)
        group = DiskGroup(disks, size_bytes, tags, terms, columns.rooms(), number)
        if number and not group.allows(stores, number):
            return DiskGroup(disks, size_bytes, tags, terms, columns.rooms(), 0)
        return group
    group = DiskGroup(disks, size_bytes, tags, terms, columns.rooms())
    if not group.is_narrowed:
        return group
    key = (*sorted(tags), *(f"{term.negative:d}{term.kind}:{term.value}" for term in terms))
    rooms = columns.rooms_among(key, lambda number: group.allows(stores, number))
    return DiskGroup(disks, size_bytes, tags, terms, rooms)


def is_there(columns: HostColumns, group: DiskGroup) -> bool:
    """Whether any host has a datastore that the group may lie on."""
    if group.only >= 0:
        return bool(columns.stores.hosts[group.only])
    return bool(group.rooms.has.any())


def best_store(columns: HostColumns, group: DiskGroup, row: int) -> int:
    """The datastore (its number) that the group gets on a host."""
    return group.only if group.only >= 0 else int(group.rooms.best[columns.stores.shelf_of[row]])


def left_after(columns: HostColumns, group: DiskGroup, row: int) -> float:
    """What the group leaves of its datastore on a host, as a fraction."""
    stores, number = columns.stores, best_store(columns, group, row)
    capacity = float(stores.capacity[number])
    return max(float(stores.room[number]) / capacity, NOTHING_LEFT) - group.size_bytes / capacity


def assign(columns: HostColumns, groups: Sequence[DiskGroup], row: int) -> dict[str, int] | None:
    """A datastore (its number) for each disk on a host; ``None`` if they don't fit."""
    stores = columns.stores
    numbers = stores.of_host(row)
    room = {number: float(stores.room[number]) for number in numbers}
    chosen: dict[str, int] = {}
    for group in groups:
        allowed = [number for number in numbers if group.allows(stores, number)]
        placed = _together(group, allowed, room) or _apart(group, allowed, room)
        if placed is None:
            return None
        chosen.update(placed)
    return chosen


def _together(
    group: DiskGroup, allowed: list[int], room: dict[int, float]
) -> dict[str, int] | None:
    best = max(allowed, key=lambda number: room[number], default=0)
    if not best or room[best] < group.size_bytes:
        return None
    room[best] -= group.size_bytes
    return {disk.id: best for disk in group.disks}


def _apart(group: DiskGroup, allowed: list[int], room: dict[int, float]) -> dict[str, int] | None:
    chosen: dict[str, int] = {}
    for disk in sorted(group.disks, key=lambda disk: -disk.size_bytes):
        best = max(allowed, key=lambda number: room[number], default=0)
        if not best or room[best] < disk.size_bytes:
            return None
        room[best] -= disk.size_bytes
        chosen[disk.id] = best
    return chosen
