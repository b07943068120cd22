"""The roomiest datastore of every shelf, among those that are allowed.

Kept for a set of allowed datastores and brought up to date from the log of
:class:`StoreColumns`: a reservation changes only the shelves that have the
datastore it is on; hosts that list the same datastores share one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from heliostat.controller.scheduler.arrays import Bools
from heliostat.controller.scheduler.stores import NO_ROOM, StoreColumns
from heliostat.controller.scheduler.tally import Floats, Rows

Allowed = Callable[[int], bool]

_FEW = 4
"""Up to so many shelves are looked at one by one, which is cheaper than with arrays."""

NOTHING_LEFT = -1.0
"""What a shelf without (or with an overfull) datastore has left: finite, so that scores are."""


class Rooms:
    """Columns by shelf: ``best`` (a datastore's number), its ``room``, and its share.

    ``has`` says which shelves have an allowed datastore at all; ``left`` is the room as a
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

    def refresh(self) -> None:
        """Bring the columns up to date."""
        stores = self._stores
        if self._layout != stores.layout:
            self._rebuild()
        else:
            log = stores.log
            if self._seen < len(log):
                for entry in dict.fromkeys(log[self._seen :]):
                    number = abs(entry)
                    on_shelves = stores.shelves_with[number]
                    if on_shelves and (self._allowed is None or self._mask[number]):
                        self._changed(number, gained=entry > 0)
        self._seen = len(stores.log)

    def _rebuild(self) -> None:
        stores = self._stores
        self._layout = stores.layout
        if self._allowed is not None:
            self._mask = np.zeros(len(stores.room), dtype=np.bool_)
            for number in stores.number.values():
                self._mask[number] = self._allowed(number)
        size = len(stores.on_shelf)
        self.best, self.room = np.zeros(size, dtype=np.intp), np.full(size, NO_ROOM)
        self._next = np.full(size, NO_ROOM)
        self.left, self.per_byte = np.full(size, NOTHING_LEFT * self._weight), np.zeros(size)
        self._choose(np.arange(size))
        self.has = self.best != 0

    def _changed(self, number: int, *, gained: bool) -> None:
        shelves = self._stores.shelves_with[number].rows
        if len(shelves) <= _FEW:
            for shelf in shelves.tolist():
                if gained or self.best[shelf] == number:
                    self._choose_one(shelf, gained=gained)
            return
        room = self._stores.room[number]
        here = self.best.take(shelves) == number
        mine = shelves[here]
        if mine.size:
            ahead = self._next.take(mine) < room
            if ahead.all():
                self._set(mine, number)
            else:
                self._set(mine[ahead], number)
                self._choose(mine[~ahead])
        if gained and mine.size < shelves.size:
            others = shelves[~here]
            wins = self.room.take(others) <= room
            lost = others[~wins]
            self._next[lost] = np.maximum(self._next.take(lost), room)
            if wins.any():
                self._choose(others[wins])

    def _choose(self, shelves: Rows) -> None:
        """Look at all datastores of ``shelves``; the room of the next best is an upper bound."""
        if not shelves.size:
            return
        stores = self._stores
        numbers = stores.on_shelf.take(shelves, axis=0)
        room = stores.room.take(numbers)
        if self._allowed is not None:
            allowed = self._mask.take(numbers)
            room, numbers = np.where(allowed, room, NO_ROOM), np.where(allowed, numbers, 0)
        first, each = room.argmax(axis=1), np.arange(len(shelves))
        best, most = numbers[each, first], room[each, first]
        room[each, first] = NO_ROOM
        self._next[shelves] = room.max(axis=1)
        self.best[shelves], self.room[shelves] = best, most
        capacity = stores.capacity.take(best)
        self.left[shelves] = np.maximum(most / capacity, NOTHING_LEFT) * self._weight
        self.per_byte[shelves] = self._weight / capacity

    def _choose_one(self, shelf: int, *, gained: bool) -> None:
        """The same for one shelf, without arrays; where the best one has only lost room, it
        mostly stays the best."""
        stores = self._stores
        best = int(self.best[shelf])
        most = float(stores.room[best])
        if gained or most <= self._next[shelf]:
            best, most, after = self._two_best(shelf)
            self.best[shelf], self._next[shelf] = best, after
        self.room[shelf] = most
        capacity = float(stores.capacity[best])
        self.left[shelf] = max(most / capacity, NOTHING_LEFT) * self._weight
        self.per_byte[shelf] = self._weight / capacity

    def _two_best(self, shelf: int) -> tuple[int, float, float]:
        """The roomiest allowed datastore, its room, and the room of the next one."""
        stores, best, most, after = self._stores, 0, NO_ROOM, NO_ROOM
        numbers = stores.on_shelf[shelf]
        for number, room in zip(numbers.tolist(), stores.room.take(numbers).tolist(), strict=True):
            if number and (self._allowed is None or self._mask[number]):
                if room > most:
                    best, most, after = number, room, most
                elif room > after:
                    after = room
        return best, most, after

    def _set(self, shelves: Rows, number: int) -> None:
        """The best datastore of ``shelves`` stays the best; its room has changed."""
        room, capacity = self._stores.room[number], self._stores.capacity[number]
        self.room[shelves] = room
        self.left[shelves] = max(room / capacity, NOTHING_LEFT) * self._weight
        self.per_byte[shelves] = self._weight / capacity
