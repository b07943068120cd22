"""Forgetting what has ended: sessions, used assertions, old attempts, unused join tokens."""

from __future__ import annotations

from typing import Any

from heliostat.cloudstore.contract import Change, CloudStore, GuardFailed
from heliostat.cloudstore.documents import Kind
from heliostat.core.clock import Clock
from heliostat.identity.records import ATTEMPTS, JOIN_RECORDS, SESSIONS, SPENT_ASSERTIONS

EXPIRING: tuple[Kind[Any], ...] = (SESSIONS, SPENT_ASSERTIONS, ATTEMPTS, JOIN_RECORDS)
BATCH = 50


async def sweep(store: CloudStore, clock: Clock) -> int:
    """Delete every document whose time is over; gives how many. Safe at any time, anywhere."""
    count = 0
    for kind in EXPIRING:
        now_ms = clock.now_ms()
        ended = [each for each in await kind.all(store) if each.value.expires_ms <= now_ms]
        for start in range(0, len(ended), BATCH):
            batch = ended[start : start + BATCH]
            changes: list[Change] = [change for each in batch for change in kind.delete(each.value)]
            try:
                await store.commit([kind.guard(each) for each in batch], changes)
            except GuardFailed:
                continue  # one of them has just begun anew; the next sweep sees the others
            count += len(batch)
    return count
