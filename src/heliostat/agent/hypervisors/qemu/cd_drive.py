"""The CD drive of a running guest: plugged when first needed, then filled and emptied.

Each verb may have been interrupted anywhere and is done again: what is there is
asked from QEMU, and what is half-made (a block node without drive, an open tray)
is used or removed.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from heliostat.agent.hypervisors.contract import Disc
from heliostat.agent.hypervisors.qemu.command_line import (
    CD_CONTROLLER,
    CD_DRIVE,
    DISC_PREFIX,
    cd_devices,
    disc_node,
    disc_node_name,
)
from heliostat.agent.hypervisors.qemu.machine import Machine
from heliostat.agent.hypervisors.qemu.qmp import HypervisorFailed

ASK_GUEST_S = 5.0
"""How long a guest that has locked the tray (it has mounted the disc) gets to let go."""
CLOSINGS_ALLOWED = 5
"""How often a guest may close the tray again before its disc is out."""


async def inserted(machine: Machine) -> str:
    """Digest of the disc image in the drive; empty without disc or drive."""
    drive = await _drive(machine)
    image = drive.get("inserted", {}).get("file", "") if drive is not None else ""
    return Path(image).stem


async def insert(machine: Machine, disc: Disc) -> None:
    """Put ``disc`` into the empty drive; a refusal leaves no block node behind."""
    await _remove_nodes(machine)
    await machine.execute("blockdev-add", disc_node(disc))
    try:
        if await _drive(machine) is None:
            await _plug(machine, disc)
        else:
            await _fill(machine, disc)
    except HypervisorFailed:
        await _remove_nodes(machine)
        raise


async def eject(machine: Machine) -> None:
    """Take the disc out and close the tray; of a drive that is empty, only the latter."""
    if await _drive(machine) is None:
        return
    await _take_out(machine)
    await machine.execute("blockdev-close-tray", {"id": CD_DRIVE})
    await _remove_nodes(machine)


async def _take_out(machine: Machine) -> None:
    """Open and empty the drive; a guest may close the tray again before it is empty."""
    for _ in range(CLOSINGS_ALLOWED):
        await _open_tray(machine)
        with contextlib.suppress(HypervisorFailed):  # closed again, or nothing in it
            await machine.execute("blockdev-remove-medium", {"id": CD_DRIVE})
        if not await inserted(machine):
            return
    raise HypervisorFailed(
        "The guest closed the tray of its CD drive again and again, with the disc in it."
    )


async def _plug(machine: Machine, disc: Disc) -> None:
    controller, drive = cd_devices(disc)
    peripherals = await machine.execute("qom-list", {"path": "/machine/peripheral"})
    if CD_CONTROLLER not in {entry["name"] for entry in peripherals}:
        await machine.execute("device_add", controller)
    await machine.execute("device_add", drive)


async def _fill(machine: Machine, disc: Disc) -> None:
    await _open_tray(machine)
    medium = {"id": CD_DRIVE, "node-name": disc_node_name(disc.digest)}
    await machine.execute("blockdev-insert-medium", medium)
    await machine.execute("blockdev-close-tray", {"id": CD_DRIVE})


async def _open_tray(machine: Machine) -> None:
    """Ask the guest to open; after a while open whatever it says."""
    qmp = await machine.qmp()
    async with qmp.listening("DEVICE_TRAY_MOVED") as events:
        await machine.execute("blockdev-open-tray", {"id": CD_DRIVE})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ASK_GUEST_S):
                while not await _is_open(machine):
                    await events.get()
    if not await _is_open(machine):
        await machine.execute("blockdev-open-tray", {"id": CD_DRIVE, "force": True})


async def _is_open(machine: Machine) -> bool:
    drive = await _drive(machine)
    return drive is not None and bool(drive.get("tray_open"))


async def _drive(machine: Machine) -> dict[str, Any] | None:
    """The drive as ``query-block`` tells it; ``None`` if the guest has none."""
    for found in await machine.execute("query-block"):
        if found.get("qdev", "").split("/")[-1] == CD_DRIVE or found.get("qdev") == CD_DRIVE:
            return dict(found)
    return None


async def _remove_nodes(machine: Machine) -> None:
    """Remove disc images that lie in no drive; QEMU refuses for the one that does."""
    for node in await machine.execute("query-named-block-nodes", {"flat": True}):
        name = node.get("node-name", "")
        if name.startswith(DISC_PREFIX):
            with contextlib.suppress(HypervisorFailed):
                await machine.execute("blockdev-del", {"node-name": name})
