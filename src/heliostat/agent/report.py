"""What the agent last said about each entity, and what it has yet to say."""

from __future__ import annotations

import asyncio

from heliostat.agentlink.messages import (
    HostFacts,
    Report,
    Reported,
    ReportedCapture,
    ReportedDisk,
    ReportedVm,
    capture_key,
    disk_key,
    image_key,
    vm_key,
)

BATCH = 100
"""Entities in one frame of changes; a full inventory is always one frame."""


class ReportBook:
    """Collects reports; only differences are sent, and everything after a reconnection."""

    def __init__(self) -> None:
        self._items: dict[str, Reported] = {}
        self._changed: dict[str, None] = {}
        self._gone: dict[str, None] = {}
        self.pending = asyncio.Event()

    def put(self, item: Reported) -> None:
        """Note how an entity is."""
        key = _key(item)
        if self._items.get(key) == item:
            return
        self._items[key] = item
        self._changed[key] = None
        self._gone.pop(key, None)
        self.pending.set()

    def drop(self, key: str) -> None:
        """Note that an entity is gone."""
        self._items.pop(key, None)
        self._changed.pop(key, None)
        self._gone[key] = None
        self.pending.set()

    def disk_ids(self) -> set[str]:
        """The persistent disks that something was said of."""
        return {item.id for item in self._items.values() if isinstance(item, ReportedDisk)}

    def full(self, facts: HostFacts) -> Report:
        """Everything there is; forgets what was pending, since it is included."""
        self._changed.clear()
        self._gone.clear()
        self.pending.clear()
        return Report(items=tuple(self._items.values()), full=True, facts=facts)

    def changes(self) -> Report | None:
        """What changed since the last report; ``None`` if nothing did."""
        keys = list(self._changed)[:BATCH]
        gone = list(self._gone)[:BATCH]
        for key in keys:
            del self._changed[key]
        for key in gone:
            del self._gone[key]
        if not self._changed and not self._gone:
            self.pending.clear()
        if not keys and not gone:
            return None
        return Report(items=tuple(self._items[key] for key in keys), gone=tuple(gone))


def _key(item: Reported) -> str:
    if isinstance(item, ReportedVm):
        return vm_key(item.id)
    if isinstance(item, ReportedDisk):
        return disk_key(item.id)
    if isinstance(item, ReportedCapture):
        return capture_key(item.id)
    return image_key(item.digest, item.datastore)
