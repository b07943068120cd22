"""What is reserved: a small document a host, and one a datastore, changed by compare-and-set.

Invariants: a host's document names exactly the machines and disks whose
``host_id`` is the host; a datastore's document has, for every host, the sum of
what that host's document places there.  A datastore that several hosts share
thus has one document that all their reservations pass through.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TypeVar

import msgspec
from msgspec.structs import replace

_T = TypeVar("_T")


class Scope(StrEnum):
    """How far "the same place" reaches."""

    HOST = "host"
    ZONE = "availabilityZone"


class Avoided(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine keeps away from itself for as long as it is there.

    ``key`` is ``vm:<id>``, ``disk:<id>`` or ``label:<project>:<key>=<value>``.
    """

    key: str
    scope: Scope = Scope.HOST


class VmShare(msgspec.Struct, frozen=True, kw_only=True):
    """What one VM takes: its own disks without what its image already holds.

    ``datastores`` has bytes by datastore; what it lacks of ``disk_bytes`` lies on the
    host's first datastore (documents from before there were several).  ``labels`` are
    ``key=value``.
    """

    cpu_count: int
    memory_mib: int
    disk_bytes: int
    project_id: str = ""
    datastores: dict[str, int] = {}
    labels: tuple[str, ...] = ()
    avoids: tuple[Avoided, ...] = ()


class DiskShare(msgspec.Struct, frozen=True, kw_only=True):
    """What one persistent disk takes; no ``datastore`` means the host's first."""

    size_bytes: int
    datastore: str = ""
    avoids: tuple[Avoided, ...] = ()


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """Shares by VM id, bytes by disk id; ``placed`` tells more of some of the disks."""

    host_id: str
    vms: dict[str, VmShare] = {}
    disks: dict[str, int] = {}
    placed: dict[str, DiskShare] = {}
    schema: int = 1

    @property
    def cpu_count(self) -> int:
        return sum(share.cpu_count for share in self.vms.values())

    @property
    def memory_mib(self) -> int:
        return sum(share.memory_mib for share in self.vms.values())

    @property
    def disk_bytes(self) -> int:
        return sum(share.disk_bytes for share in self.vms.values()) + sum(self.disks.values())

    @property
    def is_empty(self) -> bool:
        return not self.vms and not self.disks

    def bytes_by_datastore(self) -> dict[str, int]:
        """What lies where; under ``""`` what lies on the host's first datastore."""
        found: Counter[str] = Counter()
        for share in self.vms.values():
            found.update(share.datastores)
            found[""] += share.disk_bytes - sum(share.datastores.values())
        for disk_id, size_bytes in self.disks.items():
            found[self.datastore_of(disk_id)] += size_bytes
        return {key: count for key, count in found.items() if count}

    def datastore_of(self, disk_id: str) -> str:
        """The datastore of a persistent disk; empty for the host's first."""
        placed = self.placed.get(disk_id)
        return placed.datastore if placed is not None else ""

    def with_vm(self, vm_id: str, share: VmShare) -> Reservation:
        return replace(self, vms={**self.vms, vm_id: share})

    def without_vm(self, vm_id: str) -> Reservation:
        return replace(self, vms=_without(self.vms, vm_id))

    def with_disk(self, disk_id: str, share: DiskShare) -> Reservation:
        return replace(
            self,
            disks={**self.disks, disk_id: share.size_bytes},
            placed={**self.placed, disk_id: share},
        )

    def without_disk(self, disk_id: str) -> Reservation:
        return replace(
            self, disks=_without(self.disks, disk_id), placed=_without(self.placed, disk_id)
        )


class Separation(msgspec.Struct, frozen=True, kw_only=True):
    """Exists once a project has terms by zone: all its placements then take turns on it.

    Such a term speaks of several hosts, and a placement's commit guards only one of them.
    """

    project_id: str
    placements: int = 0
    schema: int = 1


class DatastoreReservation(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes reserved on a datastore, by host."""

    datastore_id: str
    hosts: dict[str, int] = {}
    schema: int = 1

    @property
    def total_bytes(self) -> int:
        return sum(self.hosts.values())

    def with_host(self, host_id: str, size_bytes: int) -> DatastoreReservation:
        others = _without(self.hosts, host_id)
        return replace(self, hosts={**others, host_id: size_bytes} if size_bytes else others)


def _without(items: dict[str, _T], key: str) -> dict[str, _T]:
    return {each: value for each, value in items.items() if each != key}
