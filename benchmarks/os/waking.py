"""A guest from power-on to ``running``, and what it holds then."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from heliostat.testing.clouds.disks import nocloud
from heliostat.testing.editions import new_key, order
from heliostat.testing.machines import Machine, Shape, booted, overlay

_READY_S = 900.0
_IDLE_S = 30
_DISK = "df --output=used -B1 / | tail -1"


@dataclass(frozen=True, slots=True)
class Woken:
    """What was seen of one boot."""

    running_s: float
    """From the start of QEMU until the system called itself running."""
    used_mb: float
    """MemTotal less MemAvailable, 30 s later."""
    disk_mb: float
    """What the root file system holds."""


def wake(image: Path, *, image_format: str = "qcow2", seeded: bool = True) -> Woken:
    """Boot a copy of ``image`` in 1 GiB with two processors."""
    return asyncio.run(_wake(image, image_format, seeded))


async def _wake(image: Path, image_format: str, seeded: bool) -> Woken:
    with TemporaryDirectory(prefix="waking-") as name:
        folder = Path(name)
        disk = overlay(image, folder / "disk", "4G", image_format=image_format)
        seed = nocloud(folder / "seed", order(new_key(folder))) if seeded else None
        began = time.monotonic()
        async with booted(disk, folder, Shape(), seed=seed, ready_s=_READY_S) as machine:
            state = await machine.settled(timeout_s=_READY_S)
            running_s = time.monotonic() - began
            if state != "running":
                raise SystemExit(f"{image} is {state}, not running")
            return await _looked_at(machine, running_s)


async def _looked_at(machine: Machine, running_s: float) -> Woken:
    await machine.run(f"sleep {_IDLE_S}", timeout_s=300)
    used_kib = await machine.used_kib()
    disk_bytes = int(await machine.run(_DISK))
    return Woken(running_s, used_kib * 1024 / 1e6, disk_bytes / 1e6)
