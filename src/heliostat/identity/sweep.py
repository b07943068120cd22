"""Forgetting what has ended: sessions, used assertions, old attempts, unused join tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from heliostat.cloudstore.contract import Change, CloudStore, GuardFailed
from heliostat.cloudstore.documents import Kind
from heliostat.core.clock import Clock

BATCH = 50


async def sweep(store: CloudStore, clock: Clock, kinds: Iterable[Kind[Any]]) -> int:
    """Delete every document of ``kinds`` whose ``expires_ms`` is over; gives how many.

    Safe at any time, anywhere.
    """
    count = 0
    for kind in kinds:
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
