"""Forgetting what has ended: sessions, used assertions, old attempts, unused join tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from heliostat.cloudstore.contract import Change, CloudStore, GuardFailed
from heliostat.cloudstore.documents import Kind, Stored
from heliostat.core.clock import Clock

BATCH = 50


async def sweep(store: CloudStore, clock: Clock, kinds: Iterable[Kind[Any]]) -> int:
    """Delete every document of ``kinds`` whose ``expires_ms`` is over; gives how many.

    Safe at any time, anywhere, and however many there are: few are held at once.
    """
    count = 0
    for kind in kinds:
        now_ms = clock.now_ms()
        ended: list[Stored[Any]] = []
        async for each in kind.each(store):
            if each.value.expires_ms <= now_ms:
                ended.append(each)
            if len(ended) == BATCH:
                count += await _forgotten(store, kind, ended)
                ended = []
        count += await _forgotten(store, kind, ended)
    return count


async def _forgotten(store: CloudStore, kind: Kind[Any], ended: Sequence[Stored[Any]]) -> int:
    changes: list[Change] = [change for each in ended for change in kind.delete(each.value)]
    try:
        await store.commit([kind.guard(each) for each in ended], changes)
    except GuardFailed:
        return 0  # one of them has just begun anew; the next sweep sees the others
    return len(ended)
