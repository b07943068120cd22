"""Guests without machines, for the simulator and for tests.

``SimulatedHost`` is the machine: what runs on it outlives any hypervisor object,
as real guests outlive their agent.  Disks and saved memory are small files, so that
whoever removes or forgets one is found out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from heliostat.agent.hypervisors.contract import (
    SLOTS,
    ByteStream,
    Disc,
    End,
    GuestSpec,
    Life,
    Look,
    Plugged,
    Usage,
)
from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.core.files import atomic_write

MEMORY = "memory"
IMAGE_CAPACITY = 1 << 30


@dataclass(slots=True)
class SimulatedGuest:
    """A running guest; ``heeds_power`` is whether it reacts to its power button."""

    spec: GuestSpec
    folder: Path
    plugged: dict[str, Plugged]
    disc: str = ""
    heeds_power: bool = True
    said: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class SimulatedHost:
    """What runs, how what ran has ended, and which next actions shall fail."""

    running: dict[str, SimulatedGuest] = field(default_factory=dict)
    ends: dict[str, End] = field(default_factory=dict)
    failures: dict[str, list[HeliostatError]] = field(default_factory=dict)
    starts: int = 0
    starting: int = 0
    most_starting: int = 0
    on_end: Callable[[str], None] | None = None
    pace: Callable[[str], Awaitable[None]] | None = None
    """How long a verb takes; at once without one."""

    def end(self, vm_id: str, how: End) -> None:
        """Let a guest end: powered off by itself (``CLEAN``), ``CRASH`` or ``HOST``."""
        del self.running[vm_id]
        self.ends[vm_id] = how
        if self.on_end is not None:
            self.on_end(vm_id)

    def fail_next(self, verb: str, error: HeliostatError) -> None:
        """Make the next ``start``, ``save``, ``plug`` … raise ``error``."""
        self.failures.setdefault(verb, []).append(error)


class SimulatedHypervisor:
    """The hypervisor's contract over a ``SimulatedHost``."""

    name = "simulated"
    accelerator = "none"

    def __init__(self, host: SimulatedHost) -> None:
        self.host = host
        self.exited: Callable[[str], None] = lambda _vm_id: None
        self._seen: set[str] = set()

    async def open(self) -> None:
        self.host.on_end = self._ended

    async def close(self) -> None:
        self.host.on_end = None
        self._seen.clear()

    async def image_capacity(self, image: Path) -> int:
        if not _exists(image):
            raise _failed(f"The image {image.name} is not there.")
        return IMAGE_CAPACITY

    async def create_disk(self, path: Path, capacity_bytes: int, backing: Path | None) -> None:
        await self._step("create_disk")
        if backing is not None and not _exists(backing):
            raise _failed(f"The image {backing.name} is not there.")
        content = {"capacity": capacity_bytes, "backing": str(backing) if backing else ""}
        atomic_write(path, json.dumps(content).encode())

    async def flatten(self, disk: Path, out: Path, progress: Callable[[float], None]) -> None:
        await self._step("flatten")
        if not _exists(disk):
            raise _failed(f"The disk {disk.name} is not there.")
        progress(0.5)
        content = json.loads(await asyncio.to_thread(disk.read_bytes))
        flat = {**content, "backing": "", "flattened": content["backing"]}
        atomic_write(out, json.dumps(flat).encode())
        progress(1.0)

    def backing_of(self, disk: Path) -> Path | None:
        try:
            backing = json.loads(disk.read_bytes())["backing"]
        except FileNotFoundError:
            return None
        return Path(backing) if backing else None

    async def look(self, vm_id: str, folder: Path) -> Look:
        guest = self.host.running.get(vm_id)
        if guest is None:
            saved = _exists(folder / MEMORY)
            end = self.host.ends.get(vm_id, End.NONE)
            return Look(Life.SAVED if saved else Life.ABSENT, end=end)
        self._seen.add(vm_id)
        plugged = frozenset(guest.plugged)
        return Look(Life.RUNNING, End.NONE, plugged, self.accelerator, disc=guest.disc)

    async def start(self, spec: GuestSpec, folder: Path, *, restore: bool = False) -> None:
        if spec.id in self.host.running:
            raise _failed(f"{spec.id} runs already.")
        if not _exists(folder / spec.boot_disk):
            raise _failed(f"{spec.boot_disk} is not there.")
        if spec.disc is not None and not _exists(type(folder)(spec.disc.path)):
            raise _failed(f"The disc image {spec.disc.digest} is not there.")
        self.host.starting += 1
        self.host.most_starting = max(self.host.most_starting, self.host.starting)
        try:
            await self._step("start")
        finally:
            self.host.starting -= 1
        if restore:
            (folder / MEMORY).rename(folder / "memory.used")
        plugged = {disk.id: disk for disk in spec.plugged}
        disc = spec.disc.digest if spec.disc is not None else ""
        self.host.running[spec.id] = SimulatedGuest(spec, folder, plugged, disc)
        self.host.starts += 1
        self._seen.add(spec.id)

    async def press_power(self, vm_id: str) -> None:
        await self._step("press_power")
        if self._guest(vm_id).heeds_power:
            self.host.end(vm_id, End.CLEAN)

    async def kill(self, vm_id: str) -> None:
        self._guest(vm_id)
        self.host.end(vm_id, End.CRASH)

    async def save(self, vm_id: str, progress: Callable[[float], None]) -> None:
        await self._step("save")
        guest = self._guest(vm_id)
        atomic_write(guest.folder / MEMORY, bytes(guest.said))
        progress(1.0)
        self.host.end(vm_id, End.CLEAN)

    def discard_saved(self, folder: Path) -> None:
        (folder / MEMORY).unlink(missing_ok=True)

    async def plug(self, vm_id: str, disk: Plugged) -> None:
        await self._step("plug")
        guest = self._guest(vm_id)
        taken = {each.slot for each in guest.plugged.values()}
        if (
            disk.slot in taken
            or not 0 <= disk.slot < SLOTS
            or not _exists(type(guest.folder)(disk.path))
        ):
            raise _failed(f"Disk {disk.id} can't be attached in slot {disk.slot}.")
        guest.plugged[disk.id] = disk

    async def unplug(self, vm_id: str, disk_id: str) -> None:
        await self._step("unplug")
        guest = self._guest(vm_id)
        guest.plugged.pop(disk_id, None)

    async def insert(self, vm_id: str, disc: Disc) -> None:
        guest = self._guest(vm_id)
        await self._step("insert")
        if guest.disc or not _exists(type(guest.folder)(disc.path)):
            raise _failed(f"The disc image {disc.digest} can't be inserted.")
        guest.disc = disc.digest

    async def eject(self, vm_id: str) -> None:
        guest = self._guest(vm_id)
        await self._step("eject")
        guest.disc = ""

    async def usage(self, vm_id: str) -> Usage | None:
        if vm_id not in self.host.running:
            return None
        return Usage(cpu_s=1.0, memory_rss_bytes=1 << 20, disk_read_bytes=0, disk_write_bytes=0)

    async def console(self, vm_id: str) -> ByteStream:
        self._guest(vm_id)
        return EchoStream()

    async def screen(self, vm_id: str) -> ByteStream:
        self._guest(vm_id)
        stream = EchoStream()
        await stream.write(b"RFB 003.008\n")
        return stream

    async def dial(self, vm_id: str, port: int) -> ByteStream:
        self._guest(vm_id)
        if port != 7:
            raise TemporaryError("GuestUnreachable", f"Nothing listens on port {port}.")
        return EchoStream()

    def _guest(self, vm_id: str) -> SimulatedGuest:
        guest = self.host.running.get(vm_id)
        if guest is None:
            raise _failed(f"VM {vm_id} does not run.")
        return guest

    async def _step(self, verb: str) -> None:
        await (asyncio.sleep(0) if self.host.pace is None else self.host.pace(verb))
        if self.host.failures.get(verb):
            raise self.host.failures[verb].pop(0)

    def _ended(self, vm_id: str) -> None:
        if vm_id in self._seen:
            self._seen.discard(vm_id)
            self.exited(vm_id)


class EchoStream:
    """Says back what it is told."""

    def __init__(self) -> None:
        self._bytes: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self) -> bytes:
        return await self._bytes.get()

    async def write(self, data: bytes) -> None:
        await self._bytes.put(data)

    async def close(self) -> None:
        await self._bytes.put(b"")


def _exists(path: Path) -> bool:
    return path.exists()


def _failed(message: str) -> HeliostatError:
    return HeliostatError("HypervisorFailed", message)
