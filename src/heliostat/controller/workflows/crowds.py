"""Queues around documents that many operations want to change at once: a project's quota.

Who loses a compare-and-set joins the queue around the document it lost, and so does
whoever comes while there is one.  They decide one by one, but nobody waits for the
commit of the one before: each decides on what that one is about to write, under a
guard that it did write it.  So a crowd shares commits to disk, and its rate is that of
deciding.  When a commit of the chain fails, those behind it fail too, and decide anew.

Nobody is refused because of what is not a fact yet: before a refusal counts, the
commits ahead are waited for, and it is decided again.  A queue lives as long as
somebody is in it; of one process only (between processes the guards decide).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from heliostat.cloudstore.contract import (
    Absent,
    AtRevision,
    Change,
    Document,
    Guard,
    Put,
    ValueIs,
)

AHEAD = -1
"""The revision of a document that is not in the store yet: none that a store ever gives."""


@dataclass(slots=True)
class Chain:
    """Commits under way that build on each other; ``ahead`` is what the last will have written."""

    ahead: Document | None = None
    last: asyncio.Future[Guard | None] | None = None

    def guards(self, guards: Iterable[Guard]) -> list[Guard]:
        """``guards`` with one on the value of the document ahead.

        Also where they don't name it: whoever decided may have read it all the same.
        """
        ahead = self.ahead
        if ahead is None:
            return list(guards)
        read = AtRevision(ahead.key, AHEAD)
        return [ValueIs(ahead.key, ahead.value), *(each for each in guards if each != read)]

    def add(
        self, name: str, changes: Sequence[Change], commit: asyncio.Future[Guard | None]
    ) -> None:
        """A commit that was begun goes on top."""
        self.last = commit
        for change in changes:
            if change.key == name:
                written = change.value if isinstance(change, Put) else None
                self.ahead = Document(name, written, 0, AHEAD) if written is not None else None


@dataclass(slots=True)
class Queue:
    """Who has ``lock`` decides; ``chain`` is what has been decided and is not known to fail."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    chain: Chain = field(default_factory=Chain)
    length: int = 0
    places: set[str] = field(default_factory=set)

    def broken(self, chain: Chain) -> None:
        """A commit of ``chain`` did not happen: what is decided next stands on the store."""
        if self.chain is chain:
            self.chain = Chain()


class Crowds:
    """All queues of a process."""

    def __init__(self) -> None:
        self._queues: dict[str, Queue] = {}
        self._by_place: dict[str, str] = {}

    def at(self, place: str) -> str | None:
        """The queue that those who came by way of ``place`` are in, if there is one."""
        return self._by_place.get(place)

    def around(self, guards: Iterable[Guard]) -> str | None:
        """What of that which ``guards`` guard others wait for already."""
        if not self._queues:
            return None
        return next((name for guard in guards if (name := name_of(guard)) in self._queues), None)

    @asynccontextmanager
    async def joined(self, name: str, place: str = "") -> AsyncIterator[Queue]:
        """Be in the queue around ``name``; whoever comes by ``place`` too is told to join."""
        queue = self._queues.setdefault(name, Queue())
        queue.length += 1
        if place and self._by_place.setdefault(place, name) == name:
            queue.places.add(place)
        try:
            yield queue
        finally:
            queue.length -= 1
            if not queue.length:
                del self._queues[name]
                for each in queue.places:
                    del self._by_place[each]


def name_of(guard: Guard) -> str:
    """The document, or the prefix, that a guard is about."""
    return guard.key if isinstance(guard, Absent | AtRevision | ValueIs) else guard.prefix
