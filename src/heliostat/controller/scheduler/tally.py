"""Which rows have something, and how often: one entry of an inverted index.

Adding and taking away are O(1) (a row that falls to zero is overwritten by the
last one), and the rows are a numpy array at any time without being collected.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
Floats = NDArray[np.float64]


class Tally:
    """A multiset of rows."""

    __slots__ = ("_counts", "_place", "_rows", "_size")

    def __init__(self) -> None:
        self._rows: Rows = np.empty(4, dtype=np.intp)
        self._counts: Floats = np.empty(4)
        self._place: dict[int, int] = {}
        self._size = 0

    def __bool__(self) -> bool:
        return self._size > 0

    def __contains__(self, row: int) -> bool:
        return row in self._place

    def count(self, row: int) -> int:
        place = self._place.get(row)
        return 0 if place is None else int(self._counts[place])

    @property
    def rows(self) -> Rows:
        """The rows, in no particular order; a view, valid until the next change."""
        return self._rows[: self._size]

    @property
    def counts(self) -> Floats:
        """How often each of ``rows`` is in it."""
        return self._counts[: self._size]

    def add(self, row: int, count: int = 1) -> None:
        """Change the count of a row by ``count``, which may be negative."""
        place = self._place.get(row)
        if place is None:
            if count > 0:
                self._append(row, count)
            return
        now = self._counts[place] + count
        if now > 0:
            self._counts[place] = now
        else:
            self._remove(row, place)

    def _append(self, row: int, count: int) -> None:
        if self._size == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
            self._counts = np.concatenate([self._counts, np.empty_like(self._counts)])
        place = self._place[row] = self._size
        self._rows[place], self._counts[place] = row, count
        self._size += 1

    def _remove(self, row: int, place: int) -> None:
        self._size -= 1
        del self._place[row]
        if place != self._size:
            last = int(self._rows[self._size])
            self._rows[place], self._counts[place] = last, self._counts[self._size]
            self._place[last] = place


class Index:
    """Tallies by key; a key without rows does not exist."""

    __slots__ = ("_tallies",)

    def __init__(self) -> None:
        self._tallies: dict[str, Tally] = {}

    def __bool__(self) -> bool:
        return bool(self._tallies)

    def __contains__(self, key: str) -> bool:
        return key in self._tallies

    def get(self, key: str) -> Tally | None:
        return self._tallies.get(key)

    def rows(self, key: str) -> Rows:
        """The rows that have ``key``."""
        tally = self._tallies.get(key)
        return tally.rows if tally is not None else _NO_ROWS

    def add(self, key: str, row: int, count: int = 1) -> None:
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally()
        tally.add(row, count)
        if count <= 0 and not tally:
            del self._tallies[key]


_NO_ROWS: Rows = np.empty(0, dtype=np.intp)
