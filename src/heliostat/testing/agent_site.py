"""An agent on a simulated host, and the controller that it talks to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from heliostat.agent.hypervisors.simulated import SimulatedHost, SimulatedHypervisor
from heliostat.agent.service import Agent
from heliostat.agent.settings import AgentSettings, DatastoreSettings
from heliostat.agentlink.messages import (
    Cleared,
    Desired,
    DesiredDisk,
    DesiredNic,
    DesiredVm,
    DesiredVmDisk,
    DiskKind,
    Leftover,
    Power,
    ReportedVm,
    vm_key,
)
from heliostat.core.clock import SystemClock
from heliostat.testing.agent import MemoryController

FAST = AgentSettings(
    sample_interval_s=0.05,
    reconnect_min_s=0.01,
    retry_min_s=0.01,
    crash_backoff_s=0.01,
    power_button_s=0.05,
)
MAC = "02:aa:00:00:00:07"


class Site:
    """A controller, a simulated host, and an agent between them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = FAST
        self.controller = MemoryController()
        self.host = SimulatedHost()
        self.image = self.controller.blob(b"image" * 5000)

    @asynccontextmanager
    async def agent(self, *datastores: DatastoreSettings) -> AsyncIterator[Agent]:
        hypervisor = SimulatedHypervisor(self.host)
        settings = replace(self.settings, datastores=datastores)
        agent = Agent(self.home, self.controller.dial, hypervisor, SystemClock(), settings)
        running = asyncio.create_task(agent.run())
        try:
            yield agent
            if running.done():
                running.result()
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    def vm(self, vm_id: str = "v1", power: Power = Power.ON, **more: object) -> int:
        boot = DesiredVmDisk(
            id=f"b-{vm_id}", kind=DiskKind.BOOT, capacity_bytes=1, image_digest=self.image
        )
        disks = more.pop("persistent", ())
        assert isinstance(disks, tuple)
        kept = [DesiredVmDisk(id=d, kind=DiskKind.PERSISTENT, capacity_bytes=1) for d in disks]

        def make(revision: int) -> Desired:
            vm = DesiredVm(
                id=vm_id,
                revision=revision,
                name=vm_id,
                power=power,
                cpu_count=1,
                memory_mib=64,
                disks=(boot, *kept),
                nics=(DesiredNic(mac=MAC),),
                stop_timeout_s=0.2,
            )
            return msgspec.structs.replace(vm, **more)

        return self.controller.want(make)

    def disk(self, disk_id: str = "d1") -> int:
        return self.controller.want(
            lambda revision: DesiredDisk(id=disk_id, revision=revision, capacity_bytes=1 << 20)
        )

    def disk_file(self, disk_id: str = "d1") -> Path:
        return self.home / "disks" / f"{disk_id}.qcow2"

    def until(self, holds: Callable[[ReportedVm], bool], vm_id: str = "v1") -> Awaitable[None]:
        def check() -> bool:
            found = self.controller.reported.get(vm_key(vm_id))
            return isinstance(found, ReportedVm) and holds(found)

        return self.controller.until(check, wait_s=10)

    async def settled(self, revision: int, vm_id: str = "v1") -> ReportedVm:
        return await self.controller.vm_settled(vm_id, revision, wait_s=10)

    async def leftovers(self) -> list[Leftover]:
        answer = await self.controller.ask("host.leftovers", {})
        return msgspec.convert(answer.result["leftovers"], type=list[Leftover])

    async def cleared(self, *names: str, revision: int, grace_s: float = 0) -> Cleared:
        order = {"names": names, "revision": revision, "grace_s": grace_s}
        answer = await self.controller.ask("host.clear", order)
        return msgspec.convert(answer.result, type=Cleared)

    async def gone(self, key: str) -> None:
        await self.controller.until(lambda: key not in self.controller.reported, wait_s=10)


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)
