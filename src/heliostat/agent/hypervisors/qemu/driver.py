"""The QEMU hypervisor: the contract's verbs, spread over the modules beside this one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]

from heliostat.agent.hypervisors.contract import (
    ByteStream,
    Disc,
    End,
    GuestSpec,
    Life,
    Look,
    Plugged,
    Usage,
)
from heliostat.agent.hypervisors.qemu import (
    cd_drive,
    disks,
    flatten,
    forward,
    hotplug,
    process,
    suspend,
)
from heliostat.agent.hypervisors.qemu.command_line import PROGRAM
from heliostat.agent.hypervisors.qemu.machine import MEMORY, Machine
from heliostat.agent.hypervisors.qemu.probe import Verdict, choose_accelerator
from heliostat.agent.hypervisors.qemu.qmp import HypervisorFailed, Unanswered
from heliostat.agent.settings import AgentSettings
from heliostat.core.errors import PermanentError

ACCELERATOR = "accelerator"
"""File in a guest's folder: what its current run uses."""


class QemuHypervisor:
    """Guests as QEMU processes; ``home`` keeps the verdict about KVM."""

    name = "qemu"

    def __init__(self, home: Path, settings: AgentSettings) -> None:
        self._home = home
        self._settings = settings
        self._machines: dict[str, Machine] = {}
        self.accelerator = "tcg"
        self.verdict = Verdict("tcg", "Not asked yet.")
        self.exited: Callable[[str], None] = lambda _vm_id: None

    async def open(self) -> None:
        for program in (PROGRAM, "qemu-img"):
            if shutil.which(program) is None:
                raise PermanentError("QemuMissing", f"{program} is not installed on this host.")
        self.verdict = await choose_accelerator(self._home, self._settings)
        self.accelerator = self.verdict.accelerator

    async def close(self) -> None:
        for machine in list(self._machines.values()):
            await machine.close()
        self._machines.clear()

    async def image_capacity(self, image: Path) -> int:
        return await disks.virtual_size(image)

    async def create_disk(self, path: Path, capacity_bytes: int, backing: Path | None) -> None:
        await disks.create(path, capacity_bytes, backing)

    def backing_of(self, disk: Path) -> Path | None:
        return disks.backing(disk)

    async def flatten(self, disk: Path, out: Path, progress: Callable[[float], None]) -> None:
        await flatten.flatten(disk, out, progress, threads=self._settings.capture_threads)

    async def look(self, vm_id: str, folder: Path) -> Look:
        if not process.is_alive(folder):
            await self._forget(vm_id)
            saved = (folder / MEMORY).exists()
            return Look(Life.SAVED if saved else Life.ABSENT, end=process.how_it_ended(folder))
        machine = self._machines.get(vm_id)
        if machine is None:
            machine = Machine(vm_id, folder, _accelerator_of(folder))
            self._keep(machine)
        try:
            return await _look_at_running(machine)
        except Unanswered:
            if process.is_alive(folder):
                raise
            return await self.look(vm_id, folder)  # it ended while it was asked

    async def start(self, spec: GuestSpec, folder: Path, *, restore: bool = False) -> None:
        machine = Machine(spec.id, folder, self.accelerator)
        (folder / ACCELERATOR).write_text(self.accelerator)
        try:
            await machine.start(spec, restore=restore)
            if restore:
                await suspend.load(machine)
        except BaseException:
            await machine.close()
            raise
        machine.adopted = True
        self._keep(machine)

    async def press_power(self, vm_id: str) -> None:
        await self._machine(vm_id).execute("system_powerdown")

    async def kill(self, vm_id: str) -> None:
        await self._machine(vm_id).kill()
        await self._forget(vm_id)

    async def save(self, vm_id: str, progress: Callable[[float], None]) -> None:
        machine = self._machine(vm_id)
        machine.adopted = False  # if this is cut off, the next look lets the guest go on
        await suspend.save(machine, progress)
        await self._forget(vm_id)

    def discard_saved(self, folder: Path) -> None:
        suspend.discard(folder)

    async def plug(self, vm_id: str, disk: Plugged) -> None:
        await hotplug.plug(self._machine(vm_id), disk)

    async def unplug(self, vm_id: str, disk_id: str) -> None:
        await hotplug.unplug(self._machine(vm_id), disk_id)

    async def insert(self, vm_id: str, disc: Disc) -> None:
        await cd_drive.insert(self._machine(vm_id), disc)

    async def eject(self, vm_id: str) -> None:
        await cd_drive.eject(self._machine(vm_id))

    async def usage(self, vm_id: str) -> Usage | None:
        machine = self._machines.get(vm_id)
        pid = process.qemu_pid(machine.folder) if machine is not None else None
        if machine is None or pid is None:
            return None
        try:
            guest = psutil.Process(pid)
            times, memory = guest.cpu_times(), guest.memory_info()
        except psutil.NoSuchProcess:
            return None
        devices = [each["stats"] for each in await machine.execute("query-blockstats")]
        return Usage(
            cpu_s=times.user + times.system,
            memory_rss_bytes=memory.rss,
            disk_read_bytes=sum(each["rd_bytes"] for each in devices),
            disk_write_bytes=sum(each["wr_bytes"] for each in devices),
        )

    async def console(self, vm_id: str) -> ByteStream:
        return await forward.console(self._machine(vm_id))

    async def screen(self, vm_id: str) -> ByteStream:
        return await forward.screen(self._machine(vm_id))

    async def dial(self, vm_id: str, port: int) -> ByteStream:
        return await forward.dial(self._machine(vm_id), port)

    def _keep(self, machine: Machine) -> None:
        self._machines[machine.vm_id] = machine
        machine.watch(lambda vm_id: self.exited(vm_id))

    async def _forget(self, vm_id: str) -> None:
        machine = self._machines.pop(vm_id, None)
        if machine is not None:
            await machine.close()

    def _machine(self, vm_id: str) -> Machine:
        machine = self._machines.get(vm_id)
        if machine is None:
            raise HypervisorFailed(f"VM {vm_id} does not run.")
        return machine


async def _look_at_running(machine: Machine) -> Look:
    """Adopts it first, if need be: an interrupted save or load is brought to its end."""
    if not machine.adopted:
        if not await suspend.recover(machine):
            return Look(Life.SAVED)
        machine.adopted = True
    found = await hotplug.plugged(machine)
    detail = await _detail(machine)
    disc = await cd_drive.inserted(machine)
    return Look(Life.RUNNING, End.NONE, found, machine.accelerator, detail, disc)


async def _detail(machine: Machine) -> str:
    """What is odd about a running guest; one stopped by a full disk is tried again."""
    status = await machine.status()
    if status == "io-error":
        await machine.execute("cont")
        return "The guest was paused because the host's disk is full; trying to go on."
    return "" if status == "running" else f"QEMU's state is {status}."


def _accelerator_of(folder: Path) -> str:
    try:
        return (folder / ACCELERATOR).read_text().strip()
    except FileNotFoundError:
        return ""
