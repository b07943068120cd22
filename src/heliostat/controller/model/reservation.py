"""What is reserved on a host: one small document a host, changed by compare-and-set.

Invariant: it names exactly the machines and disks whose ``host_id`` is the host.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace


class VmShare(msgspec.Struct, frozen=True, kw_only=True):
    """What one VM takes: its own disks without what its image already holds."""

    cpu_count: int
    memory_mib: int
    disk_bytes: int
    project_id: str = ""


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """Shares by VM id, bytes by disk id."""

    host_id: str
    vms: dict[str, VmShare] = {}
    disks: dict[str, int] = {}
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

    def with_vm(self, vm_id: str, share: VmShare) -> Reservation:
        return replace(self, vms={**self.vms, vm_id: share})

    def without_vm(self, vm_id: str) -> Reservation:
        return replace(self, vms={key: val for key, val in self.vms.items() if key != vm_id})

    def with_disk(self, disk_id: str, size_bytes: int) -> Reservation:
        return replace(self, disks={**self.disks, disk_id: size_bytes})

    def without_disk(self, disk_id: str) -> Reservation:
        return replace(self, disks={key: val for key, val in self.disks.items() if key != disk_id})
