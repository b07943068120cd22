"""kill -9 of the agent at any moment: guests run on, and nothing half-made remains."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from heliostat.agent.hypervisors.qemu import process
from heliostat.agentlink.messages import (
    Desired,
    DesiredDisk,
    DesiredNic,
    DesiredVm,
    DesiredVmDisk,
    DiskKind,
    GuestState,
    Power,
    ReportedVm,
    Snapshot,
    disk_key,
    vm_key,
)
from heliostat.testing.agent_process import read_reported
from heliostat.testing.guests import tiny_guest

pytestmark = [pytest.mark.slow, pytest.mark.qemu]

VM = "11111111-2222-4333-8444-555555555555"
DISK = "99999999-2222-4333-8444-555555555555"


class Stage:
    """A folder with wishes, agents that are started on it, and the guest they make."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vm_folder = folder / "home" / "vms" / VM
        content = tiny_guest().disk.read_bytes()
        self.image = hashlib.sha256(content).hexdigest()
        (folder / "blobs").mkdir()
        (folder / "blobs" / self.image).write_bytes(content)

    def want(self, revision: int, power: Power) -> None:
        boot = DesiredVmDisk(
            id="boot", kind=DiskKind.BOOT, capacity_bytes=1 << 26, image_digest=self.image
        )
        data = DesiredVmDisk(id=DISK, kind=DiskKind.PERSISTENT, capacity_bytes=1 << 24)
        vm = DesiredVm(
            id=VM,
            revision=revision,
            name="kill-me-not",
            power=power,
            cpu_count=1,
            memory_mib=192,
            disks=(boot, data),
            nics=(DesiredNic(mac="02:aa:00:00:00:01"),),
            hard=True,
        )
        self.wishes(revision, vm, DesiredDisk(id=DISK, revision=1, capacity_bytes=1 << 24))

    def wishes(self, revision: int, *items: Desired) -> None:
        raw = msgspec.json.encode(Snapshot(items=items, revision=revision))
        (self.folder / "wishes.json").write_bytes(raw)

    @asynccontextmanager
    async def agent(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """An agent that is killed at the end of the block, if not before."""
        (self.folder / "reported.json").unlink(missing_ok=True)
        argv = [sys.executable, "-m", "heliostat.testing.agent_process", str(self.folder)]
        agent = await asyncio.create_subprocess_exec(*argv, start_new_session=True)
        try:
            yield agent
        finally:
            if agent.returncode is None:
                agent.send_signal(signal.SIGKILL)
            await agent.wait()

    async def until(self, holds: Callable[[], bool], wait_s: float = 60.0) -> None:
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    if holds():
                        return
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"reported: {read_reported(self.folder)}") from None

    def reported(self, state: GuestState, revision: int) -> bool:
        vm = read_reported(self.folder).get(vm_key(VM))
        return (
            isinstance(vm, ReportedVm)
            and (vm.settled, vm.state) == (True, state)
            and vm.revision >= revision
        )

    def leftovers(self) -> list[Path]:
        return [path for path in self.folder.rglob("*.part") if path.is_file()]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    process.kill(stage.vm_folder)
    await process.until_ended(stage.vm_folder)


async def test_a_guest_outlives_its_killed_agent(stage: Stage) -> None:
    stage.want(1, Power.ON)
    async with stage.agent():
        await stage.until(lambda: stage.reported(GuestState.RUNNING, 1))
    pid = process.qemu_pid(stage.vm_folder)
    assert pid is not None
    async with stage.agent():
        await stage.until(lambda: stage.reported(GuestState.RUNNING, 1))
        assert process.qemu_pid(stage.vm_folder) == pid
        vm = read_reported(stage.folder)[vm_key(VM)]
        assert isinstance(vm, ReportedVm)
        assert (vm.attached_disks, vm.crashes) == ((DISK,), 0)


async def test_a_guest_that_died_meanwhile_is_noticed_and_started_again(stage: Stage) -> None:
    stage.want(1, Power.ON)
    async with stage.agent():
        await stage.until(lambda: stage.reported(GuestState.RUNNING, 1))
    process.kill(stage.vm_folder)
    await process.until_ended(stage.vm_folder)
    async with stage.agent():
        await stage.until(lambda: stage.reported(GuestState.RUNNING, 1))
        vm = read_reported(stage.folder)[vm_key(VM)]
        assert isinstance(vm, ReportedVm)
        assert vm.crashes == 1


async def test_killed_anywhere_in_a_create_the_next_agent_finishes_it(stage: Stage) -> None:
    stage.want(1, Power.ON)
    home, folder = stage.folder / "home", stage.vm_folder
    milestones: list[Callable[[], bool]] = [
        lambda: (home / "desired.json").exists(),
        lambda: any((home / "images").glob("*.part")) or folder.exists(),
        lambda: folder.exists(),
        lambda: (folder / "seed.iso").exists(),
        lambda: (folder / "record.json").exists(),
        lambda: process.is_alive(folder),
    ]
    for reached in milestones:
        async with stage.agent():
            await stage.until(reached)
    async with stage.agent():
        await stage.until(lambda: stage.reported(GuestState.RUNNING, 1))
        assert not stage.leftovers()


async def test_killed_in_a_suspend_the_next_agent_finishes_it(stage: Stage) -> None:
    stage.want(1, Power.ON)
    async with stage.agent():
        await stage.until(lambda: stage.reported(GuestState.RUNNING, 1))
    stage.want(2, Power.SUSPENDED)
    async with stage.agent():
        await stage.until(lambda: any(stage.vm_folder.glob("memory*")))
    async with stage.agent():
        await stage.until(lambda: stage.reported(GuestState.SUSPENDED, 2))
    assert not process.is_alive(stage.vm_folder)
    stage.want(3, Power.ON)
    async with stage.agent():
        await stage.until(lambda: stage.reported(GuestState.RUNNING, 3))
        vm = read_reported(stage.folder)[vm_key(VM)]
        assert isinstance(vm, ReportedVm)
        assert (vm.crashes, vm.attached_disks) == (0, (DISK,))


async def test_killed_in_a_delete_the_next_agent_finishes_it(stage: Stage) -> None:
    stage.want(1, Power.ON)
    async with stage.agent():
        await stage.until(lambda: stage.reported(GuestState.RUNNING, 1))
    stage.wishes(2, DesiredDisk(id=DISK, revision=1, capacity_bytes=1 << 24))
    async with stage.agent():
        await stage.until(lambda: not process.is_alive(stage.vm_folder))
    async with stage.agent():
        await stage.until(
            lambda: (
                disk_key(DISK) in read_reported(stage.folder)
                and vm_key(VM) not in read_reported(stage.folder)
                and not stage.vm_folder.exists()
            )
        )
    assert (stage.folder / "home" / "disks" / f"{DISK}.qcow2").exists()
