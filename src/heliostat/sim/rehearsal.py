"""Beginning with a copy of a real store: rehearse on one's own tenants, VMs and hosts.

Read from the copy are documents, not machines: every host of the copy gets a
simulated machine of the same size, and its agent makes there what the documents
want.  Contents of images are replaced by simulated ones, whose digests take the
place of the real ones everywhere; leases and reports belong to processes that are
not here and are left out.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heliostat.cloudstore.contract import CloudStore, Put
from heliostat.cloudstore.keyspace import LEASES
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.content.references import REFERENCES
from heliostat.controller.model.desired import REPORTED
from heliostat.controller.model.disk import DiskState
from heliostat.controller.model.host import HostInventory, HostState
from heliostat.controller.workflows import kinds
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.sim.cloud import Cloud
from heliostat.sim.content import BLOB_BYTES
from heliostat.sim.host import Size
from heliostat.sim.operations.asking import Known
from heliostat.tasks.follow import snapshot

NAMES_FROM = 1000
"""Names that operators give begin here, so that few are taken."""

BATCH = 50
BATCH_BYTES = 500_000
_LEFT_OUT = (LEASES, REPORTED)
_DIGEST = re.compile(rb"\b[0-9a-f]{64}\b")


@dataclass(frozen=True, slots=True)
class Copy:
    """The documents of a copy, in key order."""

    documents: tuple[tuple[str, bytes], ...]


def read_copy(path: Path) -> Copy:
    """The documents in a copy of a store; the copy itself is left alone."""
    if not path.is_file():
        raise PermanentError("InvalidScenario", f"There is no copy of a store at {path}.")
    with tempfile.TemporaryDirectory(prefix="heliostat-sim-") as folder:
        own = Path(folder) / "store.db"
        shutil.copyfile(path, own)
        return asyncio.run(_read(own))


async def _read(path: Path) -> Copy:
    store = await SqliteStore.open(path, SystemClock())
    try:
        documents, _ = await snapshot(store, "")
    finally:
        await store.close()
    kept = ((each.key, each.value) for each in documents if not each.key.startswith(_LEFT_OUT))
    return Copy(tuple(kept))


async def begin_with(cloud: Cloud, known: Known, copy: Copy) -> None:
    """Put the copy's documents into the cloud's store, and its hosts on the floor."""
    for batch in _batches(_simulated(cloud, copy)):
        await cloud.store.commit([], batch)
    cloud.tasks.forget()  # what had ended before is not what this run is judged by
    inventories = {each.value.id: each.value for each in await kinds.INVENTORIES.all(cloud.store)}
    for stored in await kinds.HOSTS.all(cloud.store):
        inventory = inventories.get(stored.value.id)
        if inventory is not None:
            await cloud.add_host(stored.value.id, stored.value.address, _size(inventory))
    await _learn(cloud.store, known)


def _simulated(cloud: Cloud, copy: Copy) -> Iterator[Put]:
    """The documents with simulated contents in the place of real ones."""
    new: dict[bytes, bytes] = {}
    for key, _ in copy.documents:
        if key.startswith(REFERENCES):
            digest = key.removeprefix(REFERENCES).partition("/")[0]
            content = (digest.encode() * (BLOB_BYTES // 64 + 1))[:BLOB_BYTES]
            new[digest.encode()] = cloud.blobs.keep(content).digest.encode()

    def replaced(text: bytes) -> bytes:
        return _DIGEST.sub(lambda found: new.get(found.group(), found.group()), text)

    for key, value in copy.documents:
        yield Put(replaced(key.encode()).decode(), replaced(value))


def _batches(changes: Iterator[Put]) -> Iterator[list[Put]]:
    batch: list[Put] = []
    size = 0
    for change in changes:
        if batch and (len(batch) == BATCH or size + len(change.value) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(change)
        size += len(change.value)
    if batch:
        yield batch


def _size(inventory: HostInventory) -> Size:
    places = inventory.places
    if len(places) > 1:
        raise HeliostatError(
            "InvalidScenario",
            f"The host {inventory.hostname} has {len(places)} datastores; "
            "hosts with more than one can't be rehearsed on yet.",
        )
    return Size(
        cpu_count=inventory.cpu_count,
        memory_mib=inventory.memory_mib,
        disk_bytes=inventory.disk_total_bytes,
        datastore_id=places[0].datastore_id if places else "",
    )


async def _learn(store: CloudStore, known: Known) -> None:
    """What operators know of it from the beginning."""
    for kind, where in (
        ("tenant", kinds.TENANTS),
        ("project", kinds.PROJECTS),
        ("flavor", kinds.FLAVORS),
        ("image", kinds.IMAGES),
        ("zone", kinds.ZONES),
    ):
        for stored in await where.all(store):
            known.add(kind, stored.value.id)
    for host in await kinds.HOSTS.all(store):
        state = "" if host.value.state is HostState.READY else str(host.value.state)
        known.add("host", host.value.id, state)
    for vm in await kinds.VMS.all(store):
        known.add("vm", vm.value.id, str(vm.value.state), vm.value.project_id)
    for disk in await kinds.DISKS.all(store):
        kept = disk.value.state is DiskState.DELETED
        state = "DISCARDED" if kept else f"{disk.value.state} {disk.value.vm_id}".strip()
        known.add("disk", disk.value.id, state, disk.value.project_id)
    known.names = NAMES_FROM
