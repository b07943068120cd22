"""Virtual machines.

A new VM is STOPPED; it is never started by its creation.  ``task_id`` names the
operation under way: while it is set, no other operation is admitted.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

import msgspec

from heliostat.agentlink.messages import BootBus
from heliostat.controller.model.affinity import Affinity
from heliostat.controller.model.policy import Policy
from heliostat.controller.model.quantity import CostItem


class VmState(StrEnum):
    """State of a VM, as clients know it."""

    CREATING = "CREATING"
    STARTED = "STARTED"
    SUSPENDED = "SUSPENDED"
    STOPPED = "STOPPED"
    ERROR = "ERROR"
    DELETED = "DELETED"

    @property
    def takes_disks(self) -> bool:
        """Whether persistent disks and disc images may be attached and detached."""
        return self in (VmState.STOPPED, VmState.STARTED)

    @property
    def is_off(self) -> bool:
        """Whether the VM may be deleted."""
        return self in (VmState.STOPPED, VmState.ERROR)


class VmDisk(msgspec.Struct, frozen=True, kw_only=True):
    """A disk that lives and dies with its VM; ``datastore_id`` is where it was placed."""

    id: str
    name: str
    flavor_id: str
    flavor: str
    capacity_gb: int
    boot: bool
    cost: tuple[CostItem, ...] = ()
    datastore_id: str = ""


class VmIso(msgspec.Struct, frozen=True, kw_only=True):
    """The disc image in a VM's CD drive; its content is a blob that the VM refers to."""

    id: str
    name: str
    size_bytes: int
    digest: str


class Vm(msgspec.Struct, frozen=True, kw_only=True):
    """``cost`` is everything charged to the project's quota, disks included.

    ``attached_disk_ids`` are persistent disks; ``restart_count`` counts restarts
    asked for; ``host_id`` is empty until a host is reserved; ``crash_told`` is the
    last crash that has a task.
    """

    id: str
    project_id: str
    tenant_id: str
    name: str
    state: VmState
    flavor_id: str
    flavor: str
    cpu_count: int
    memory_mib: int
    image_id: str
    image_digest: str
    disks: tuple[VmDisk, ...]
    cost: tuple[CostItem, ...]
    mac: str
    host_id: str = ""
    datastore: str = ""
    attached_disk_ids: tuple[str, ...] = ()
    iso: VmIso | None = None
    affinities: tuple[Affinity, ...] = ()
    metadata: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    subnets: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    ssh_keys: tuple[str, ...] = ()
    user_data: str = ""
    restart_on_crash: bool = True
    boot_bus: BootBus = BootBus.HOST
    restart_count: int = 0
    crash_told: str = ""
    policy: Policy = ()
    task_id: str = ""
    created_ms: int = 0
    schema: int = 1


class AttachedDiskSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A disk asked for with its VM; a boot disk's capacity follows its image."""

    name: str
    flavor: str
    kind: str = "ephemeral-disk"
    capacity_gb: int | None = None
    boot_disk: bool = False


class VmSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a VM is created from; the last four fields are ours, the rest is on the wire."""

    name: str
    flavor: str
    source_image_id: str
    attached_disks: tuple[AttachedDiskSpec, ...]
    affinities: tuple[Affinity, ...] = ()
    tags: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    subnets: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    ssh_keys: tuple[str, ...] = ()
    user_data: str = ""
    restart_on_crash: bool = True
    boot_bus: str = ""


def mac_of(vm_id: str) -> str:
    """A locally administered address in QEMU's range, the same for the same VM."""
    tail = hashlib.sha256(vm_id.encode()).digest()[:3]
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in tail)
