"""What the controller wants of this host, kept on disk.

Fencing: the highest revision seen of each entity is remembered, and an older one
is ignored.  An entity that vanishes between two snapshots counts as unwanted;
one that this agent was never told about does not, and a snapshot older than the
last one removes nothing: no confusion of the controller destroys a disk.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from heliostat.agentlink.messages import (
    Desired,
    DesiredCapture,
    DesiredDisk,
    DesiredImage,
    DesiredVm,
    Snapshot,
    Unwanted,
    Wanted,
    capture_key,
    disk_key,
    image_key,
    vm_key,
)
from heliostat.core.files import atomic_write


class _Stored(msgspec.Struct, kw_only=True):
    items: tuple[Desired, ...] = ()
    removed: dict[str, int] = {}
    revision: int = -1


def key_of(item: Desired) -> str:
    """``vm/<id>``, ``disk/<id>``, ``capture/<image>`` or ``image/<copy>``."""
    if isinstance(item, DesiredVm):
        return vm_key(item.id)
    if isinstance(item, DesiredDisk):
        return disk_key(item.id)
    if isinstance(item, DesiredCapture):
        return capture_key(item.id)
    return image_key(item.digest, item.datastore)


class DesiredState:
    """The last known wishes; every change is durable before it is acted upon."""

    def __init__(self, path: Path) -> None:
        self._path = path
        stored = _Stored()
        if path.exists():
            stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
        self.items: dict[str, Desired] = {key_of(item): item for item in stored.items}
        self.removed: dict[str, int] = dict(stored.removed)
        self._revision = stored.revision

    def apply(self, frame: Snapshot | Wanted | Unwanted) -> set[str]:
        """Take a frame in; the keys of what changed.

        Raises ``OSError`` if it can't be kept: then nothing changed.
        """
        before = dict(self.items), dict(self.removed), self._revision
        if isinstance(frame, Snapshot):
            changed = self._snapshot(frame)
        elif isinstance(frame, Wanted):
            changed = self._want(frame.item)
        else:
            changed = self._drop(frame.key, frame.revision)
        if changed or isinstance(frame, Snapshot):
            try:
                self._save()
            except OSError:
                self.items, self.removed, self._revision = before
                raise
        return changed

    @property
    def known(self) -> bool:
        """Whether a controller ever said what it wants."""
        return self._revision >= 0

    def vms(self) -> list[DesiredVm]:
        return [item for item in self.items.values() if isinstance(item, DesiredVm)]

    def disks(self) -> list[DesiredDisk]:
        return [item for item in self.items.values() if isinstance(item, DesiredDisk)]

    def images(self) -> list[DesiredImage]:
        return [item for item in self.items.values() if isinstance(item, DesiredImage)]

    def captures(self) -> list[DesiredCapture]:
        return [item for item in self.items.values() if isinstance(item, DesiredCapture)]

    def capture(self, image_id: str) -> DesiredCapture | None:
        item = self.items.get(capture_key(image_id))
        return item if isinstance(item, DesiredCapture) else None

    def vm(self, vm_id: str) -> DesiredVm | None:
        item = self.items.get(vm_key(vm_id))
        return item if isinstance(item, DesiredVm) else None

    def disk(self, disk_id: str) -> DesiredDisk | None:
        item = self.items.get(disk_key(disk_id))
        return item if isinstance(item, DesiredDisk) else None

    def image(self, copy: str) -> DesiredImage | None:
        item = self.items.get(image_key(copy))
        return item if isinstance(item, DesiredImage) else None

    def _snapshot(self, frame: Snapshot) -> set[str]:
        changed: set[str] = set()
        for item in frame.items:
            changed |= self._want(item)
        if frame.revision < self._revision:
            return changed
        named = {key_of(item) for item in frame.items}
        for key in set(self.items) - named:
            changed |= self._drop(key, frame.revision)
        self._revision = frame.revision
        return changed

    def _want(self, item: Desired) -> set[str]:
        key = key_of(item)
        known = self.items.get(key)
        newest = max(self.removed.get(key, -1), known.revision if known is not None else -1)
        if item.revision < newest or item == known:
            return set()
        self.items[key] = item
        self.removed.pop(key, None)
        return {key}

    def _drop(self, key: str, revision: int) -> set[str]:
        known = self.items.get(key)
        if known is not None and revision < known.revision:
            return set()
        self.items.pop(key, None)
        self.removed[key] = max(revision, self.removed.get(key, -1))
        return {key}

    def _save(self) -> None:
        stored = _Stored(
            items=tuple(self.items.values()), removed=self.removed, revision=self._revision
        )
        atomic_write(self._path, msgspec.json.encode(stored), mode=0o600)
