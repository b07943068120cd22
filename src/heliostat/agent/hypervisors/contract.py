"""What the agent asks of a hypervisor.

A guest is a folder: everything it needs besides persistent disks lies in it, and
whether it runs is found out from the folder alone, so any later agent can adopt
it.  Guests outlive the hypervisor object; ``close`` only lets go of them.

A suspended guest is one that does not run and has saved memory in its folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

SLOTS = 8
"""Persistent disks that can be attached to one guest at a time."""


class Plugged(msgspec.Struct, frozen=True, kw_only=True):
    """A persistent disk in a hot-plug slot (0 to ``SLOTS`` - 1)."""

    id: str
    path: str
    slot: int


class Disc(msgspec.Struct, frozen=True, kw_only=True):
    """A disc image for the CD drive; read-only, named by the digest of its content."""

    digest: str
    path: str


class GuestSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The virtual hardware of a guest; paths inside the folder are relative.

    ``cd_drive`` says that there is a drive, with ``disc`` in it or empty.
    """

    id: str
    name: str
    cpu_count: int
    memory_mib: int
    boot_disk: str
    boot_bus: str = "virtio"
    seed: str = ""
    ephemeral_disks: tuple[str, ...] = ()
    plugged: tuple[Plugged, ...] = ()
    cd_drive: bool = False
    disc: Disc | None = None
    macs: tuple[str, ...] = ()


class Life(StrEnum):
    """What a look at a guest's folder shows."""

    ABSENT = "ABSENT"
    """Not running, no saved memory; it never ran or its end is known by ``End``."""
    RUNNING = "RUNNING"
    SAVED = "SAVED"


class End(StrEnum):
    """How the last run of a guest ended, as far as the hypervisor can tell."""

    NONE = "NONE"
    CLEAN = "CLEAN"
    """Powered off: by itself, or because the agent asked (the agent knows which)."""
    CRASH = "CRASH"
    HOST = "HOST"
    """The host went down under it."""


@dataclass(frozen=True, slots=True)
class Look:
    """A guest as found."""

    life: Life
    end: End = End.NONE
    plugged: frozenset[str] = frozenset()
    accelerator: str = ""
    detail: str = ""
    disc: str = ""
    """Digest of the disc image in the CD drive."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Running totals of a guest since it started; the caller makes rates of them."""

    cpu_s: float
    memory_rss_bytes: int
    disk_read_bytes: int
    disk_write_bytes: int


class ByteStream(Protocol):
    """A two-way stream of bytes to a guest."""

    async def read(self) -> bytes:
        """The next bytes; ``b""`` at the end."""

    async def write(self, data: bytes) -> None: ...

    async def close(self) -> None: ...


class Hypervisor(Protocol):
    """Runs guests on this host.  Failures are ``HeliostatError`` (``HypervisorFailed`` …)."""

    name: str
    accelerator: str
    exited: Callable[[str], None]
    """Called with a guest's id when a guest that was looked at or started ends."""

    async def open(self) -> None:
        """Find programs and accelerator; raises ``QemuMissing``."""

    async def close(self) -> None:
        """Let go of all guests; they run on."""

    async def image_capacity(self, image: Path) -> int:
        """The size in bytes that a disk made from ``image`` has at least."""

    async def create_disk(self, path: Path, capacity_bytes: int, backing: Path | None) -> None:
        """Make a disk that is complete under ``path`` or not there at all."""

    def backing_of(self, disk: Path) -> Path | None:
        """The image that a disk stands on; ``None`` for one of its own, or gone meanwhile."""

    async def flatten(self, disk: Path, out: Path, progress: Callable[[float], None]) -> None:
        """Write what a guest that is off sees of ``disk`` to ``out``, standing on no other file.

        The same disk gives the same bytes.  ``progress`` gets 0..1.  Raises ``DiskFull``;
        cancelling leaves an ``out`` of no use.
        """

    async def look(self, vm_id: str, folder: Path) -> Look:
        """Find out how a guest is, adopting it if it runs.

        Raises ``HeliostatError`` if it runs but does not answer; ``kill`` works then too.
        """

    async def start(self, spec: GuestSpec, folder: Path, *, restore: bool = False) -> None:
        """Start a guest, from its saved memory if ``restore``; returns when it runs."""

    async def press_power(self, vm_id: str) -> None:
        """Ask the guest to power itself off."""

    async def kill(self, vm_id: str) -> None:
        """End the guest at once; returns when it is gone."""

    async def save(self, vm_id: str, progress: Callable[[float], None]) -> None:
        """Save memory and end the guest; on failure it goes on running."""

    def discard_saved(self, folder: Path) -> None:
        """Forget saved memory."""

    async def plug(self, vm_id: str, disk: Plugged) -> None:
        """Attach a disk to the running guest."""

    async def unplug(self, vm_id: str, disk_id: str) -> None:
        """Detach a disk from the running guest; returns when the guest has let go of it."""

    async def insert(self, vm_id: str, disc: Disc) -> None:
        """Put a disc image into the running guest's CD drive, which it gets if it has none."""

    async def eject(self, vm_id: str) -> None:
        """Take out what lies in the CD drive: the guest is asked first, then not waited for."""

    async def usage(self, vm_id: str) -> Usage | None:
        """Totals of a running guest."""

    async def console(self, vm_id: str) -> ByteStream:
        """The serial console."""

    async def screen(self, vm_id: str) -> ByteStream:
        """The display as a VNC server speaks of it (RFB, RFC 6143); several may look at once."""

    async def dial(self, vm_id: str, port: int) -> ByteStream:
        """A TCP connection to the guest; raises ``GuestUnreachable``."""
