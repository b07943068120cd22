"""One suite for every hypervisor: what the contract promises, on the simulated one and on QEMU."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from heliostat.agent.hypervisors.contract import Disc, End, GuestSpec, Hypervisor, Life, Plugged
from heliostat.agent.hypervisors.qemu import QemuHypervisor
from heliostat.agent.hypervisors.simulated import SimulatedHost, SimulatedHypervisor
from heliostat.agent.settings import AgentSettings
from heliostat.core.errors import HeliostatError
from heliostat.core.process import run_async
from heliostat.testing.guests import tiny_guest, until_listening, until_printed

MIB = 1 << 20


@dataclass
class Bench:
    """A hypervisor, a way to get another one on the same host, and how to wait for a guest."""

    hypervisor: Hypervisor
    again: Callable[[], Hypervisor]
    image: Path
    home: Path
    booted: Callable[[Path], Awaitable[None]]
    ended: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def guest(self, *, boot_bus: str = "virtio") -> tuple[GuestSpec, Path]:
        vm_id = str(uuid.uuid4())
        folder = self.home / "a-folder-so-deep-that-unix-sockets-would-not-fit" / vm_id
        folder.mkdir(parents=True)
        await self.hypervisor.create_disk(folder / "boot.qcow2", 64 * MIB, self.image)
        spec = GuestSpec(
            id=vm_id,
            name="bench,1",
            cpu_count=1,
            memory_mib=192,
            boot_disk="boot.qcow2",
            boot_bus=boot_bus,
            macs=("02:aa:00:00:00:01",),
        )
        return spec, folder

    async def disk(self, slot: int) -> Plugged:
        disk_id = str(uuid.uuid4())
        path = self.home / f"{disk_id}.qcow2"
        await self.hypervisor.create_disk(path, 16 * MIB, None)
        return Plugged(id=disk_id, path=str(path), slot=slot)

    def disc(self, content: bytes) -> Disc:
        digest = hashlib.sha256(content).hexdigest()
        path = self.home / f"{digest}.iso"
        path.write_bytes(content)
        return Disc(digest=digest, path=str(path))

    async def adopt(self) -> None:
        """Replace the hypervisor, as an agent that restarts does."""
        await self.hypervisor.close()
        self.hypervisor = self.again()
        await self.open()

    async def open(self) -> None:
        await self.hypervisor.open()
        self.hypervisor.exited = self.ended.put_nowait


@pytest.fixture(
    params=["simulated", pytest.param("qemu", marks=[pytest.mark.qemu, pytest.mark.slow])]
)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async for each in _bench(request.param, tmp_path):
        yield each


@pytest.fixture
async def qemu(tmp_path: Path) -> AsyncIterator[Bench]:
    async for each in _bench("qemu", tmp_path):
        yield each


async def _bench(kind: str, home: Path) -> AsyncIterator[Bench]:
    host = SimulatedHost()
    settings = AgentSettings(accelerator="tcg")
    if kind == "qemu":
        image = tiny_guest().disk

        def make() -> Hypervisor:
            return QemuHypervisor(home, settings)
    else:
        image = home / "image"
        image.write_bytes(b"image")

        def make() -> Hypervisor:
            return SimulatedHypervisor(host)

    async def booted(folder: Path) -> None:
        if kind == "qemu":
            await until_printed(folder, "HELIOSTAT-TINY-READY")

    bench = Bench(make(), make, image, home, booted)
    await bench.open()
    try:
        yield bench
    finally:
        for folder in _folders(home):
            if (await bench.hypervisor.look(folder.name, folder)).life is Life.RUNNING:
                await bench.hypervisor.kill(folder.name)
        await bench.hypervisor.close()


def _folders(home: Path) -> list[Path]:
    return [lock.parent for lock in home.glob("*/*/lock")]


async def test_a_guest_starts_and_is_killed(bench: Bench) -> None:
    spec, folder = await bench.guest()
    assert (await bench.hypervisor.look(spec.id, folder)).life is Life.ABSENT
    await bench.hypervisor.start(spec, folder)
    found = await bench.hypervisor.look(spec.id, folder)
    assert found.life is Life.RUNNING
    assert found.accelerator
    await bench.hypervisor.kill(spec.id)
    assert await bench.ended.get() == spec.id
    assert (await bench.hypervisor.look(spec.id, folder)).life is Life.ABSENT


async def test_a_guest_cannot_start_twice(bench: Bench) -> None:
    spec, folder = await bench.guest()
    await bench.hypervisor.start(spec, folder)
    with pytest.raises(HeliostatError):
        await bench.hypervisor.start(spec, folder)
    assert (await bench.hypervisor.look(spec.id, folder)).life is Life.RUNNING


async def test_the_power_button_ends_a_guest_cleanly(bench: Bench) -> None:
    spec, folder = await bench.guest()
    await bench.hypervisor.start(spec, folder)
    await bench.booted(folder)
    await bench.hypervisor.press_power(spec.id)
    assert await asyncio.wait_for(bench.ended.get(), 30) == spec.id
    assert (await bench.hypervisor.look(spec.id, folder)).end is End.CLEAN


async def test_a_guest_outlives_its_hypervisor_and_is_adopted(bench: Bench) -> None:
    spec, folder = await bench.guest()
    disk = await bench.disk(3)
    await bench.hypervisor.start(msgspec.structs.replace(spec, plugged=(disk,)), folder)
    await bench.adopt()
    found = await bench.hypervisor.look(spec.id, folder)
    assert found.life is Life.RUNNING
    assert found.plugged == {disk.id}
    await bench.hypervisor.kill(spec.id)
    assert await bench.ended.get() == spec.id


async def test_disks_are_plugged_and_unplugged(bench: Bench) -> None:
    spec, folder = await bench.guest()
    await bench.hypervisor.start(spec, folder)
    await bench.booted(folder)
    disk = await bench.disk(0)
    await bench.hypervisor.plug(spec.id, disk)
    assert (await bench.hypervisor.look(spec.id, folder)).plugged == {disk.id}
    await bench.hypervisor.unplug(spec.id, disk.id)
    assert (await bench.hypervisor.look(spec.id, folder)).plugged == frozenset()
    await bench.hypervisor.plug(spec.id, disk)  # the same slot and disk again


async def test_a_missing_disk_is_refused_and_leaves_nothing(bench: Bench) -> None:
    spec, folder = await bench.guest()
    await bench.hypervisor.start(spec, folder)
    absent = Plugged(id=str(uuid.uuid4()), path=str(bench.home / "absent.qcow2"), slot=0)
    with pytest.raises(HeliostatError):
        await bench.hypervisor.plug(spec.id, absent)
    assert (await bench.hypervisor.look(spec.id, folder)).plugged == frozenset()
    await bench.hypervisor.plug(spec.id, await bench.disk(0))


async def test_discs_are_inserted_and_ejected(bench: Bench) -> None:
    """One drive, plugged with the first disc, that outlives agents and suspension."""
    spec, folder = await bench.guest()
    first, second = bench.disc(b"first" * 4096), bench.disc(b"second" * 4096)
    await bench.hypervisor.start(spec, folder)
    await bench.booted(folder)
    await bench.hypervisor.eject(spec.id)
    await bench.hypervisor.insert(spec.id, first)
    assert (await bench.hypervisor.look(spec.id, folder)).disc == first.digest
    await bench.adopt()
    assert (await bench.hypervisor.look(spec.id, folder)).disc == first.digest
    await bench.hypervisor.eject(spec.id)
    assert (await bench.hypervisor.look(spec.id, folder)).disc == ""
    await bench.hypervisor.eject(spec.id)
    await bench.hypervisor.insert(spec.id, second)
    await bench.hypervisor.save(spec.id, lambda _done: None)
    resumed = msgspec.structs.replace(spec, cd_drive=True, disc=second)
    await bench.hypervisor.start(resumed, folder, restore=True)
    found = await bench.hypervisor.look(spec.id, folder)
    assert (found.life, found.detail, found.disc) == (Life.RUNNING, "", second.digest)
    await bench.hypervisor.eject(spec.id)
    await bench.hypervisor.insert(spec.id, first)
    assert (await bench.hypervisor.look(spec.id, folder)).disc == first.digest


async def test_a_guest_starts_with_a_disc(bench: Bench) -> None:
    spec, folder = await bench.guest()
    disc = bench.disc(b"disc" * 4096)
    await bench.hypervisor.start(msgspec.structs.replace(spec, disc=disc), folder)
    assert (await bench.hypervisor.look(spec.id, folder)).disc == disc.digest


async def test_a_missing_disc_is_refused_and_leaves_nothing(bench: Bench) -> None:
    spec, folder = await bench.guest()
    await bench.hypervisor.start(spec, folder)
    absent = Disc(digest="ab" * 32, path=str(bench.home / "absent.iso"))
    with pytest.raises(HeliostatError):
        await bench.hypervisor.insert(spec.id, absent)
    assert (await bench.hypervisor.look(spec.id, folder)).disc == ""
    disc = bench.disc(b"disc" * 4096)
    await bench.hypervisor.insert(spec.id, disc)
    assert (await bench.hypervisor.look(spec.id, folder)).disc == disc.digest


async def test_saved_memory_is_used_once(bench: Bench) -> None:
    spec, folder = await bench.guest()
    await bench.hypervisor.start(spec, folder)
    await bench.booted(folder)
    disk = await bench.disk(5)
    await bench.hypervisor.plug(spec.id, disk)
    done: list[float] = []
    await bench.hypervisor.save(spec.id, done.append)
    assert done[-1] == 1.0
    assert (await bench.hypervisor.look(spec.id, folder)).life is Life.SAVED
    await bench.adopt()
    resumed = msgspec.structs.replace(spec, plugged=(disk,))
    await bench.hypervisor.start(resumed, folder, restore=True)
    found = await bench.hypervisor.look(spec.id, folder)
    assert (found.life, found.detail) == (Life.RUNNING, "")
    assert found.plugged == {disk.id}
    await bench.hypervisor.kill(spec.id)
    assert (await bench.hypervisor.look(spec.id, folder)).life is Life.ABSENT


async def test_saved_memory_can_be_discarded(bench: Bench) -> None:
    spec, folder = await bench.guest()
    await bench.hypervisor.start(spec, folder)
    await bench.hypervisor.save(spec.id, lambda _done: None)
    bench.hypervisor.discard_saved(folder)
    assert (await bench.hypervisor.look(spec.id, folder)).life is Life.ABSENT


async def test_ports_are_reached_and_refused(bench: Bench) -> None:
    spec, folder = await bench.guest()
    await bench.hypervisor.start(spec, folder)
    await bench.booted(folder)
    stream = await until_listening(lambda: bench.hypervisor.dial(spec.id, 7))
    await stream.write(b"echo")
    assert await asyncio.wait_for(stream.read(), 20) == b"echo"
    await stream.close()
    with pytest.raises(HeliostatError) as refused:
        await bench.hypervisor.dial(spec.id, 9)
    assert refused.value.code == "GuestUnreachable"


async def test_a_disk_is_flattened_to_the_same_bytes(bench: Bench) -> None:
    spec, folder = await bench.guest()
    done: list[float] = []
    for name in ("one.qcow2", "two.qcow2"):
        await bench.hypervisor.flatten(folder / spec.boot_disk, bench.home / name, done.append)
    assert done[-1] == 1.0
    one, two = ((bench.home / name).read_bytes() for name in ("one.qcow2", "two.qcow2"))
    assert one == two
    assert bench.hypervisor.backing_of(bench.home / "one.qcow2") is None


@pytest.mark.qemu
async def test_the_disk_of_a_running_guest_is_not_flattened(qemu: Bench) -> None:
    spec, folder = await qemu.guest()
    await qemu.hypervisor.start(spec, folder)
    with pytest.raises(HeliostatError, match="another process"):
        await qemu.hypervisor.flatten(
            folder / spec.boot_disk, qemu.home / "out.qcow2", lambda _: None
        )


async def test_the_screen_speaks_rfb_to_several_at_once(bench: Bench) -> None:
    spec, folder = await bench.guest()
    await bench.hypervisor.start(spec, folder)
    screens = [await bench.hypervisor.screen(spec.id) for _ in range(2)]
    for screen in screens:
        assert (await asyncio.wait_for(screen.read(), 20)).startswith(b"RFB 003.")
        await screen.close()


@pytest.mark.qemu
async def test_a_life_on_qemu(qemu: Bench) -> None:
    """The contract in one boot, so that the quick suite meets the real engine."""
    spec, folder = await qemu.guest()
    disk = await qemu.disk(0)
    await qemu.hypervisor.start(spec, folder)
    await qemu.booted(folder)
    stream = await until_listening(lambda: qemu.hypervisor.dial(spec.id, 7))
    await stream.write(b"echo")
    assert await asyncio.wait_for(stream.read(), 20) == b"echo"
    await stream.close()
    await qemu.hypervisor.plug(spec.id, disk)
    usage = await qemu.hypervisor.usage(spec.id)
    assert usage is not None
    assert usage.disk_read_bytes > MIB
    await qemu.hypervisor.save(spec.id, lambda _done: None)
    assert await qemu.ended.get() == spec.id
    await qemu.adopt()
    await qemu.hypervisor.start(
        msgspec.structs.replace(spec, plugged=(disk,)), folder, restore=True
    )
    await qemu.hypervisor.unplug(spec.id, disk.id)
    await qemu.hypervisor.press_power(spec.id)
    assert await asyncio.wait_for(qemu.ended.get(), 30) == spec.id
    assert (await qemu.hypervisor.look(spec.id, folder)).end is End.CLEAN


@pytest.mark.qemu
@pytest.mark.slow
@pytest.mark.takes(40)
async def test_the_guest_reads_its_discs_and_is_asked_to_let_go(qemu: Bench) -> None:
    """An ISO 9660 made by another's tool is mounted; a mounted one is taken out all the same."""
    spec, folder = await qemu.guest()
    root = qemu.home / "root"
    root.mkdir()
    (root / "HELLO.TXT").write_text("hello from the disc")
    iso = qemu.home / "made.iso"
    await run_async(["genisoimage", "-quiet", "-o", str(iso), str(root)], timeout_s=20)
    made, raw = qemu.disc(iso.read_bytes()), qemu.disc(b"only bytes" * 4096)
    await qemu.hypervisor.start(spec, folder)
    await qemu.booted(folder)
    await qemu.hypervisor.insert(spec.id, made)
    console = await qemu.hypervisor.console(spec.id)
    wait = "until [ -b /dev/sr0 ]; do usleep 100000; done; mkdir /disc; "
    await console.write(f"{wait}mount -t iso9660 /dev/sr0 /disc && cat /disc/*\n".encode())
    await until_printed(folder, "hello from the disc")
    await qemu.hypervisor.eject(spec.id)
    await qemu.hypervisor.insert(spec.id, raw)
    await console.write(b"umount /disc; dd if=/dev/sr0 bs=2048 count=1 | head -c 10\n")
    await until_printed(folder, "only bytes")
    await console.close()


@pytest.mark.qemu
@pytest.mark.slow
async def test_a_killed_qemu_counts_as_crash_even_if_nobody_watched(qemu: Bench) -> None:
    from heliostat.agent.hypervisors.qemu import process

    spec, folder = await qemu.guest(boot_bus="nvme")
    await qemu.hypervisor.start(spec, folder)
    await qemu.hypervisor.close()
    process.kill(folder)
    await process.until_ended(folder)
    await qemu.adopt()
    found = await qemu.hypervisor.look(spec.id, folder)
    assert (found.life, found.end) == (Life.ABSENT, End.CRASH)
