"""Changing what is reserved: the part of a commit that a removal or a new label adds.

The host's document and those of the datastores concerned change together, so that
a datastore always has for each host the sum of what that host places there.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.labels import pair
from heliostat.controller.model.reservation import DatastoreReservation, Reservation
from heliostat.controller.model.vm import Vm
from heliostat.controller.workflows.kinds import DATASTORE_RESERVATIONS, RESERVATIONS


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a commit."""

    guards: tuple[Guard, ...] = ()
    changes: tuple[Change, ...] = ()


async def released(store: CloudStore, host_id: str, *, vm: str = "", disk: str = "") -> Part:
    """The part of a commit that gives a VM's or a disk's reservation back, if it is there."""
    stored = await RESERVATIONS.get(store, host_id) if host_id else None
    if stored is None:
        return Part()
    after = stored.value.without_vm(vm).without_disk(disk)
    if after == stored.value:
        return Part()
    guards: list[Guard] = [RESERVATIONS.guard(stored)]
    changes: list[Change] = (
        RESERVATIONS.delete(stored.value)
        if after.is_empty
        else RESERVATIONS.put(after, stored.value)
    )
    before_bytes, after_bytes = stored.value.bytes_by_datastore(), after.bytes_by_datastore()
    for datastore_id in sorted(before_bytes.keys() | after_bytes.keys()):
        left = after_bytes.get(datastore_id, 0)
        if datastore_id and before_bytes.get(datastore_id, 0) != left:
            held = await DATASTORE_RESERVATIONS.get(store, datastore_id)
            part = shared(held, datastore_id, host_id, left)
            guards.extend(part.guards)
            changes.extend(part.changes)
    return Part(tuple(guards), tuple(changes))


async def relabelled(store: CloudStore, vm: Vm) -> Part:
    """The part of a commit after which placements know the VM by its labels of now."""
    stored = await RESERVATIONS.get(store, vm.host_id) if vm.host_id else None
    share = stored.value.vms.get(vm.id) if stored is not None else None
    if stored is None or share is None or share.labels == label_texts(vm):
        return Part()
    after = stored.value.with_vm(vm.id, replace(share, labels=label_texts(vm)))
    changes = RESERVATIONS.put(after, stored.value)
    return Part((RESERVATIONS.guard(stored),), tuple(changes))


def label_texts(vm: Vm) -> tuple[str, ...]:
    """The labels as affinities name them."""
    return tuple(pair(key, value) for key, value in vm.labels.items())


def shared(
    held: Stored[DatastoreReservation] | None, datastore_id: str, host_id: str, size_bytes: int
) -> Part:
    """The part of a commit after which a host has ``size_bytes`` reserved on a datastore."""
    kind = DATASTORE_RESERVATIONS
    if held is None:
        fresh = DatastoreReservation(datastore_id=datastore_id).with_host(host_id, size_bytes)
        changes = kind.put(fresh) if fresh.hosts else []
        return Part((kind.absent(datastore_id),), tuple(changes))
    after = held.value.with_host(host_id, size_bytes)
    changes = kind.put(after, held.value) if after.hosts else kind.delete(held.value)
    return Part((kind.guard(held),), tuple(changes))


def empty(host_id: str) -> Reservation:
    """What a host without a document has reserved."""
    return Reservation(host_id=host_id)
