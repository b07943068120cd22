"""The roomiest datastore of every host, among those that are allowed.

Kept for a set of allowed datastores and brought up to date from the log of
:class:`StoreColumns`: a reservation changes only the hosts that reach the
datastore it is on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from heliostat.controller.scheduler.stores import NO_ROOM, StoreColumns
from heliostat.controller.scheduler.tally import Floats, Rows

Allowed = Callable[[int], bool]

NOTHING_LEFT = -1.0
"""What a host without (or with an overfull) datastore has left: finite, so that scores are."""


class Rooms:
    """Columns by host row: ``best`` (a datastore's number), its ``room``, and its share.

    ``left`` is the room as a fraction of the capacity, ``per_byte`` what one byte takes
    of that fraction.
    """

    def __init__(self, stores: StoreColumns, allowed: Allowed | None = None) -> None:
        self._stores = stores
        self._allowed = allowed
        self._layout = -1
        self._seen = 0
        self._mask: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        self.best: Rows = np.zeros(0, dtype=np.intp)
        self.room: Floats = np.zeros(0)
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
            for number in dict.fromkeys(stores.log[self._seen :]):
                if self._allowed is None or self._mask[number]:
                    self._changed(number)
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
        if len(self.left) < size:
            self.left, self.per_byte = np.zeros(size), np.zeros(size)
        self.left[:], self.per_byte[:] = NOTHING_LEFT, 0.0
        if len(stores.of_host):
            self._choose(np.arange(len(stores.of_host)))

    def _changed(self, number: int) -> None:
        rows = self._stores.hosts[number].rows
        if len(rows) == 1:
            self._choose(rows)
            return
        mine = self.best[rows] == number
        others = rows[~mine]
        gained = others[self.room[others] < self._stores.room[number]]
        if gained.size:
            self._set(gained, number)
        self._choose(rows[mine])

    def _choose(self, rows: Rows) -> None:
        """Look at all datastores of ``rows``."""
        if not rows.size:
            return
        numbers, room = pick(self._stores, rows, self._mask if self._allowed is not None else None)
        self.best[rows], self.room[rows] = numbers, room
        capacity = self._stores.capacity[numbers]
        self.left[rows] = np.maximum(room / capacity, NOTHING_LEFT)
        self.per_byte[rows] = 1.0 / capacity

    def _set(self, rows: Rows, number: int) -> None:
        room, capacity = self._stores.room[number], self._stores.capacity[number]
        self.best[rows], self.room[rows] = number, room
        self.left[rows] = max(room / capacity, NOTHING_LEFT)
        self.per_byte[rows] = 1.0 / capacity


def pick(stores: StoreColumns, rows: Rows, mask: NDArray[np.bool_] | None) -> tuple[Rows, Floats]:
    """The roomiest datastore of each of ``rows`` among those in ``mask``, and its room."""
    numbers = stores.of_host[rows]
    room = stores.room[numbers]
    if mask is not None:
        room = np.where(mask[numbers], room, NO_ROOM)
        numbers = np.where(mask[numbers], numbers, 0)
    first = room.argmax(axis=1)
    each = np.arange(len(rows))
    return numbers[each, first], room[each, first]
