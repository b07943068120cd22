"""What controller and agent say to each other.

The agent dials the controller (WebSocket over mutual TLS).  The controller
streams the desired state of the agent's own host; the agent acts, and reports
what is.  ``revision`` of a desired document is its fencing generation: an agent
remembers the highest it has seen for an entity and refuses an older one.  A
report names the revision it has converged to.

Frames are JSON objects with a ``type``; requests carry an ``id`` and are
answered by a ``Response`` with the same ``id`` (multiplexed).  Bulk (image
content, consoles, port tunnels) uses connections of its own.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Power(StrEnum):
    """The power state that a VM is wanted in."""

    ON = "ON"
    OFF = "OFF"
    SUSPENDED = "SUSPENDED"


class GuestState(StrEnum):
    """The state a VM is found in by its agent."""

    PREPARING = "PREPARING"
    STOPPED = "STOPPED"
    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    CRASHED = "CRASHED"


class DiskKind(StrEnum):
    """Boot disks overlay an image; ephemeral ones start empty; both die with their VM."""

    BOOT = "BOOT"
    EPHEMERAL = "EPHEMERAL"
    PERSISTENT = "PERSISTENT"


class BootBus(StrEnum):
    """What boot disk and seed are attached to; QEMU can't save guests that have an NVMe disk."""

    HOST = ""
    """The host's default."""
    VIRTIO = "virtio"
    NVME = "nvme"


class DesiredVmDisk(msgspec.Struct, frozen=True, kw_only=True):
    """A disk of a VM; ``image_digest`` (sha256 hex) only for the boot disk.

    ``datastore`` is the id of the datastore it lies in; empty means the agent's home.
    """

    id: str
    kind: DiskKind
    capacity_bytes: int
    image_digest: str = ""
    datastore: str = ""


class DesiredNic(msgspec.Struct, frozen=True, kw_only=True):
    """A network interface on the host's user-mode network."""

    mac: str
    network: str = "user"


class DesiredIso(msgspec.Struct, frozen=True, kw_only=True):
    """The disc image that shall lie in a VM's CD drive: a blob, kept as it was uploaded."""

    digest: str
    size_bytes: int


class DesiredVm(msgspec.Struct, frozen=True, kw_only=True, tag="vm"):
    """A VM as it shall be on its host.

    ``restart`` counts restarts asked for: a larger number than the one last done
    restarts a running guest once.  ``hard`` powers off without asking the guest.
    ``restart_on_crash`` is the policy for a guest that died by itself.  ``boot_bus``
    is heeded when the VM is prepared and stays.
    """

    id: str
    revision: int = 0
    name: str
    power: Power
    cpu_count: int
    memory_mib: int
    disks: tuple[DesiredVmDisk, ...]
    nics: tuple[DesiredNic, ...] = ()
    iso: DesiredIso | None = None
    restart: int = 0
    hard: bool = False
    restart_on_crash: bool = True
    boot_bus: BootBus = BootBus.HOST
    stop_timeout_s: float = 60.0
    hostname: str = ""
    ssh_keys: tuple[str, ...] = ()
    user_data: str = ""
    environment: dict[str, str] = {}


class DesiredDisk(msgspec.Struct, frozen=True, kw_only=True, tag="disk"):
    """A persistent disk that shall exist on the host, attached or not."""

    id: str
    revision: int = 0
    capacity_bytes: int
    datastore: str = ""


class DesiredImage(msgspec.Struct, frozen=True, kw_only=True, tag="image"):
    """An image (qcow2 blob) that shall lie in a datastore of the host before it is needed.

    ``attempt`` counts how often a host that gave up was asked again.
    """

    digest: str
    revision: int = 0
    size_bytes: int
    datastore: str = ""
    attempt: int = 0


class DesiredCapture(msgspec.Struct, frozen=True, kw_only=True, tag="capture"):
    """The content of a VM's boot disk that shall become the image ``id``; the VM is off."""

    id: str
    revision: int = 0
    vm_id: str


Desired = DesiredVm | DesiredDisk | DesiredImage | DesiredCapture


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why an entity has not converged; ``permanent`` if trying again can't help."""

    code: str
    message: str
    permanent: bool = False


class ReportedVm(msgspec.Struct, frozen=True, kw_only=True, tag="vm"):
    """A VM as it is; ``revision`` is the desired one it was last converged to (or failed at).

    ``settled`` is true when the agent has nothing left to do for that revision;
    with a ``fault`` that means it gave up.  ``inserted`` is the digest of the disc
    image in a running guest's CD drive; ``boot_bus`` what the VM was prepared with,
    empty while it is not.
    """

    id: str
    revision: int
    settled: bool
    state: GuestState
    restart: int = 0
    attached_disks: tuple[str, ...] = ()
    inserted: str = ""
    boot_bus: str = ""
    accelerator: str = ""
    crashes: int = 0
    fault: Fault | None = None
    detail: str = ""


class ReportedDisk(msgspec.Struct, frozen=True, kw_only=True, tag="disk"):
    """A persistent disk as it is."""

    id: str
    revision: int
    settled: bool
    fault: Fault | None = None


class ReportedImage(msgspec.Struct, frozen=True, kw_only=True, tag="image"):
    """A wanted image as it is; ``progress`` is 0..1 while it is fetched."""

    digest: str
    revision: int
    settled: bool
    progress: float = 1.0
    fault: Fault | None = None
    datastore: str = ""


class ReportedCapture(msgspec.Struct, frozen=True, kw_only=True, tag="capture"):
    """How far a capture is; once settled without fault, the controller has the blob ``digest``."""

    id: str
    revision: int
    settled: bool
    digest: str = ""
    progress: float = 0.0
    fault: Fault | None = None


Reported = ReportedVm | ReportedDisk | ReportedImage | ReportedCapture


class DatastoreType(StrEnum):
    """What kind of storage a datastore is, in the words that existing clients know."""

    LOCAL_VMFS = "LOCAL_VMFS"
    SHARED_VMFS = "SHARED_VMFS"
    NFS_3 = "NFS_3"
    NFS_41 = "NFS_41"
    VSAN = "VSAN"
    EXT3 = "EXT3"
    OTHER = "OTHER"


class HostDatastore(msgspec.Struct, frozen=True, kw_only=True):
    """A datastore as one host has it; ``images`` are the digests of complete images in it.

    ``datastore_id`` lies in the folder itself, so hosts that share it report the same.
    ``available`` is false while nothing can be placed in it: its folder is not mounted
    (sizes are 0 then), or the host's settings no longer list it.
    """

    datastore_id: str
    name: str
    type: str = "OTHER"
    tags: tuple[str, ...] = ()
    total_bytes: int = 0
    free_bytes: int = 0
    images: tuple[str, ...] = ()
    available: bool = True


class HostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a host has; sizes in bytes, memory in MiB.

    ``datastores`` has the host's first one first; ``datastore`` is its name, the disk
    sizes are sums and ``images`` are those of all of them.
    """

    hostname: str
    cpu_count: int
    memory_mib: int
    disk_total_bytes: int
    disk_free_bytes: int
    datastore: str
    accelerator: str
    hypervisor: str
    agent_version: str
    images: tuple[str, ...] = ()
    datastores: tuple[HostDatastore, ...] = ()
    networks: tuple[str, ...] = ()


class LeftoverKind(StrEnum):
    """What may lie in a datastore and be needed by nobody."""

    IMAGE = "image"
    VM = "vm"
    """The disks of a VM of another host, or of none."""
    DISK = "disk"


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a datastore that this host itself does not need.

    ``unneeded_s`` counts while one agent runs; ``revision`` is the newest wish about it
    that this host has heard of, -1 if none.
    """

    kind: LeftoverKind
    id: str
    datastore: str
    size_bytes: int = 0
    unneeded_s: float = 0.0
    revision: int = -1

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.id}@{self.datastore}"


class Clearance(msgspec.Struct, frozen=True, kw_only=True):
    """An order to remove leftovers by their names, decided at ``revision``.

    The host keeps what it needs, and what was not unneeded for ``grace_s``.
    """

    names: tuple[str, ...]
    revision: int
    grace_s: float


class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """What an order came to; ``kept`` tells why, by name."""

    removed: tuple[str, ...] = ()
    kept: dict[str, str] = {}


# agent -> controller


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """First frame of an agent; the host id is the one in its certificate."""

    facts: HostFacts


class Report(msgspec.Struct, frozen=True, kw_only=True, tag="report"):
    """What changed on the host; ``gone`` are keys (``vm/<id>`` …) that no longer exist.

    ``full`` marks the complete inventory that follows every (re)connection.
    """

    items: tuple[Reported, ...] = ()
    gone: tuple[str, ...] = ()
    full: bool = False
    facts: HostFacts | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True, tag="response"):
    """Answer to a ``Request``: a result or a fault."""

    id: int
    result: Any = None
    fault: Fault | None = None


AgentFrame = Hello | Report | Response


# controller -> agent


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, tag="snapshot"):
    """The whole desired state of the host; what is not in it shall not exist."""

    items: tuple[Desired, ...]
    revision: int


class Wanted(msgspec.Struct, frozen=True, kw_only=True, tag="wanted"):
    """One entity's desired state changed."""

    item: Desired


class Unwanted(msgspec.Struct, frozen=True, kw_only=True, tag="unwanted"):
    """An entity (``vm/<id>``, ``disk/<id>``, ``image/<copy>``) shall no longer exist."""

    key: str
    revision: int


class Request(msgspec.Struct, frozen=True, kw_only=True, tag="request"):
    """A question to the agent; methods are listed in ``REQUESTS``."""

    id: int
    method: str
    params: dict[str, Any] = {}


ControllerFrame = Snapshot | Wanted | Unwanted | Request

REQUESTS = {
    "host.stats": "samples of the last hour: {samples: [HostSample]}",
    "host.facts": "what the host has now: {facts: HostFacts}",
    "host.leftovers": "what no wish of the host needs: {leftovers: [Leftover]}",
    "host.clear": "Clearance -> Cleared",
    "vm.stats": "{vm} -> {samples: [VmSample]}",
    "vm.log": "{vm, tail_bytes} -> {text}",
    "vm.networks": "{vm} -> {networkConnections: [...]} as on the public API",
    "tunnel": "{vm, kind: serial|screen|port, port?, ticket} -> dial /agent/tunnel/<ticket>",
}


class HostSample(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of a host; percentages of all CPUs, rates per second."""

    at_ms: int
    cpu_percent: float
    memory_used_mib: float
    memory_total_mib: float
    disk_used_bytes: int
    disk_total_bytes: int
    net_rx_bytes_per_s: float
    net_tx_bytes_per_s: float
    guests_running: int


class VmSample(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of a guest; CPU in percent of one CPU, rates per second."""

    at_ms: int
    cpu_percent: float
    memory_rss_mib: float
    disk_read_bytes_per_s: float
    disk_write_bytes_per_s: float
    net_rx_bytes_per_s: float
    net_tx_bytes_per_s: float


def vm_key(vm_id: str) -> str:
    return f"vm/{vm_id}"


def disk_key(disk_id: str) -> str:
    return f"disk/{disk_id}"


def image_copy(digest: str, datastore: str) -> str:
    """What a copy of an image in one datastore is called: one name a place it shall lie in."""
    return f"{digest}@{datastore}" if datastore else digest


def capture_key(image_id: str) -> str:
    return f"capture/{image_id}"


def image_key(digest: str, datastore: str = "") -> str:
    return f"image/{image_copy(digest, datastore)}"
