"""A simulated host: a machine with a disk, guests, and the real agent on it.

The machine outlives its agents.  Killing the agent leaves the guests running;
when the host dies they end with it, and what lay on its disk is there when it
comes back.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heliostat.agent.hypervisors.contract import End
from heliostat.agent.hypervisors.simulated import SimulatedHost, SimulatedHypervisor
from heliostat.agent.link import ControlLink
from heliostat.agent.machine import Machine
from heliostat.agent.service import Agent
from heliostat.agent.settings import AgentSettings
from heliostat.agent.stats import HostTotals
from heliostat.agentlink.messages import DesiredVm, HostFacts
from heliostat.core.units import GIB, MIB
from heliostat.sim.disk import DiskView, MemoryDisk
from heliostat.sim.link import Spoiled
from heliostat.sim.loop import SimClock, SimLoop
from heliostat.sim.process import Process, Tell

SETTINGS = AgentSettings(sample_interval_s=300.0, facts_interval_s=120.0, concurrent_starts=4)
QUICK_S, SLOW_S = 0.05, 2.0

Dial = Callable[["HostMachine"], AbstractAsyncContextManager[ControlLink]]


@dataclass(frozen=True, slots=True)
class Size:
    """What a host has; ``datastore_id`` is what its only datastore is called."""

    cpu_count: int
    memory_mib: int
    disk_bytes: int
    datastore_id: str = ""


class HostMachine:
    """``id`` is the entity's; ``cut_until_s``: no controller is reached before that time."""

    def __init__(
        self,
        loop: SimLoop,
        dice: random.Random,
        host_id: str,
        name: str,
        dial: Dial,
        defect: Tell,
        size: Size,
    ) -> None:
        self.id = host_id
        self.name = name
        self.cpu_count = size.cpu_count
        self.memory_mib = size.memory_mib
        self.cut_until_s = 0.0
        self.spoiled = Spoiled()
        self.disk = MemoryDisk(size.disk_bytes)
        self._datastore_id = size.datastore_id or f"datastore-of-{name}"
        self.guests = SimulatedHost(pace=self._pace)
        self.clock = SimClock(loop)
        self._loop = loop
        self._dice = dice
        self._dial = dial
        self._defect = defect
        self._process: Process | None = None
        self._view: DiskView | None = None

    @property
    def is_up(self) -> bool:
        """Whether an agent runs."""
        return self._process is not None

    async def start(self) -> None:
        """Bring the agent up, unless it is."""
        if self._process is not None:
            return
        self._view = self.disk.view()
        agent = Agent(
            self._view.root / "agent",
            self._dialled,
            SimulatedHypervisor(self.guests),
            self.clock,
            SETTINGS,
            jitter=self._dice.random,
            machine=Machine(
                self._facts,
                self._totals,
                _write_seed,
                new_id=lambda: self._datastore_id,
            ),
        )
        self._process = Process(f"the agent of {self.name}", self._defect)
        self._process.keep_doing(agent.run)

    def vm_folders(self) -> list[str]:
        """The VMs that lie on its disk."""
        return list(self.disk.folders.get("/agent/vms", ()))

    def disk_ids(self) -> list[str]:
        """The persistent disks that do."""
        names = self.disk.folders.get("/agent/disks", ())
        return [name.partition(".")[0] for name in names if not name.startswith(".")]

    def has_file(self, path: str) -> bool:
        """Whether there is a file of that path in the agent's home."""
        return f"/agent/{path}" in self.disk.files

    def heal(self) -> None:
        """Its disk has room, its network works, its hypervisor and guests obey."""
        self.cut_until_s = 0.0
        self.clock.skew_ms = 0
        self.disk.full = False
        self.spoiled.clear()
        self.guests.failures.clear()
        for guest in self.guests.running.values():
            guest.heeds_power = True

    async def kill_agent(self) -> None:
        """The agent is gone at once; its guests run on."""
        process, view, self._process = self._process, self._view, None
        if process is None or view is None:
            return
        view.revoke()
        self.guests.on_end = None
        await process.end()

    async def stop_agent(self) -> None:
        """The agent is shut down in an orderly way."""
        process, self._process = self._process, None
        if process is not None:
            await process.end()

    async def die(self) -> None:
        """Power fails."""
        await self.kill_agent()
        for vm_id in sorted(self.guests.running):
            self.guests.end(vm_id, End.HOST)

    @asynccontextmanager
    async def _dialled(self) -> AsyncIterator[ControlLink]:
        async with self._dial(self) as link:
            yield link

    async def _pace(self, verb: str) -> None:
        del verb
        slow = self._dice.random() < 0.05
        await self.clock.sleep(self._dice.uniform(0, SLOW_S if slow else QUICK_S))

    def _facts(
        self, home: Path, *, hypervisor: str, accelerator: str, images: tuple[str, ...], **more: Any
    ) -> HostFacts:
        del home
        return HostFacts(
            hostname=self.name,
            cpu_count=self.cpu_count,
            memory_mib=self.memory_mib,
            disk_total_bytes=self.disk.capacity_bytes,
            disk_free_bytes=self.disk.capacity_bytes,
            datastore="local",
            accelerator=accelerator,
            hypervisor=hypervisor,
            agent_version="simulated",
            images=images,
            **more,
        )

    def _totals(self, home: Path) -> HostTotals:
        del home
        return HostTotals(
            cpu_percent=10.0 * len(self.guests.running),
            memory_used_bytes=len(self.guests.running) * GIB,
            memory_total_bytes=self.memory_mib * MIB,
            disk_used_bytes=self.disk.used_bytes,
            disk_total_bytes=self.disk.capacity_bytes,
            received_bytes=0,
            sent_bytes=0,
        )


def _write_seed(vm: DesiredVm, path: Path) -> None:
    path.write_bytes(b"seed of " + vm.id.encode())
