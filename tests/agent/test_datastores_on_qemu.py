"""Several datastores with real files: one that is full, and guests whose disks lie in two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from heliostat.agent.hypervisors.qemu import QemuHypervisor, disks
from heliostat.agent.service import Agent
from heliostat.agent.settings import AgentSettings, DatastoreSettings
from heliostat.agentlink.messages import (
    Desired,
    DesiredDisk,
    DesiredVm,
    DesiredVmDisk,
    DiskKind,
    GuestState,
    Power,
    ReportedVm,
    disk_key,
    vm_key,
)
from heliostat.core.clock import SystemClock
from heliostat.testing.agent import MemoryController
from heliostat.testing.guests import tiny_guest, until_printed
from heliostat.testing.small_disk import small_disk

pytestmark = [pytest.mark.slow, pytest.mark.qemu]

UNLUCKY = "11111111-2222-4333-8444-000000000001"
LUCKY = "11111111-2222-4333-8444-000000000002"
DATA = "11111111-2222-4333-8444-00000000000d"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "small", 8) as mounted:
        yield mounted


@asynccontextmanager
async def _agent(
    home: Path, controller: MemoryController, *datastores: DatastoreSettings
) -> AsyncIterator[Agent]:
    settings = AgentSettings(accelerator="tcg", retry_min_s=0.1, datastores=datastores)
    agent = Agent(home, controller.dial, QemuHypervisor(home, settings), SystemClock(), settings)
    running = asyncio.create_task(agent.run())
    try:
        yield agent
    finally:
        for key in [*controller.desired]:
            controller.unwant(key)
        gone = {vm_key(UNLUCKY), vm_key(LUCKY), disk_key(DATA)}
        await controller.until(lambda: not gone & controller.reported.keys())
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def _vm(controller: MemoryController, vm_id: str, *disks: DesiredVmDisk) -> int:
    def make(revision: int) -> Desired:
        return DesiredVm(
            id=vm_id,
            revision=revision,
            name="tiny",
            power=Power.ON,
            cpu_count=1,
            memory_mib=192,
            disks=disks,
            stop_timeout_s=30,
        )

    return controller.want(make)


def _boot(image: str, datastore: str) -> DesiredVmDisk:
    return DesiredVmDisk(
        id="b", kind=DiskKind.BOOT, capacity_bytes=1 << 26, image_digest=image, datastore=datastore
    )


async def test_a_full_datastore_fails_its_vm_and_no_other(tmp_path: Path, small: Path) -> None:
    controller = MemoryController()
    image = controller.blob(tiny_guest().disk.read_bytes())
    (tmp_path / "big").mkdir()
    with (small / "ballast").open("wb") as ballast, suppress(OSError):
        while True:
            ballast.write(bytes(1 << 16))
    (small / "ballast").write_bytes(bytes((small / "ballast").stat().st_size - (2 << 20)))
    stores = (
        DatastoreSettings(name="big", path=tmp_path / "big"),
        DatastoreSettings(name="small", path=small),
    )
    async with _agent(tmp_path / "home", controller, *stores) as agent:
        big, little, _ = (each.datastore_id for each in agent.facts().datastores)
        refused = _vm(controller, UNLUCKY, _boot(image, little))
        controller.want(
            lambda revision: DesiredDisk(
                id=DATA, revision=revision, capacity_bytes=1 << 24, datastore=little
            )
        )
        served = _vm(
            controller,
            LUCKY,
            _boot(image, big),
            DesiredVmDisk(
                id="e", kind=DiskKind.EPHEMERAL, capacity_bytes=1 << 24, datastore=little
            ),
            DesiredVmDisk(
                id=DATA, kind=DiskKind.PERSISTENT, capacity_bytes=1 << 24, datastore=little
            ),
        )
        found = await controller.vm_settled(UNLUCKY, refused)
        assert found.fault is not None
        assert (found.fault.code, found.fault.permanent) == ("DiskFull", True)
        assert _files(small / "images") == []
        assert not (small / "vms" / UNLUCKY).exists()
        found = await controller.vm_settled(LUCKY, served)
        assert (found.state, found.attached_disks) == (GuestState.RUNNING, (DATA,))
        await until_printed(tmp_path / "home" / "vms" / LUCKY, "HELIOSTAT-TINY-READY")
        overlay = tmp_path / "big" / "vms" / LUCKY / "boot-b.qcow2"
        assert disks.backing(overlay) == tmp_path / "big" / "images" / f"{image}.qcow2"
        assert (small / "vms" / LUCKY / "ephemeral-e.qcow2").is_file()
        assert (small / "disks" / f"{DATA}.qcow2").is_file()
        assert disks.backing(small / "disks" / f"{DATA}.qcow2") is None
        facts = {each.datastore_id: each for each in agent.facts().datastores}
        assert facts[little].total_bytes < 8 << 20 < facts[big].total_bytes
        assert (facts[big].images, facts[little].images) == ((image,), ())
    assert _files(small / "vms") == _files(small / "disks") == []
    assert _files(tmp_path / "big" / "vms") == []


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_suspended_guest_comes_back_with_disks_in_two_datastores(tmp_path: Path) -> None:
    controller = MemoryController()
    image = controller.blob(tiny_guest().disk.read_bytes())
    (tmp_path / "big").mkdir()
    big = DatastoreSettings(name="big", path=tmp_path / "big")
    async with _agent(tmp_path / "home", controller, big) as agent:
        there = agent.facts().datastores[0].datastore_id
        disks_ = (
            _boot(image, there),
            DesiredVmDisk(id="e", kind=DiskKind.EPHEMERAL, capacity_bytes=1 << 24),
        )
        await controller.vm_settled(LUCKY, _vm(controller, LUCKY, *disks_))
        await until_printed(tmp_path / "home" / "vms" / LUCKY, "HELIOSTAT-TINY-READY")
        for power, state in (
            (Power.SUSPENDED, GuestState.SUSPENDED),
            (Power.ON, GuestState.RUNNING),
        ):
            found = await _powered(controller, power)
            assert found.state is state, found


async def _powered(controller: MemoryController, power: Power) -> ReportedVm:
    wished = controller.desired[vm_key(LUCKY)]
    assert isinstance(wished, DesiredVm)
    revision = controller.want(lambda revision: replace(wished, revision=revision, power=power))
    return await controller.vm_settled(LUCKY, revision)
