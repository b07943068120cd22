"""Which hosts fit a request, and how many each reason ruled out.

A host is ruled out by the first thing it fails, in the order of ``Reason``, so
the counts and the fitting hosts add up to all hosts.  A term that names a place
leaves few hosts, and from there on only these are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from heliostat.controller.model.reservation import Scope
from heliostat.controller.scheduler.arrays import Bools
from heliostat.controller.scheduler.columns import HostColumns, Place
from heliostat.controller.scheduler.decision import Reason
from heliostat.controller.scheduler.occupancy import label_key
from heliostat.controller.scheduler.request import PlacementRequest, Term, TermKind
from heliostat.controller.scheduler.storage import DiskGroup
from heliostat.controller.scheduler.tally import Floats, Rows

_PLACES = {
    TermKind.HOST: Reason.HOST,
    TermKind.ZONE: Reason.ZONE,
    TermKind.NETWORK: Reason.NETWORK,
    TermKind.VM: Reason.COMPANY,
    TermKind.DISK: Reason.COMPANY,
    TermKind.LABEL: Reason.COMPANY,
}
_KEPT = frozenset({TermKind.ZONE, TermKind.NETWORK})
"""Places whose usable hosts are kept from one decision to the next."""

_FEW = 4
_WORTH_IT = 0.75
"""Below this share of hosts that are left, it is cheaper to pick them than to mask the others."""

_ORDER = {reason: number for number, reason in enumerate(Reason)}


@dataclass(slots=True)
class Selection:
    """The hosts still looked at: ``rows`` (``None``: all), and which of them are ``left``
    (``None``: all of them)."""

    size: int
    rows: Rows | None
    left: Bools | None
    count: int
    ruled_out: dict[str, int]
    on_shelves: Rows | None = None

    def keep(self, reason: Reason, passed: Bools) -> None:
        """Rule out what did not pass; ``passed`` has one element for each host looked at."""
        self.left = passed if self.left is None else self.left & passed
        self._count(reason, int(np.count_nonzero(self.left)))

    def need(self, reason: Reason, room: Floats, amount: int, least: float) -> None:
        """Rule out the hosts whose ``room`` is less than ``amount``: none if ``least`` isn't."""
        if least >= amount:
            return
        there = self.of(room)
        if np.minimum.reduce(there) < amount:
            self.keep(reason, there >= amount)

    def none(self, reason: Reason) -> None:
        """Rule out all that are left."""
        self.keep(reason, np.zeros(self.looked_at, dtype=np.bool_))

    @property
    def looked_at(self) -> int:
        return self.size if self.rows is None else len(self.rows)

    def narrow(self, reason: Reason, rows: Rows) -> None:
        """Rule out all but ``rows``; from the first time on only these are looked at."""
        if self.rows is None:
            self.rows = rows if self.left is None else rows[self.left.take(rows)]
            self.left = None
            self._count(reason, len(self.rows))
        else:
            self.keep(reason, self._among(rows))

    def exclude(self, reason: Reason, rows: Rows) -> None:
        """Rule ``rows`` out."""
        if not rows.size:
            return
        if self.rows is not None and rows.size <= _FEW:
            passed = self.rows != rows[0]
            for row in rows[1:]:
                passed &= self.rows != row
            self.keep(reason, passed)
            return
        self.keep(reason, ~self._among(rows))

    def of(self, column: Floats) -> Floats:
        """A column's values of the hosts looked at."""
        return column[: self.size] if self.rows is None else column.take(self.rows)

    def shelves(self, columns: HostColumns) -> Rows:
        """The shelves of the hosts looked at."""
        if self.on_shelves is not None:
            return self.on_shelves
        shelf_of = columns.stores.shelf_of
        return shelf_of[: self.size] if self.rows is None else shelf_of.take(self.rows)

    def settle(self) -> None:
        """Look only at the hosts that are left, where these are clearly fewer."""
        if self.rows is None or self.left is None:
            return
        if self.count < _WORTH_IT * len(self.rows):
            self.rows = self.rows[self.left]
            self.left = self.on_shelves = None

    def copy(self) -> Selection:
        """The same, so far; each can be narrowed by itself."""
        counted = dict(self.ruled_out)
        return Selection(self.size, self.rows, self.left, self.count, counted, self.on_shelves)

    def be_in(self, reason: Reason, place: Place) -> None:
        """The same as ``narrow``, where it is known which of the rows are usable."""
        if self.rows is not None:
            self.settle()
            passed = place.mask.take(self.rows)
            if self.left is not None:
                passed &= self.left
            self.rows, self.left, self.on_shelves = self.rows[passed], None, None
            self._count(reason, len(self.rows))
        elif self.left is place.among:
            self.rows, self.left, self.on_shelves = place.rows, None, place.shelves
            self._count(reason, len(place.rows))
        else:
            self.narrow(reason, place.rows)

    def _among(self, rows: Rows) -> Bools:
        """Which of the hosts looked at are in ``rows``."""
        mask = np.zeros(self.size, dtype=np.bool_)
        mask[rows] = True
        return mask if self.rows is None else mask[self.rows]

    def _count(self, reason: Reason, now: int) -> None:
        if now < self.count:
            self.ruled_out[reason] = self.ruled_out.get(reason, 0) + self.count - now
            self.count = now


def select(
    columns: HostColumns, request: PlacementRequest, groups: Sequence[DiskGroup]
) -> Selection:
    """The hosts that fit ``request`` but for the room on their datastores."""
    usable = columns.usable(request.usage)
    chosen = Selection(columns.size, None, usable.mask, usable.count, {**usable.ruled_out})
    if request.terms or groups[0].is_narrowed or len(groups) > 1:
        _be_there(columns, request, groups, chosen)
    for scope, index in columns.occupancy.avoiding.items():
        for key in request.known_as if index else ():
            if key in index:
                rows = index.rows(key)
                chosen.exclude(Reason.KEPT_AWAY, _reach(columns, rows, scope))
    if request.cpu_count and chosen.count:
        chosen.need(Reason.CPU, columns.arrays.cpu_room, request.cpu_count, usable.cpu_least)
    if request.memory_mib and chosen.count:
        room = columns.arrays.memory_room
        chosen.need(Reason.MEMORY, room, request.memory_mib, usable.memory_least)
    return chosen


def with_room(columns: HostColumns, groups: Iterable[DiskGroup], chosen: Selection) -> None:
    """Rule out the hosts where a group does not fit on one datastore."""
    for group in groups:
        if not chosen.count:
            return
        if group.only >= 0:
            enough = bool(columns.stores.room[group.only] >= group.size_bytes)
            if not enough:
                chosen.none(Reason.DISK)
        else:
            room = group.rooms.room
            least = np.minimum.reduce(room[columns.shelves_in_use], initial=math.inf)
            if least < group.size_bytes:
                there = room.take(chosen.shelves(columns))
                if np.minimum.reduce(there) < group.size_bytes:
                    chosen.keep(Reason.DISK, there >= group.size_bytes)


def _be_there(
    columns: HostColumns,
    request: PlacementRequest,
    groups: Sequence[DiskGroup],
    chosen: Selection,
) -> None:
    """Apply the terms: first where to be, in the order of the reasons, then where not."""
    steps: list[tuple[Reason, Term | DiskGroup]] = []
    away: list[Term] = []
    for term in request.terms:
        reason = _PLACES.get(term.kind)
        if reason is None:  # about datastores: in the groups
            continue
        if term.negative:
            away.append(term)
        else:
            steps.append((reason, term))
    steps += [(Reason.DATASTORE, group) for group in groups if group.is_narrowed]
    if len(steps) > 1:
        steps.sort(key=lambda step: _ORDER[step[0]])
    for reason, where in steps:
        if isinstance(where, Term):
            if where.kind in _KEPT:
                chosen.be_in(reason, columns.place(request.usage, where.kind, where.value))
            else:
                chosen.narrow(reason, rows_of(columns, request, where))
        elif where.only >= 0:
            named = columns.stores.ids[where.only]
            chosen.be_in(reason, columns.place(request.usage, TermKind.DATASTORE, named))
        elif not columns.on_every_shelf(where.rooms):
            chosen.keep(reason, where.rooms.has.take(chosen.shelves(columns)))
    for term in away:
        chosen.exclude(Reason.KEEPS_AWAY, rows_of(columns, request, term))


def rows_of(columns: HostColumns, request: PlacementRequest, term: Term) -> Rows:
    """The hosts that are where a term (not about datastores) points."""
    if term.kind is TermKind.HOST:
        row = columns.position.get(term.value)
        return np.array([] if row is None else [row], dtype=np.intp)
    if term.kind is TermKind.ZONE:
        return columns.zones.rows(term.value)
    if term.kind is TermKind.NETWORK:
        return columns.networks.rows(term.value)
    if term.kind is TermKind.LABEL:
        rows = columns.occupancy.labels.rows(label_key(request.project_id, term.value))
        return _reach(columns, rows, term.scope)
    row = columns.occupancy.single.get(f"{term.kind}:{term.value}")
    return _reach(columns, np.array([] if row is None else [row], dtype=np.intp), term.scope)


def _reach(columns: HostColumns, rows: Rows, scope: Scope) -> Rows:
    """``rows``, or all hosts of their zones."""
    if scope is Scope.HOST or not rows.size:
        return rows
    zones = dict.fromkeys(host.zone for row in rows if (host := columns.hosts[row]) is not None)
    return np.concatenate([columns.zones.rows(zone) for zone in zones])
