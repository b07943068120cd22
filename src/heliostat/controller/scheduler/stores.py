"""Datastores as columns: what may still be promised on each, and which hosts reach it.

Number 0 stands for "no datastore" and has no room, so that hosts with fewer
datastores than others need no special case.  ``log`` names the datastores that changed, with
a minus where they only lost room, for whoever keeps something made of them (:mod:`rooms`).

Hosts that list the same datastores share a shelf, so that what follows from the
datastores alone is worked out once a shelf.  Shelf 0 is the empty one.
"""

from __future__ import annotations

import math

import numpy as np

from heliostat.controller.scheduler.rows import StoreRow
from heliostat.controller.scheduler.settings import SchedulerSettings
from heliostat.controller.scheduler.tally import Floats, Index, Rows, Tally

NO_ROOM = -math.inf
_LONGEST_LOG = 4096
_BONUSES = 128


class StoreColumns:
    """What is known of every datastore; ``layout`` counts changes of who reaches what."""

    def __init__(self, settings: SchedulerSettings) -> None:
        self._settings = settings
        self.ids: list[str] = [""]
        self.number: dict[str, int] = {}
        self.tags: list[frozenset[str]] = [frozenset()]
        self.hosts: list[Tally] = [Tally()]
        self.shelves_with: list[Tally] = [Tally()]
        self.images = Index()
        self.room: Floats = np.array([NO_ROOM])
        self.capacity: Floats = np.array([1e30])
        self.shelf_of: Rows = np.zeros(0, dtype=np.intp)
        self.on_shelf: Rows = np.zeros((1, 1), dtype=np.intp)
        self._shelves: dict[tuple[int, ...], int] = {(): 0}
        self._users: list[int] = [0]
        self._bare: list[int] = []
        self._bonus: dict[str, Floats] = {}
        self.layout = 0
        self.log: list[int] = []
        self._used: list[int] = [0]
        self._first_used: list[int] = [0]
        self._reports: list[dict[int, tuple[int, int]]] = [{}]
        self._least: list[tuple[int, int]] = [(0, 0)]
        self._shown: dict[int, tuple[StoreRow, ...]] = {}

    def __len__(self) -> int:
        return len(self.number)

    @property
    def shelves(self) -> int:
        """Shelves in use, bare ones included."""
        return len(self._users)

    @property
    def on_empty_shelf(self) -> int:
        """Rows without datastores."""
        return self._users[0]

    def first_of(self, row: int) -> int:
        """The number of the host's first datastore; 0 if it has none."""
        return int(self.on_shelf[self.shelf_of[row], 0])

    def of_host(self, row: int) -> list[int]:
        """The numbers of the host's datastores, in its order."""
        return [number for number in self.on_shelf[self.shelf_of[row]].tolist() if number]

    def with_image(self, digest: str) -> Floats | None:
        """By number, what holding an image adds to a score; ``None`` if none holds it."""
        kept = self._bonus.get(digest)
        if kept is not None and len(kept) == len(self.room):
            return kept
        holding = self.images.rows(digest)
        if not holding.size:
            return None
        bonus: Floats = np.zeros(len(self.room))
        bonus[holding] = self._settings.weight_image
        if len(self._bonus) >= _BONUSES:
            self._bonus.clear()
        self._bonus[digest] = bonus
        return bonus

    def grow(self, size: int) -> None:
        """Make room for ``size`` hosts."""
        more = size - len(self.shelf_of)
        self.shelf_of = np.pad(self.shelf_of, (0, more))
        self._users[0] += more

    def put(self, row: int, stores: tuple[StoreRow, ...]) -> None:
        """What host number ``row`` says it reaches, in its order."""
        before = self._shown.get(row, ())
        if stores == before:
            return
        if [each.id for each in stores] != [each.id for each in before]:
            self._reach(row, stores)
        self._shown[row] = stores
        kept = {each.id: each for each in before}
        for store in stores:
            self._report(row, store)
            self._images(self.number[store.id], kept.pop(store.id, None), store)
        for gone in kept.values():
            self._images(self.number[gone.id], gone, None)
            self._forget(row, self.number[gone.id])

    def set_used(self, id_: str, size_bytes: int) -> None:
        """What the reservation documents promise on a datastore."""
        number = self._number(id_)
        if self._used[number] != size_bytes:
            self._used[number] = size_bytes
            self._settle(number)

    def used(self, id_: str) -> int:
        number = self.number.get(id_, 0)
        return self._used[number] + self._first_used[number]

    def add_first_used(self, number: int, size_bytes: int) -> None:
        """What a host reserves without naming a datastore lies on its first one."""
        if number and size_bytes:
            self._first_used[number] += size_bytes
            self._settle(number)

    def _reach(self, row: int, stores: tuple[StoreRow, ...]) -> None:
        self.layout += 1
        numbers = tuple([self._number(each.id) for each in stores])
        shelf = self._shelves.get(numbers)
        if shelf is None:
            shelf = self._shelve(numbers)
        before = int(self.shelf_of[row])
        self.shelf_of[row] = shelf
        self._users[shelf] += 1
        self._users[before] -= 1
        if before and not self._users[before]:
            self._clear(before)

    def _shelve(self, numbers: tuple[int, ...]) -> int:
        """A shelf for datastores that no host has had together in this order."""
        height, width = self.on_shelf.shape
        if self._bare:
            shelf = self._bare.pop()
        else:
            shelf = len(self._users)
            self._users.append(0)
        if shelf == height or len(numbers) > width:
            grown = np.zeros((max(height, 2 * shelf), max(width, len(numbers))), dtype=np.intp)
            grown[:height, :width] = self.on_shelf
            self.on_shelf = grown
        self.on_shelf[shelf, : len(numbers)] = numbers
        self._shelves[numbers] = shelf
        for number in numbers:
            self.shelves_with[number].add(shelf)
        return shelf

    def _clear(self, shelf: int) -> None:
        """A shelf without hosts; its number is used again."""
        numbers = tuple([number for number in self.on_shelf[shelf].tolist() if number])
        for number in numbers:
            self.shelves_with[number].add(shelf, -1)
        self.on_shelf[shelf] = 0
        del self._shelves[numbers]
        self._bare.append(shelf)

    def _number(self, id_: str) -> int:
        known = self.number.get(id_)
        if known is not None:
            return known
        number = self.number[id_] = len(self.ids)
        self.ids.append(id_)
        self.tags.append(frozenset())
        self.hosts.append(Tally())
        self.shelves_with.append(Tally())
        self._used.append(0)
        self._first_used.append(0)
        self._reports.append({})
        self._least.append((0, 0))
        if number >= len(self.room):
            self.room = np.concatenate([self.room, np.full(len(self.room), NO_ROOM)])
            self.capacity = np.concatenate([self.capacity, np.ones(len(self.capacity))])
        return number

    def _report(self, row: int, store: StoreRow) -> None:
        number = self.number[store.id]
        if store.tags != self.tags[number]:
            self.tags[number] = store.tags
            self.layout += 1
        reports = self._reports[number]
        before = reports.get(row)
        if before is None:
            self.hosts[number].add(row)
        now = reports[row] = (store.total_bytes, store.free_bytes)
        if now != before:
            self._weigh(number, before, now)

    def _forget(self, row: int, number: int) -> None:
        before = self._reports[number].pop(row)
        self.hosts[number].add(row, -1)
        self._weigh(number, before, None)

    def _weigh(
        self, number: int, before: tuple[int, int] | None, now: tuple[int, int] | None
    ) -> None:
        """The least that any host reports counts: they look at different moments."""
        least, reports = self._least[number], self._reports[number]
        if len(reports) > 1 and now is not None and (before is None or not _touches(before, least)):
            least = (min(least[0], now[0]), min(least[1], now[1]))
        elif reports:
            totals, frees = zip(*reports.values(), strict=True)
            least = (min(totals), min(frees))
        else:
            least = (0, 0)
        if least != self._least[number] or len(reports) <= 1:
            self._least[number] = least
            self._settle(number)

    def _images(self, number: int, before: StoreRow | None, now: StoreRow | None) -> None:
        old = before.images if before is not None else frozenset()
        new = now.images if now is not None else frozenset()
        for digest in new ^ old:
            self._bonus.pop(digest, None)
        for digest in new - old:
            self.images.add(digest, number)
        for digest in old - new:
            self.images.add(digest, number, -1)

    def _settle(self, number: int) -> None:
        settings, (total, free) = self._settings, self._least[number]
        used = self._used[number] + self._first_used[number]
        promised = total * (settings.disk_overcommit * settings.fill_limit) - used
        there = bool(self._reports[number])
        room = min(promised, free * settings.disk_overcommit) if there else NO_ROOM
        capacity = max(total * settings.disk_overcommit, 1.0)
        less = room <= self.room[number] and capacity == self.capacity[number]
        self.room[number], self.capacity[number] = room, capacity
        self.log.append(-number if less else number)
        if len(self.log) > _LONGEST_LOG:
            self.log.clear()
            self.layout += 1


def _touches(before: tuple[int, int], least: tuple[int, int]) -> bool:
    return before[0] == least[0] or before[1] == least[1]
