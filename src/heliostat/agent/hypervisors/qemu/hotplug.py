"""Attaching and detaching disks of a running guest.

A disk is attached in two halves (block node, then device) and detached in the
reverse order.  Either half may be there after an interruption: plugging first
removes a node without device, and what is attached is asked from QEMU.
"""

from __future__ import annotations

import asyncio
import contextlib

from heliostat.agent.hypervisors.contract import Plugged
from heliostat.agent.hypervisors.qemu.command_line import (
    device_name,
    disk_device,
    disk_node,
    node_name,
)
from heliostat.agent.hypervisors.qemu.machine import Machine
from heliostat.agent.hypervisors.qemu.qmp import HypervisorFailed
from heliostat.core.errors import HeliostatError, TemporaryError

UNPLUG_TIMEOUT_S = 15.0
_PREFIX = device_name("")


async def plugged(machine: Machine) -> frozenset[str]:
    """Ids of the disks in the guest's slots."""
    peripherals = await machine.execute("qom-list", {"path": "/machine/peripheral"})
    names = (entry["name"] for entry in peripherals)
    return frozenset(name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX))


async def plug(machine: Machine, disk: Plugged) -> None:
    """Attach; a refused device leaves no block node behind."""
    with contextlib.suppress(HypervisorFailed):
        await machine.execute("blockdev-del", {"node-name": node_name(disk.id)})
    await machine.execute("blockdev-add", disk_node(disk))
    try:
        await machine.execute("device_add", disk_device(disk))
    except HeliostatError:
        with contextlib.suppress(HeliostatError):
            await machine.execute("blockdev-del", {"node-name": node_name(disk.id)})
        raise


async def unplug(machine: Machine, disk_id: str) -> None:
    """Detach; raises ``TemporaryError`` if the guest does not let go (it is still booting)."""
    qmp = await machine.qmp()
    async with qmp.listening("DEVICE_DELETED") as events:
        with contextlib.suppress(HypervisorFailed):  # an earlier request may still be pending
            await machine.execute("device_del", {"id": device_name(disk_id)})
        try:
            async with asyncio.timeout(UNPLUG_TIMEOUT_S):
                while disk_id in await plugged(machine):
                    await events.get()
        except TimeoutError as error:
            raise TemporaryError(
                "HypervisorFailed",
                f"The guest has not released disk {disk_id} within {UNPLUG_TIMEOUT_S:.0f} s.",
                retry_after_s=5.0,
            ) from error
    with contextlib.suppress(HypervisorFailed):  # gone already after an interruption
        await machine.execute("blockdev-del", {"node-name": node_name(disk_id)})
