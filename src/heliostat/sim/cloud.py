"""The whole cloud: a store, controllers, hosts, and the network between them.

``Cloud`` only composes and answers; who does what to it and when is decided by
:mod:`load` (operators) and :mod:`faults`.  All of its randomness comes from one
seed, each part drawing from dice of its own, so that one more throw in one part
changes nothing in the others.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from heliostat.agent.link import ControlLink, LinkCut
from heliostat.cloudstore.contract import Change
from heliostat.core.errors import TemporaryError
from heliostat.core.units import GIB
from heliostat.sim.content import MemoryBlobs
from heliostat.sim.controller import ControllerMachine
from heliostat.sim.host import HostMachine, Size
from heliostat.sim.link import LONGEST_S, AgentEnd, Wire
from heliostat.sim.log import SimLog
from heliostat.sim.loop import SimClock, SimLoop
from heliostat.sim.store import WitnessedStore
from heliostat.sim.tasks import TaskWatch

DIAL_S = 0.05
UNREACHABLE_S = 2.0
_CPUS, _MEMORY_GIB, _DISK_GIB = (4, 8, 16), (8, 16, 32), (100, 200)


class Cloud:
    """``defects`` are sentences about what must never happen, whenever it did."""

    def __init__(self, loop: SimLoop, seed: int) -> None:
        self.loop = loop
        self.seed = seed
        self.log = SimLog(loop.time)
        self.defects: list[str] = []
        self.on_defect: Callable[[], None] = lambda: None
        self.clock = SimClock(loop)
        self.tasks = TaskWatch(self.defect)
        self.store = WitnessedStore(self.clock, self._committed)
        self.blobs = MemoryBlobs(loop.time)
        self.controllers: list[ControllerMachine] = []
        self.hosts: dict[str, HostMachine] = {}
        self.wires: list[tuple[HostMachine, ControllerMachine, Wire]] = []
        self.twice = 0.0
        self.late = 0.0
        self.jitter_s = LONGEST_S
        self._network_dice = self.dice("network")

    def dice(self, part: str) -> random.Random:
        """A part's own source of chance."""
        return random.Random(f"{self.seed}/{part}")  # noqa: S311 (repeatable, on purpose)

    def defect(self, sentence: str) -> None:
        """Something happened that must not."""
        self.log.tell(f"DEFECT {sentence}")
        self.defects.append(sentence)
        self.on_defect()

    async def add_controller(self) -> ControllerMachine:
        """One more controller, up."""
        name = f"controller-{len(self.controllers) + 1}"
        machine = ControllerMachine(
            self.loop, self.dice(name), name, self.store, self.blobs, self.defect
        )
        self.controllers.append(machine)
        await machine.start()
        return machine

    async def add_host(self, host_id: str, name: str, size: Size | None = None) -> HostMachine:
        """The machine of a host that the controllers know, its agent up; of some size."""
        dice = self.dice(name)
        drawn = Size(
            cpu_count=dice.choice(_CPUS),
            memory_mib=dice.choice(_MEMORY_GIB) * 1024,
            disk_bytes=dice.choice(_DISK_GIB) * GIB,
        )
        machine = HostMachine(
            self.loop, dice, host_id, name, self.dial, self.defect, size if size else drawn
        )
        self.hosts[host_id] = machine
        await machine.start()
        return machine

    async def remove_host(self, host_id: str) -> None:
        """The machine is taken away."""
        machine = self.hosts.pop(host_id, None)
        if machine is not None:
            await machine.die()

    @asynccontextmanager
    async def dial(self, host: HostMachine) -> AsyncIterator[ControlLink]:
        """An agent's connection to any controller that is up."""
        await asyncio.sleep(DIAL_S)
        up = [each for each in self.controllers if each.is_up]
        if not up or self.loop.now_s < host.cut_until_s:
            await asyncio.sleep(UNREACHABLE_S)
            raise LinkCut("No controller is reachable.")
        controller = self._network_dice.choice(up)
        wire = self._wire()
        self.wires = [each for each in self.wires if not each[2].closed]
        self.wires.append((host, controller, wire))
        controller.accept(host.id, wire)

        async def content(digest: str) -> bytes:
            if not controller.is_up:
                raise TemporaryError("AgentUnavailable", f"{controller.name} is gone.")
            await controller.gateway.blob_path(host.id, digest)
            return self.blobs.content(digest)

        async def captured(image_id: str, digest: str, data: bytes) -> None:
            if not controller.is_up:
                raise TemporaryError("AgentUnavailable", f"{controller.name} is gone.")

            async def chunks() -> AsyncIterator[bytes]:
                yield data

            await controller.gateway.captured(host.id, image_id, digest, chunks())

        try:
            yield AgentEnd(wire, content, captured, self._network_dice, host.spoiled)
        finally:
            wire.close()

    def set_network(
        self,
        *,
        twice: float | None = None,
        late: float | None = None,
        jitter_s: float | None = None,
    ) -> None:
        """How messages travel from now on, on all connections."""
        self.twice = self.twice if twice is None else twice
        self.late = self.late if late is None else late
        self.jitter_s = self.jitter_s if jitter_s is None else jitter_s
        for _, _, wire in self.wires:
            wire.twice, wire.late, wire.jitter_s = self.twice, self.late, self.jitter_s

    async def heal(self) -> None:
        """Everything that was broken works again, and whoever was away is back."""
        self.set_network(twice=0.0, late=0.0, jitter_s=LONGEST_S)
        for controller in self.controllers:
            controller.heal()
            await controller.start()
        for host in list(self.hosts.values()):
            host.heal()
            await host.start()

    async def stop(self) -> None:
        """End every process."""
        for host in list(self.hosts.values()):
            await host.kill_agent()
        for controller in self.controllers:
            await controller.die()
        await self.store.close()

    def _wire(self) -> Wire:
        wire = Wire(self.loop, self._network_dice)
        wire.twice, wire.late, wire.jitter_s = self.twice, self.late, self.jitter_s
        return wire

    def _committed(self, revision: int, changes: Sequence[Change]) -> None:
        self.log.committed(revision, changes)
        self.tasks.committed(changes)
