"""The fleet as numpy columns: what placement decides on.

One row a host, in the order of their coming; a row whose host is gone is used
again.  The columns live as long as a controller and are changed in place, one
host, share or datastore at a time; ``choose`` only reads them.  Sizes are in MiB
of memory and bytes of disk.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from heliostat.controller.model.host import UsageTag
from heliostat.controller.model.reservation import DiskShare, Reservation, VmShare
from heliostat.controller.scheduler.arrays import (
    BASE,
    PER_CPU,
    PER_MIB,
    Bools,
    HostArrays,
)
from heliostat.controller.scheduler.decision import Reason
from heliostat.controller.scheduler.occupancy import Occupancy
from heliostat.controller.scheduler.request import TermKind
from heliostat.controller.scheduler.rooms import Allowed, Rooms
from heliostat.controller.scheduler.rows import HostRow
from heliostat.controller.scheduler.settings import SchedulerSettings
from heliostat.controller.scheduler.stores import StoreColumns
from heliostat.controller.scheduler.tally import Index, Rows

_VIEWS = 16
_PLACES = 2048
_GAINS = 256
"""After so many hosts gained room, the least room of all is looked up anew."""


@dataclass(slots=True)
class Place:
    """The usable hosts (``among``) of a place: in order, as a mask, and their shelves."""

    among: Bools
    rows: Rows
    mask: Bools
    shelves: Rows


@dataclass(slots=True)
class Usable:
    """The hosts that take guests of one use, and why the others don't.

    ``cpu_least`` and ``memory_least`` are lower bounds of the room that they have: mostly
    these tell that none lacks any.  Known as long as no host comes, goes or changes places.
    """

    mask: Bools
    count: int
    ruled_out: Mapping[str, int]
    cpu_least: float
    memory_least: float
    gains: int = 0
    places: dict[tuple[TermKind, str], Place] = field(default_factory=dict)


@dataclass(slots=True)
class Load:
    """What is promised on a host, and out of how much."""

    cpu_used: int = 0
    memory_used: int = 0
    cpu_capacity: float = 1.0
    memory_capacity: float = 1.0


class HostColumns:
    """Everything placement knows; ``settings`` are fixed for its life."""

    def __init__(self, settings: SchedulerSettings | None = None) -> None:
        self.settings = settings if settings is not None else SchedulerSettings()
        self.stores = StoreColumns(self.settings)
        self.occupancy = Occupancy()
        self.zones = Index()
        self.networks = Index()
        self.position: dict[str, int] = {}
        self.hosts: list[HostRow | None] = []
        self.loads: list[Load] = []
        self._free: list[int] = []
        self._usable: dict[UsageTag, Usable] = {}
        self._views: dict[tuple[str, ...], Rooms] = {}
        self.own_rooms = Rooms(self.stores, self.settings.weight_disk)
        self.arrays = HostArrays()
        self.stores.grow(len(self.arrays))

    def __len__(self) -> int:
        return len(self.position)

    @property
    def size(self) -> int:
        """Rows in use, holes included."""
        return len(self.hosts)

    @property
    def shelves_in_use(self) -> slice:
        """All shelves; without the empty one if only rows without a host are on it."""
        bare_hosts = self.stores.on_empty_shelf - len(self.arrays) + len(self)
        return slice(0 if bare_hosts else 1, self.stores.shelves)

    def on_every_shelf(self, rooms: Rooms) -> bool:
        """Whether no host lacks an allowed datastore."""
        return bool(rooms.has[self.shelves_in_use].all())

    def put(self, host: HostRow) -> None:
        """A host as it is now; what is reserved on it stays."""
        row = self.position.get(host.id)
        if row is None:
            row = self._row(host.id)
        before, self.hosts[row] = self.hosts[row], host
        if before is None or _standing(before) != _standing(host):
            self._usable.clear()
        self._classify(row, before, host)
        first = self.stores.first_of(row)
        unplaced = self._unplaced(row)
        self.stores.put(row, host.datastores)
        if self.stores.first_of(row) != first:
            self.stores.add_first_used(first, -unplaced)
            self.stores.add_first_used(self.stores.first_of(row), unplaced)
        self._measure(row)

    def drop(self, host_id: str) -> None:
        """A host that is gone, and all that was reserved on it."""
        row = self.position.get(host_id)
        if row is None:
            return
        self.reserve(Reservation(host_id=host_id))
        gone = HostRow(host_id, "", ready=False, active=False, usage=frozenset())
        self.put(gone)
        self.zones.add("", row, -1)
        del self.position[host_id]
        self.hosts[row] = None
        self.arrays.exists[row] = False
        self._usable.clear()
        self._free.append(row)

    def reserve(self, reservation: Reservation) -> None:
        """What a host's document reserves now; only differences cost anything."""
        row = self.position.get(reservation.host_id)
        if row is None:
            return
        held, wanted = self.occupancy.vms[row], reservation.vms
        for vm_id in [each for each in held if wanted.get(each) != held[each]]:
            self.remove_vm(row, vm_id)
        for vm_id in [each for each in wanted if each not in held]:
            self.add_vm(row, vm_id, wanted[vm_id])
        disks = {
            disk_id: reservation.placed.get(disk_id) or DiskShare(size_bytes=size_bytes)
            for disk_id, size_bytes in reservation.disks.items()
        }
        kept = self.occupancy.disks[row]
        for disk_id in [each for each in kept if disks.get(each) != kept[each]]:
            self.remove_disk(row, disk_id)
        for disk_id in [each for each in disks if each not in kept]:
            self.add_disk(row, disk_id, disks[disk_id])

    def add_vm(self, row: int, vm_id: str, share: VmShare) -> None:
        self.occupancy.add_vm(row, vm_id, share)
        self._use(row, share, 1)

    def remove_vm(self, row: int, vm_id: str) -> None:
        self._use(row, self.occupancy.remove_vm(row, vm_id), -1)

    def add_disk(self, row: int, disk_id: str, share: DiskShare) -> None:
        self.occupancy.add_disk(row, disk_id, share)
        if not share.datastore:
            self.stores.add_first_used(self.stores.first_of(row), share.size_bytes)

    def remove_disk(self, row: int, disk_id: str) -> None:
        share = self.occupancy.remove_disk(row, disk_id)
        if not share.datastore:
            self.stores.add_first_used(self.stores.first_of(row), -share.size_bytes)

    def usable(self, usage: UsageTag) -> Usable:
        """Which hosts are READY, reachable and meant for ``usage``."""
        known = self._usable.get(usage)
        if known is None or known.gains > _GAINS:
            known = self._usable[usage] = self._count_usable(usage)
        return known

    def place(self, usage: UsageTag, kind: TermKind, value: str) -> Place:
        """The usable hosts of a zone, on a network, or with a datastore."""
        usable = self.usable(usage)
        known = usable.places.get((kind, value))
        if known is None:
            mask: Bools = np.zeros(self.size, dtype=np.bool_)
            mask[self._rows_in(kind, value)] = True
            mask &= usable.mask
            rows = np.flatnonzero(mask)
            known = Place(usable.mask, rows, mask, self.stores.shelf_of.take(rows))
            if len(usable.places) >= _PLACES:
                usable.places.clear()
            usable.places[kind, value] = known
        return known

    def _rows_in(self, kind: TermKind, value: str) -> Rows:
        if kind is TermKind.ZONE:
            return self.zones.rows(value)
        if kind is TermKind.NETWORK:
            return self.networks.rows(value)
        return self.stores.hosts[self.stores.number.get(value, 0)].rows

    def rooms(self) -> Rooms:
        """The roomiest datastore of each shelf."""
        self.own_rooms.refresh()
        return self.own_rooms

    def rooms_among(self, key: tuple[str, ...], allowed: Allowed) -> Rooms:
        """The same among the datastores that ``allowed`` names; ``key`` stands for it."""
        view = self._views.pop(key, None) or Rooms(self.stores, self.settings.weight_disk, allowed)
        self._views[key] = view  # last, because used last
        if len(self._views) > _VIEWS:
            del self._views[next(iter(self._views))]
        view.refresh()
        return view

    def _row(self, host_id: str) -> int:
        if self._free:
            row = self._free.pop()
        else:
            row = len(self.hosts)
            self.hosts.append(None)
            self.loads.append(Load())
            self.occupancy.grow()
            if row == len(self.arrays):
                self.arrays.grow(2 * row)
                self.stores.grow(len(self.arrays))
        self.position[host_id] = row
        self.arrays.salt[row] = zlib.crc32(host_id.encode())
        self.zones.add("", row)
        return row

    def _classify(self, row: int, before: HostRow | None, host: HostRow) -> None:
        arrays = self.arrays
        arrays.exists[row], arrays.ready[row], arrays.active[row] = True, host.ready, host.active
        arrays.cloud[row] = UsageTag.CLOUD in host.usage
        arrays.mgmt[row] = UsageTag.MGMT in host.usage
        zone = before.zone if before is not None else ""
        if host.zone != zone:
            self.zones.add(zone, row, -1)
            self.zones.add(host.zone, row)
        networks = before.networks if before is not None else frozenset()
        for network in host.networks - networks:
            self.networks.add(network, row)
        for network in networks - host.networks:
            self.networks.add(network, row, -1)

    def _measure(self, row: int) -> None:
        """Capacities and terms of a host whose size has changed."""
        host, load, settings = self.hosts[row], self.loads[row], self.settings
        cpus, memory_mib = (host.cpu_count, host.memory_mib) if host is not None else (0, 0)
        load.cpu_capacity = max(cpus * settings.cpu_overcommit, 1.0)
        load.memory_capacity = max(memory_mib * settings.memory_overcommit, 1.0)
        self.arrays.terms[row, PER_CPU] = settings.weight_cpu / load.cpu_capacity
        self.arrays.terms[row, PER_MIB] = settings.weight_memory / load.memory_capacity
        self._settle(row)

    def _use(self, row: int, share: VmShare, sign: int) -> None:
        load = self.loads[row]
        load.cpu_used += sign * share.cpu_count
        load.memory_used += sign * share.memory_mib
        self._settle(row, gained=sign < 0)
        unplaced = share.disk_bytes - sum(share.datastores.values())
        if unplaced:
            self.stores.add_first_used(self.stores.first_of(row), sign * unplaced)

    def _settle(self, row: int, gained: bool = True) -> None:
        """What is left on a host."""
        host, load, settings = self.hosts[row], self.loads[row], self.settings
        if host is None:
            return
        promised = settings.memory_overcommit * settings.fill_limit
        arrays = self.arrays
        cpu_room = host.cpu_count * settings.cpu_overcommit - load.cpu_used
        memory_room = host.memory_mib * promised - load.memory_used
        arrays.cpu_room[row], arrays.memory_room[row] = cpu_room, memory_room
        for usable in self._usable.values():
            if cpu_room < usable.cpu_least:
                usable.cpu_least = cpu_room
            if memory_room < usable.memory_least:
                usable.memory_least = memory_room
            usable.gains += gained
        arrays.terms[row, BASE] = settings.weight_memory * (
            1.0 - load.memory_used / load.memory_capacity
        ) + settings.weight_cpu * (1.0 - load.cpu_used / load.cpu_capacity)

    def _unplaced(self, row: int) -> int:
        """Bytes that the host's document reserves without naming a datastore."""
        shares = self.occupancy.vms[row].values()
        vms = sum(each.disk_bytes - sum(each.datastores.values()) for each in shares)
        disks = self.occupancy.disks[row].values()
        return vms + sum(each.size_bytes for each in disks if not each.datastore)

    def _count_usable(self, usage: UsageTag) -> Usable:
        arrays, size = self.arrays, self.size
        mask = arrays.exists[:size].copy()
        left = len(self)
        ruled_out: dict[str, int] = {}
        meant = arrays.cloud if usage is UsageTag.CLOUD else arrays.mgmt
        checks = (Reason.STATE, arrays.ready), (Reason.AGENT, arrays.active), (Reason.USAGE, meant)
        for reason, passed in checks:
            mask &= passed[:size]
            now = int(np.count_nonzero(mask))
            if now < left:
                ruled_out[reason] = left - now
            left = now
        cpu_room, memory_room = arrays.cpu_room[:size][mask], arrays.memory_room[:size][mask]
        return Usable(
            mask,
            left,
            ruled_out,
            float(cpu_room.min(initial=math.inf)),
            float(memory_room.min(initial=math.inf)),
        )


def _standing(host: HostRow) -> tuple[object, ...]:
    """What decides whether it takes guests at all, and in which places it is."""
    stores = [each.id for each in host.datastores]
    sizes = host.cpu_count, host.memory_mib
    return host.ready, host.active, host.usage, host.zone, host.networks, stores, sizes
