"""Documents as a platform would have them after a long life, written straight into its store.

Used where making them through the API would take longer than measuring.  The
controller must not run.  What is written passes the audit of the books (quotas are
charged, reservations name their machines).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from heliostat.cloudstore.contract import Change
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.controller.model.host import Host, HostState, UsageTag
from heliostat.controller.workflows import kinds
from heliostat.core.clock import SystemClock
from heliostat.core.ids import SystemIds

COMMIT_CHANGES = 90


def add_hosts(store: Path, count: int) -> list[str]:
    """READY hosts whose agents have yet to dial; their ids."""
    ids = SystemIds()
    hosts = [
        Host(
            id=ids.new_id(),
            address=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
            state=HostState.READY,
            usage_tags=(UsageTag.CLOUD,),
            created_ms=SystemClock().now_ms(),
        )
        for number in range(1, count + 1)
    ]
    write(store, (kinds.HOSTS.put(host) for host in hosts))
    return [host.id for host in hosts]


def write(store: Path, groups: Iterable[Sequence[Change]]) -> None:
    """Commit every group of changes; a group is never divided."""
    asyncio.run(_write(store, groups))


async def _write(path: Path, groups: Iterable[Sequence[Change]]) -> None:
    store = await SqliteStore.open(path, SystemClock())
    try:
        for batch in _batches(_commits(groups), 200):
            await asyncio.gather(*(store.commit([], changes) for changes in batch))
    finally:
        await store.close()


def _commits(groups: Iterable[Sequence[Change]]) -> Iterator[list[Change]]:
    changes: list[Change] = []
    for group in groups:
        if len(changes) + len(group) > COMMIT_CHANGES:
            yield changes
            changes = []
        changes.extend(group)
    if changes:
        yield changes


def _batches(each: Iterator[list[Change]], size: int) -> Iterator[list[list[Change]]]:
    while batch := list(islice(each, size)):
        yield batch
