"""Images made of VMs' disks by the agent: sent whole, once, whatever comes between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from heliostat.agent import captures
from heliostat.agent.hypervisors.simulated import SimulatedHost, SimulatedHypervisor
from heliostat.agent.service import Agent
from heliostat.agent.settings import AgentSettings
from heliostat.agentlink.messages import (
    DesiredCapture,
    DesiredVm,
    DesiredVmDisk,
    DiskKind,
    Power,
    ReportedCapture,
    capture_key,
)
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.testing.agent import MemoryController

FAST = AgentSettings(reconnect_min_s=0.01, reconnect_max_s=0.02, retry_min_s=0.01)
KEY = capture_key("golden")


class Host:
    """A controller in memory, a simulated host, and a VM that is off on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.controller = MemoryController()
        self.machine = SimulatedHost()
        self.image = self.controller.blob(b"image" * 5000)

    @asynccontextmanager
    async def agent(self) -> AsyncIterator[None]:
        agent = Agent(
            self.home,
            self.controller.dial,
            SimulatedHypervisor(self.machine),
            SystemClock(),
            FAST,
        )
        running = asyncio.create_task(agent.run())
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def vm(self, power: Power = Power.OFF) -> None:
        boot = DesiredVmDisk(id="b", kind=DiskKind.BOOT, capacity_bytes=1, image_digest=self.image)
        revision = self.controller.want(
            lambda revision: DesiredVm(
                id="v1",
                revision=revision,
                name="v1",
                power=power,
                cpu_count=1,
                memory_mib=64,
                disks=(boot,),
            )
        )
        await self.controller.vm_settled("v1", revision, wait_s=10)

    def capture(self, vm_id: str = "v1") -> None:
        self.controller.want(
            lambda revision: DesiredCapture(id="golden", revision=revision, vm_id=vm_id)
        )

    async def said(self) -> ReportedCapture:
        """The report once it is settled."""
        reported = self.controller.reported
        await self.controller.until(lambda: KEY in reported and reported[KEY].settled, wait_s=10)
        found = reported[KEY]
        assert isinstance(found, ReportedCapture)
        return found

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.home / "captures").iterdir())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "agent")


async def test_a_disk_becomes_content_and_nothing_stays(host: Host) -> None:
    async with host.agent():
        await host.vm()
        host.capture()
        told = await host.said()
        assert told.fault is None
        assert b"flattened" in host.controller.blobs[told.digest]
        assert host.files() == []
        host.controller.unwant(KEY)
        await host.controller.until(lambda: KEY not in host.controller.reported, wait_s=10)
    assert host.controller.captured == ["golden"]


async def test_a_running_guest_is_waited_for(host: Host) -> None:
    async with host.agent():
        await host.vm(Power.ON)
        host.capture()
        reported = host.controller.reported
        await host.controller.until(lambda: KEY in reported, wait_s=10)
        found = reported[KEY]
        assert isinstance(found, ReportedCapture)
        assert (found.settled, found.fault is not None) == (False, True)
        await host.vm(Power.OFF)
        assert (await host.said()).fault is None


async def test_sending_that_is_cut_off_is_done_again_without_flattening_again(host: Host) -> None:
    host.controller.sending_fails = [TemporaryError("AgentUnavailable", "cut")] * 3
    async with host.agent():
        await host.vm()
        host.capture()
        assert (await host.said()).fault is None
    assert host.controller.captured == ["golden"]


async def test_content_is_on_disk_before_it_counts_as_complete(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def sync(path: Path, _stream: BinaryIO) -> None:
        synced.append(path.name)
        assert ".golden.qcow2" in host.files()
        assert "golden.qcow2" not in host.files()

    monkeypatch.setattr(captures, "sync_file", sync)
    async with host.agent():
        await host.vm()
        host.capture()
        await host.said()
    assert synced == [".golden.qcow2"]


async def test_what_is_complete_is_sent_by_the_next_agent(host: Host) -> None:
    """The next agent's hypervisor refuses to flatten, so it can only have been kept."""
    host.controller.sending_fails = [TemporaryError("AgentUnavailable", "cut")] * 1000
    async with host.agent():
        await host.vm()
        host.capture()
        await _eventually(lambda: host.files() == ["golden.qcow2"])
    host.controller.sending_fails = []
    host.machine.fail_next("flatten", HeliostatError("HypervisorFailed", "not again"))
    async with host.agent():
        assert (await host.said()).fault is None


async def test_a_disk_that_is_full_ends_it(host: Host) -> None:
    host.machine.fail_next("flatten", HeliostatError("DiskFull", "No space."))
    async with host.agent():
        await host.vm()
        host.capture()
        told = await host.said()
        assert told.fault is not None
        assert (told.fault.code, told.fault.permanent) == ("DiskFull", True)
        assert host.files() == []


async def test_a_vm_that_is_not_here_ends_it(host: Host) -> None:
    async with host.agent():
        await host.vm()
        host.capture(vm_id="other")
        told = await host.said()
        assert told.fault is not None
        assert told.fault.code == "VmNotFound"


async def test_what_nobody_wants_any_more_is_removed(host: Host) -> None:
    host.controller.sending_fails = [TemporaryError("AgentUnavailable", "cut")] * 1000
    async with host.agent():
        await host.vm()
        host.capture()
        await _eventually(lambda: host.files() == ["golden.qcow2"])
        host.controller.unwant(KEY)
        await _eventually(lambda: host.files() == [])
    (host.home / "captures" / "old.qcow2").write_bytes(b"left by an earlier agent")
    async with host.agent():
        await _eventually(lambda: host.files() == [])


async def _eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - files tell nobody
            await asyncio.sleep(0.01)
