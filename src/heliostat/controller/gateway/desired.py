"""Desired documents of one host as frames, in commit order.

A snapshot first, then every change after it; when the store has compacted past
our place, a snapshot again.  The document's revision is the fencing generation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from heliostat.agentlink.messages import (
    ControllerFrame,
    Desired,
    DesiredCapture,
    DesiredDisk,
    DesiredImage,
    DesiredVm,
    Snapshot,
    Unwanted,
    Wanted,
)
from heliostat.cloudstore.contract import CloudStore, Compacted
from heliostat.controller.model.desired import desired_prefix

PAGE_SIZE = 500
_DECODERS: dict[str, msgspec.json.Decoder[Desired]] = {
    "vm": msgspec.json.Decoder(DesiredVm),
    "disk": msgspec.json.Decoder(DesiredDisk),
    "image": msgspec.json.Decoder(DesiredImage),
    "capture": msgspec.json.Decoder(DesiredCapture),
}


async def frames_of(store: CloudStore, host_id: str) -> AsyncIterator[ControllerFrame]:
    """Everything an agent needs to be told; never ends by itself."""
    while True:
        snapshot = await read_snapshot(store, host_id)
        yield snapshot
        try:
            async for frame in _changes(store, host_id, snapshot.revision):
                yield frame
        except Compacted:
            continue


async def read_snapshot(store: CloudStore, host_id: str) -> Snapshot:
    """The whole desired state of a host at one revision."""
    prefix = desired_prefix(host_id)
    page = await store.list(prefix, limit=PAGE_SIZE)
    revision = page.revision
    documents = list(page.items)
    while page.after is not None:
        page = await store.list(prefix, limit=PAGE_SIZE, after=page.after, at_revision=revision)
        documents.extend(page.items)
    items = tuple(_decode(prefix, each.key, each.value, each.revision) for each in documents)
    return Snapshot(items=items, revision=revision)


async def digests_of(store: CloudStore, host_id: str) -> set[str]:
    """The content that a host is to have: its images, those under its VMs' disks, and ISOs."""
    found: set[str] = set()
    for item in (await read_snapshot(store, host_id)).items:
        if isinstance(item, DesiredImage):
            found.add(item.digest)
        elif isinstance(item, DesiredVm):
            found.update(disk.image_digest for disk in item.disks)
            if item.iso is not None:
                found.add(item.iso.digest)
    return found


async def _changes(
    store: CloudStore, host_id: str, revision: int
) -> AsyncIterator[ControllerFrame]:
    prefix = desired_prefix(host_id)
    async for event in store.watch(prefix, revision):
        if event.value is None:
            yield Unwanted(key=event.key.removeprefix(prefix), revision=event.revision)
        else:
            yield Wanted(item=_decode(prefix, event.key, event.value, event.revision))


def _decode(prefix: str, key: str, value: bytes, revision: int) -> Desired:
    kind = key.removeprefix(prefix).partition("/")[0]
    return msgspec.structs.replace(_DECODERS[kind].decode(value), revision=revision)
