"""Stopping all guests of a host that is taken down, while no agent runs.

Each guest is asked first and ended after a grace time.  Their end counts as the
host's: an agent that starts later brings back those that are wanted running.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from heliostat.agent.hypervisors.contract import Life
from heliostat.agent.hypervisors.qemu import process
from heliostat.agent.hypervisors.qemu.driver import QemuHypervisor
from heliostat.agent.places import Places
from heliostat.agent.settings import AgentSettings
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError

PRESS_EVERY_S = 5.0
LOOK_EVERY_S = 0.2


async def stop_guests(home: Path, clock: Clock, *, grace_s: float) -> int:
    """Stop every running guest below ``home``; how many there were."""
    places = Places(home)
    hypervisor = QemuHypervisor(home, AgentSettings(accelerator="tcg"))
    running = running_guests(places)
    try:
        async with asyncio.TaskGroup() as tasks:
            for vm_id in running:
                tasks.create_task(_stop(hypervisor, vm_id, places.vm(vm_id), clock, grace_s))
    finally:
        await hypervisor.close()
    return len(running)


def running_guests(places: Places) -> list[str]:
    """Ids of the guests whose QEMU is alive."""
    if not places.vms.is_dir():
        return []
    return [vm_id for vm_id in places.vm_ids() if process.is_alive(places.vm(vm_id))]


async def _stop(
    hypervisor: QemuHypervisor, vm_id: str, folder: Path, clock: Clock, grace_s: float
) -> None:
    deadline_s = clock.monotonic_s() + grace_s
    press_at_s = clock.monotonic_s()
    while await _runs(hypervisor, vm_id, folder):
        now_s = clock.monotonic_s()
        if now_s >= deadline_s:
            await hypervisor.kill(vm_id)
            break
        if now_s >= press_at_s:
            await _press(hypervisor, vm_id)
            press_at_s = now_s + PRESS_EVERY_S
        await clock.sleep(LOOK_EVERY_S)
    process.note_host_stop(folder)


async def _runs(hypervisor: QemuHypervisor, vm_id: str, folder: Path) -> bool:
    try:
        return (await hypervisor.look(vm_id, folder)).life is Life.RUNNING
    except HeliostatError:
        return process.is_alive(folder)  # it does not answer; the grace time ends that too


async def _press(hypervisor: QemuHypervisor, vm_id: str) -> None:
    try:
        await hypervisor.press_power(vm_id)
    except HeliostatError:
        return  # it is just ending, or does not answer: looking tells which
