"""Every reader of events shares one watch of the store, however many there are.

The watch fills a ring; each reader walks the ring at its own pace.  A reader
that asks for the past reads it from the store until the ring goes on from there.
One that was up to date and is overtaken by the ring is too slow and is told so:
it connects again where it stopped, which then is the past.

The watch lives while there are readers.  A hub belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from heliostat.cloudstore.contract import CloudStore, Compacted, FutureRevision
from heliostat.controller.events.ring import ALL, Change, Position, Ring
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError, TemporaryError

ROOT = "/"
KEPT = ("/v1/", "/lease/agent/")
"""Documents, and the leases that say whether a host's agent is there; no index entries."""
CAPACITY = 4096
"""Changes that a reader may lag behind: some seconds of a busy site."""


class Hub:
    """Hands every change of a document or an agent's link to every reader, in order, once."""

    def __init__(self, store: CloudStore, clock: Clock, *, capacity: int = CAPACITY) -> None:
        self._store = store
        self._clock = clock
        self._capacity = capacity
        self._ring = Ring(capacity, 0)
        self._pump: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._fault: HeliostatError | None = None
        self._readers = 0

    @property
    def readers(self) -> int:
        return self._readers

    async def check(self, revision: int) -> None:
        """Raise ``RevisionGone`` unless what came after ``revision`` can still be told."""
        try:
            await self._store.list(ROOT, limit=1, at_revision=revision)
        except (Compacted, FutureRevision) as error:
            raise _gone(revision) from error

    @asynccontextmanager
    async def changes(self, after: Position) -> AsyncIterator[AsyncIterator[Change]]:
        """Every change after ``after``, without end.

        The iterator raises ``RevisionGone``, ``ReaderTooSlow``, ``ShuttingDown``,
        or what kept the store from being read.
        """
        await self.check(after.revision if after.nth == ALL else after.revision - 1)
        self._readers += 1
        try:
            self._cover(after)
            async with aclosing(self._walk(after)) as walk:
                yield walk
        finally:
            self._readers -= 1
            if self._readers == 0:
                await self._stop(None)

    async def close(self) -> None:
        """End every reader: this controller goes."""
        await self._stop(TemporaryError("ShuttingDown", "The controller is stopping."))

    def _cover(self, after: Position) -> None:
        """See that the ring is fed, from ``after`` on if nothing later is in it yet."""
        base = after.revision if after.nth == ALL else after.revision - 1
        idle = self._pump is None or self._pump.done()
        if not idle and (self._ring.end > 0 or base >= self._ring.base_revision):
            return
        if self._pump is not None:
            self._pump.cancel()
        self._fault = None
        self._ring = Ring(self._capacity, base)
        self._pump = asyncio.create_task(self._fill(self._ring))
        self._wake()

    async def _fill(self, ring: Ring) -> None:
        try:
            async with aclosing(self._read(ring.base_revision)) as changes:
                async for change in changes:
                    change.seen_ms = self._clock.now_ms()
                    ring.append(change)
                    self._wake()
            self._end(TemporaryError("ShuttingDown", "The store was closed."))
        except Compacted:
            self._end(_gone(ring.base_revision))
        except HeliostatError as error:
            self._end(error)

    async def _read(self, after: int) -> AsyncGenerator[Change, None]:
        """Changes from the store, counted within their commits."""
        revision, index = 0, 0
        events = self._store.watch(ROOT, after)
        try:
            async for event in events:
                index = index + 1 if event.revision == revision else 0
                revision = event.revision
                if event.key.startswith(KEPT):
                    yield Change(event.key, event.value, revision, index)
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()

    async def _walk(self, after: Position) -> AsyncGenerator[Change, None]:
        live = False
        while True:
            ring = self._ring
            if not ring.covers(after):
                if live:
                    raise _too_slow()
                async for change in self._past(after, ring):
                    after = change.position
                    yield change
                continue
            number = ring.number_after(after)
            while ring is self._ring and ring.start <= number < ring.end:
                change = ring.at(number)
                after, number = change.position, number + 1
                yield change
            if ring is self._ring and number == ring.end:
                live = ring.end > 0  # an empty ring may be about to be filled with the past
                await self._wait(ring, number)

    async def _past(self, after: Position, ring: Ring) -> AsyncGenerator[Change, None]:
        """What lies between ``after`` and the oldest change in the ring, which exists."""
        oldest = ring.at(ring.start).position
        base = after.revision if after.nth == ALL else after.revision - 1
        try:
            async with aclosing(self._read(base)) as changes:
                async for change in changes:
                    if change.position > oldest:
                        return
                    if change.position > after:
                        yield change
                    if change.position == oldest:
                        return
        except Compacted as error:
            raise _gone(base) from error

    async def _wait(self, ring: Ring, number: int) -> None:
        while ring is self._ring and ring.end == number:
            if self._fault is not None:
                raise self._fault
            await self._news.wait()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _end(self, fault: HeliostatError) -> None:
        self._fault = fault
        self._wake()

    async def _stop(self, fault: HeliostatError | None) -> None:
        pump, self._pump = self._pump, None
        if pump is not None:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
        if fault is not None:
            self._end(fault)


def _gone(revision: int) -> PermanentError:
    return PermanentError(
        "RevisionGone", f"What changed after revision {revision} is no longer kept."
    )


def _too_slow() -> TemporaryError:
    return TemporaryError(
        "ReaderTooSlow", "This reader fell behind the changes by more than is kept for it."
    )
