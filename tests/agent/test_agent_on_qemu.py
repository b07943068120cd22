"""The whole agent with a real guest: seed, serial log, tunnel, readings, graceful stop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest

from heliostat.agent.hypervisors.qemu import QemuHypervisor
from heliostat.agent.service import Agent
from heliostat.agent.settings import AgentSettings
from heliostat.agentlink.messages import (
    Desired,
    DesiredNic,
    DesiredVm,
    DesiredVmDisk,
    DiskKind,
    GuestState,
    Power,
    vm_key,
)
from heliostat.core.clock import SystemClock
from heliostat.core.errors import TemporaryError
from heliostat.testing.agent import MemoryController
from heliostat.testing.guests import tiny_guest, until_listening, until_printed

pytestmark = [pytest.mark.slow, pytest.mark.qemu]

VM = "11111111-2222-4333-8444-666666666666"


@pytest.mark.parametrize("boot_bus", ["nvme", "virtio"])
async def test_a_guests_life_under_the_agent(
    tmp_path: Path, boot_bus: Literal["nvme", "virtio"]
) -> None:
    controller = MemoryController()
    image = controller.blob(tiny_guest().disk.read_bytes())
    settings = AgentSettings(accelerator="tcg", boot_bus=boot_bus, sample_interval_s=0.5)
    hypervisor = QemuHypervisor(tmp_path, settings)
    agent = Agent(tmp_path, controller.dial, hypervisor, SystemClock(), settings)
    running = asyncio.create_task(agent.run())
    try:
        await life(controller, image, tmp_path / "vms" / VM)
    finally:
        controller.unwant(vm_key(VM))
        await controller.until(lambda: vm_key(VM) not in controller.reported)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert not (tmp_path / "vms" / VM).exists()


async def life(controller: MemoryController, image: str, folder: Path) -> None:
    def wish(power: Power) -> int:
        def make(revision: int) -> Desired:
            boot = DesiredVmDisk(
                id="b", kind=DiskKind.BOOT, capacity_bytes=1 << 26, image_digest=image
            )
            return DesiredVm(
                id=VM,
                revision=revision,
                name="tiny",
                hostname="from-the-seed",
                power=power,
                cpu_count=1,
                memory_mib=192,
                disks=(boot,),
                nics=(DesiredNic(mac="02:aa:00:00:00:01"),),
                stop_timeout_s=30,
            )

        return controller.want(make)

    found = await controller.vm_settled(VM, wish(Power.ON))
    assert (found.state, found.accelerator) == (GuestState.RUNNING, "tcg")
    await until_printed(folder, "HELIOSTAT-TINY-READY")
    text = (await controller.ask("vm.log", {"vm": VM})).result["text"]
    assert "HELIOSTAT-TINY-HOSTNAME from-the-seed" in text
    asked = {"vm": VM, "kind": "port", "port": 7, "ticket": "echo"}

    async def dial() -> None:
        fault = (await controller.ask("tunnel", asked)).fault
        if fault is not None:
            raise TemporaryError(fault.code, fault.message)

    await until_listening(dial)
    tunnel = controller.tunnels["echo"]
    await tunnel.write(b"ping")
    assert await asyncio.wait_for(tunnel.read(), 20) == b"ping"
    await tunnel.close()
    samples = (await controller.ask("vm.stats", {"vm": VM})).result["samples"]
    assert samples[-1]["memory_rss_mib"] > 64
    found = await controller.vm_settled(VM, wish(Power.OFF))
    assert found.state is GuestState.STOPPED
    assert "HELIOSTAT-TINY-POWERBUTTON" in (folder / "serial.log").read_text()
