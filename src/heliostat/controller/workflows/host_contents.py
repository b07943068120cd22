"""What a host holds and does: why it should not be stopped, or not yet.

One list serves the answer to "is it safe to stop this host" and the plan of
entering maintenance, so both say the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from heliostat.cloudstore.contract import CloudStore
from heliostat.controller.model.disk import DiskState
from heliostat.controller.model.host import Host, HostState, UsageTag
from heliostat.controller.model.vm import Vm, VmState
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.kinds import DATASTORE as DATASTORE_KIND
from heliostat.controller.workflows.kinds import (
    DATASTORES,
    DISK,
    DISKS,
    HOST,
    HOSTS,
    INVENTORIES,
    VM,
    VMS,
)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A thing in the way; ``blocks`` if stopping the host would interrupt or lose something.

    Others are consequences to know of.  ``kind`` and ``id`` name the thing.
    """

    code: str
    message: str
    blocks: bool
    kind: str
    id: str


async def obstacles(store: CloudStore, host: Host) -> list[Obstacle]:
    """Everything to consider before the host stops, what blocks first."""
    found = [each async for each in _obstacles(store, host)]
    return sorted(found, key=lambda each: not each.blocks)


async def _obstacles(store: CloudStore, host: Host) -> AsyncIterator[Obstacle]:
    if host.task_id:
        sentence = f"The host {host.address} is under another operation, task {host.task_id}."
        yield Obstacle("ConcurrentTask", sentence, True, HOST, host.id)
    for stored in await VMS.by_index(store, "host", host.id):
        yield _vm(stored.value)
    for disk in await DISKS.by_index(store, "host", host.id):
        yield _disk(disk.value.name, disk.value.id, attached=disk.value.state is DiskState.ATTACHED)
    async for each in _sole_datastores(store, host):
        yield each
    if host.state is HostState.READY:
        yield await _place_for_new(store, host)


def _vm(vm: Vm) -> Obstacle:
    if vm.task_id:
        sentence = f"The VM {vm.name} ({vm.id}) is under an operation, task {vm.task_id}."
        return Obstacle("ConcurrentTask", sentence, True, VM, vm.id)
    runs = vm.state is VmState.STARTED
    what = {
        VmState.STARTED: "runs here and would be interrupted",
        VmState.SUSPENDED: "is suspended here and could not be resumed",
    }.get(vm.state, f"is {vm.state} here and could not be started")
    return Obstacle("HostHasVms", f"The VM {vm.name} ({vm.id}) {what}.", runs, VM, vm.id)


def _disk(name: str, disk_id: str, *, attached: bool) -> Obstacle:
    how = "is attached to a VM" if attached else "could not be attached"
    sentence = f"The persistent disk {name} ({disk_id}) lies here and {how}."
    return Obstacle("DiskInUse", sentence, False, DISK, disk_id)


async def _sole_datastores(store: CloudStore, host: Host) -> AsyncIterator[Obstacle]:
    """Shared datastores that no other connected host has: others' disks lie in them too."""
    inventory = await INVENTORIES.get(store, host.id)
    for held in inventory.value.datastores if inventory is not None else ():
        sharing = set(await INVENTORIES.ids_by_index(store, "datastore", held.datastore_id))
        others = sharing - {host.id}
        if others and not [each for each in others if await reading.agent_is_active(store, each)]:
            stored = await DATASTORES.get(store, held.datastore_id)
            name = stored.value.name if stored is not None else held.name
            yield Obstacle(
                "DatastoreUnavailable",
                f"It is the last connected one of {len(sharing)} hosts with the datastore {name}.",
                False,
                DATASTORE_KIND,
                held.datastore_id,
            )


async def _place_for_new(store: CloudStore, host: Host) -> Obstacle:
    others = [
        each.value
        for each in await HOSTS.all(store)
        if each.value.id != host.id
        and each.value.state is HostState.READY
        and UsageTag.CLOUD in each.value.usage_tags
    ]
    where = f"Other READY hosts for them: {len(others)}"
    if host.zone:
        where += f", {sum(each.zone == host.zone for each in others)} of them in its zone"
    sentence = f"The host is READY: new VMs may still be placed on it. {where}."
    return Obstacle("InvalidHostState", sentence, True, HOST, host.id)
