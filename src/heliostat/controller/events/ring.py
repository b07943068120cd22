"""The latest changes of the store, kept in memory for readers that go at their own pace.

Changes have numbers that only grow; the ring holds the newest ``capacity`` of
them.  Invariant: it holds every change after ``base_revision`` whose number is
``start`` or more, so a reader either finds what comes next or learns that it
was overtaken.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Position(NamedTuple):
    """The place right after change ``nth`` of the commit with that revision.

    ``ALL`` as ``nth`` means after the whole commit.
    """

    revision: int
    nth: int


ALL = 1 << 30


@dataclass(slots=True)
class Change:
    """One key changed; ``nth`` counts the changes of its commit, ``seen_ms`` is when we heard.

    ``seen_ms`` is 0 for what was read from the store's past.
    """

    key: str
    value: bytes | None
    revision: int
    nth: int
    seen_ms: int = 0
    _made: dict[Hashable, asyncio.Future[Any]] = field(default_factory=dict)

    @property
    def position(self) -> Position:
        return Position(self.revision, self.nth)

    async def once(self, name: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What ``make`` gives, made for the first reader and shared with all others."""
        future = self._made.get(name)
        if future is None:
            future = self._made[name] = asyncio.ensure_future(make())
        made: T = await asyncio.shield(future)
        return made


class Ring:
    """The newest changes, addressed by number."""

    def __init__(self, capacity: int, base_revision: int) -> None:
        self.base_revision = base_revision
        self.start = 0
        self.end = 0
        self._capacity = capacity
        self._changes: list[Change] = []

    def append(self, change: Change) -> None:
        if len(self._changes) < self._capacity:
            self._changes.append(change)
        else:
            self._changes[self.end % self._capacity] = change
            self.start += 1
        self.end += 1

    def at(self, number: int) -> Change:
        """The change with that number, ``start <= number < end``."""
        return self._changes[number % self._capacity]

    def covers(self, position: Position) -> bool:
        """Whether everything after ``position`` is here."""
        if self.start == 0:
            return position >= Position(self.base_revision, ALL)
        return position >= self.at(self.start).position

    def number_after(self, position: Position) -> int:
        """The number of the first change after ``position``; ``end`` if none came yet."""
        numbers = range(self.start, self.end)
        found = bisect_right(numbers, position, key=lambda number: self.at(number).position)
        return self.start + found
