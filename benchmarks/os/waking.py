"""A guest from power-on to ``running``, and what it holds then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.os.parts import stated

from heliostat.os.guest.insider import KernelPanicked
from heliostat.testing.clouds.disks import nocloud
from heliostat.testing.editions import new_key, order
from heliostat.testing.machines import Machine, Shape, booted, overlay

_READY_S = 600.0
_IDLE_S = 30
_BOOTS = 3
_PANIC = "Kernel panic - "
_DISK = "df --output=used -B1 / | tail -1"
_LONGEST = "systemd-analyze time; systemd-analyze blame --no-pager | head -12"


@dataclass(frozen=True, slots=True)
class Woken:
    """What was seen of one boot."""

    running_s: float
    """From the start of QEMU until the system called itself running."""
    used_mb: float
    """MemTotal less MemAvailable, 30 s later (at once for the peer)."""
    disk_mb: float
    """What the root file system holds."""
    state: str
    """What the system calls itself."""
    longest: str
    """Its own account: kernel, initrd, userspace, and the units that took longest."""

    def __str__(self) -> str:
        taken = f"{self.used_mb:.0f} MB of memory, {self.disk_mb:.0f} MB of disk"
        return f"{self.state} after {self.running_s:.1f} s, {taken}\n{self.longest}"


def wake(
    image: Path, *, image_format: str = "qcow2", seeded: bool = True, of_peer: bool = False
) -> Woken:
    """Boot a copy of ``image`` in 1 GiB with two processors.

    Ours must be ``running``; the peer has settled even if a unit of it has failed, and isn't
    looked at for memory.  A kernel that panics, as emulated ones do once in many boots, is
    told and booted again.
    """
    states = ("running", "degraded") if of_peer else ("running",)
    idle_s = 0 if of_peer else _IDLE_S
    for _ in range(_BOOTS - 1):
        try:
            return asyncio.run(_wake(image, image_format, seeded, states, idle_s))
        except (AssertionError, KernelPanicked) as error:
            if _PANIC not in str(error):
                raise
            stated(f"booted again: {str(error).partition(_PANIC)[2].splitlines()[0]}")
    return asyncio.run(_wake(image, image_format, seeded, states, idle_s))


async def _wake(
    image: Path, image_format: str, seeded: bool, states: Container[str], idle_s: int
) -> Woken:
    with TemporaryDirectory(prefix="waking-") as name:
        folder = Path(name)
        disk = overlay(image, folder / "disk", "4G", image_format=image_format)
        seed = nocloud(folder / "seed", order(new_key(folder))) if seeded else None
        began = time.monotonic()
        async with booted(disk, folder, Shape(cpus=2), seed=seed, ready_s=_READY_S) as machine:
            state = await machine.settled(timeout_s=_READY_S)
            running_s = time.monotonic() - began
            if state not in states:
                failed = await machine.run("systemctl --failed --no-legend --plain")
                raise SystemExit(f"{image} is {state}, not running:\n{failed}")
            await asyncio.sleep(idle_s)
            return await _looked_at(machine, state, running_s)


async def _looked_at(machine: Machine, state: str, running_s: float) -> Woken:
    used_kib = await machine.used_kib()
    disk_bytes = int(await machine.run(_DISK))
    longest = "\n".join(f"    {line}" for line in (await machine.run(_LONGEST)).splitlines())
    return Woken(running_s, used_kib * 1024 / 1e6, disk_bytes / 1e6, state, longest)
