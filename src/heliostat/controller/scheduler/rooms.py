"""The roomiest datastore of every host, among those that are allowed.

Kept for a set of allowed datastores and brought up to date from the log of
:class:`StoreColumns`: a reservation changes only the hosts that reach the
datastore it is on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from heliostat.controller.scheduler.arrays import Bools
from heliostat.controller.scheduler.stores import NO_ROOM, StoreColumns
from heliostat.controller.scheduler.tally import Floats, Rows

Allowed = Callable[[int], bool]

NOTHING_LEFT = -1.0
"""What a host without (or with an overfull) datastore has left: finite, so that scores are."""


class Rooms:
    """Columns by host row: ``best`` (a datastore's number), its ``room``, and its share.

    ``has`` says which hosts have an allowed datastore at all; ``left`` is the room as a
    fraction of the capacity, ``per_byte`` what one byte takes of that: both times the
    weight that disks have in a score.
    """

    def __init__(self, stores: StoreColumns, weight: float, allowed: Allowed | None = None) -> None:
        self._weight = weight
        self._stores = stores
        self._allowed = allowed
        self._layout = -1
        self._seen = 0
        self._mask: Bools = np.zeros(0, dtype=np.bool_)
        self.best: Rows = np.zeros(0, dtype=np.intp)
        self.has: Bools = np.zeros(0, dtype=np.bool_)
        self.room: Floats = np.zeros(0)
        self._next: Floats = np.zeros(0)
        self.left: Floats = np.zeros(0)
        self.per_byte: Floats = np.zeros(0)

    def bind(self, left: Floats, per_byte: Floats) -> None:
        """Keep two of the columns in arrays of the caller's, which are as long as its rows."""
        self.left, self.per_byte = left, per_byte
        self._layout = -1

    def refresh(self, count: int) -> None:
        """Bring the columns of ``count`` hosts up to date."""
        stores = self._stores
        if self._layout != stores.layout or len(self.best) < count:
            self._rebuild(count)
        else:
            log = stores.log
            if self._seen < len(log):
                for entry in dict.fromkeys(log[self._seen :]):
                    number = abs(entry)
                    if self._allowed is None or self._mask[number]:
                        self._changed(number, gained=entry > 0)
        self._seen = len(stores.log)

    def _rebuild(self, count: int) -> None:
        stores = self._stores
        self._layout = stores.layout
        if self._allowed is not None:
            self._mask = np.zeros(len(stores.room), dtype=np.bool_)
            for number in stores.number.values():
                self._mask[number] = self._allowed(number)
        size = max(count, len(stores.of_host))
        self.best, self.room = np.zeros(size, dtype=np.intp), np.full(size, NO_ROOM)
        self._next = np.full(size, NO_ROOM)
        if len(self.left) < size:
            self.left, self.per_byte = np.zeros(size), np.zeros(size)
        self.left[:], self.per_byte[:] = NOTHING_LEFT * self._weight, 0.0
        self._choose(np.arange(len(stores.of_host)))
        self.has = self.best != 0

    def _changed(self, number: int, *, gained: bool) -> None:
        rows = self._stores.hosts[number].rows
        if len(rows) == 1:
            self._choose_one(int(rows[0]))
            return
        room = self._stores.room[number]
        here = self.best.take(rows) == number
        mine = rows[here]
        if mine.size:
            ahead = self._next.take(mine) < room
            if ahead.all():
                self._set(mine, number)
            else:
                self._set(mine[ahead], number)
                self._choose(mine[~ahead])
        if gained and mine.size < rows.size:
            others = rows[~here]
            wins = self.room.take(others) <= room
            lost = others[~wins]
            self._next[lost] = np.maximum(self._next.take(lost), room)
            if wins.any():
                self._choose(others[wins])

    def _choose(self, rows: Rows) -> None:
        """Look at all datastores of ``rows``; the room of the next best is an upper bound."""
        if not rows.size:
            return
        stores = self._stores
        numbers = stores.of_host.take(rows, axis=0)
        room = stores.room.take(numbers)
        if self._allowed is not None:
            allowed = self._mask.take(numbers)
            room, numbers = np.where(allowed, room, NO_ROOM), np.where(allowed, numbers, 0)
        first, each = room.argmax(axis=1), np.arange(len(rows))
        best, most = numbers[each, first], room[each, first]
        room[each, first] = NO_ROOM
        self._next[rows] = room.max(axis=1)
        self.best[rows], self.room[rows] = best, most
        capacity = stores.capacity.take(best)
        self.left[rows] = np.maximum(most / capacity, NOTHING_LEFT) * self._weight
        self.per_byte[rows] = self._weight / capacity

    def _choose_one(self, row: int) -> None:
        """The same for one host, without arrays."""
        stores, best, most, after = self._stores, 0, NO_ROOM, NO_ROOM
        for number in stores.of_host[row].tolist():
            if number and (self._allowed is None or self._mask[number]):
                room = float(stores.room[number])
                if room > most:
                    best, most, after = number, room, most
                else:
                    after = max(after, room)
        self.best[row], self.room[row], self._next[row] = best, most, after
        capacity = float(stores.capacity[best])
        self.left[row] = max(most / capacity, NOTHING_LEFT) * self._weight
        self.per_byte[row] = self._weight / capacity

    def _set(self, rows: Rows, number: int) -> None:
        """The best datastore of ``rows`` stays the best; its room has changed."""
        room, capacity = self._stores.room[number], self._stores.capacity[number]
        self.room[rows] = room
        self.left[rows] = max(room / capacity, NOTHING_LEFT) * self._weight
        self.per_byte[rows] = self._weight / capacity
