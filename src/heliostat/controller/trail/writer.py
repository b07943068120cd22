"""Writing the trail: at once where something changed, in batches where nothing did.

What changes something is recorded in the commit that changes it, or (for what
commits by itself) before it is acknowledged.  Refusals and failures change
nothing: they wait up to a second and are written together.  Whoever is refused
without end can't fill the store: beyond a burst only so many a second are
recorded one by one, and the rest as a number.

Lives as long as its application; ``close`` writes what waits.
"""

from __future__ import annotations

import logging
from collections import deque

from heliostat.cloudstore.contract import MAX_CHANGES, Change, CloudStore
from heliostat.controller.trail.record import RECORDS, Record, Result, record_id
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError
from heliostat.core.ids import Ids

log = logging.getLogger(__name__)

FLUSH_S = 1.0
BURST = 200
PER_SECOND = 20.0
MOST_WAITING = 1000
UNRECORDED = "notRecorded"


class Trail:
    """The audit trail of one controller."""

    def __init__(self, store: CloudStore, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._waiting: deque[Record] = deque()
        self._unrecorded = 0
        self._allowance = float(BURST)
        self._refilled_s = clock.monotonic_s()

    def changes(self, record: Record) -> list[Change]:
        """What to add to the commit that the record tells of."""
        return RECORDS.put(record)

    async def write(self, record: Record) -> None:
        """Record at once; returns when the record is durable."""
        await self._store.commit((), RECORDS.put(record))

    def note(self, record: Record) -> None:
        """Record soon: for what changed nothing."""
        if len(self._waiting) >= MOST_WAITING or not self._allowed():
            self._unrecorded += 1
            return
        self._waiting.append(record)

    async def run(self) -> None:
        """Write what waits, again and again, until cancelled."""
        while True:
            await self._clock.sleep(FLUSH_S)
            try:
                await self.flush()
            except HeliostatError as error:
                log.warning("audit records wait for the store: %s", error)

    async def flush(self) -> None:
        """Write what waits now."""
        self._tell_unrecorded()
        while self._waiting:
            batch: list[Record] = []
            changes: list[Change] = []
            for record in self._waiting:
                more = RECORDS.put(record)
                if len(changes) + len(more) > MAX_CHANGES:
                    break
                batch.append(record)
                changes += more
            await self._store.commit((), changes)
            for _ in batch:
                self._waiting.popleft()

    async def close(self) -> None:
        try:
            await self.flush()
        except HeliostatError as error:
            log.warning("%d audit records were lost: %s", len(self._waiting), error)

    def _allowed(self) -> bool:
        now_s = self._clock.monotonic_s()
        gained = (now_s - self._refilled_s) * PER_SECOND
        self._allowance = min(BURST, self._allowance + gained)
        self._refilled_s = now_s
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _tell_unrecorded(self) -> None:
        if not self._unrecorded:
            return
        now_ms = self._clock.now_ms()
        self._waiting.append(
            Record(
                id=record_id(now_ms, self._ids.new_id()),
                time_ms=now_ms,
                operation=UNRECORDED,
                result=Result.REFUSED,
                status=429,
                count=self._unrecorded,
            )
        )
        self._unrecorded = 0
