"""The whole agent on a simulated host, as a controller sees it."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from heliostat.agent.hypervisors.contract import Disc, End, Look
from heliostat.agent.hypervisors.simulated import SimulatedHost, SimulatedHypervisor
from heliostat.agent.record import load_record, save_record
from heliostat.agent.service import Agent
from heliostat.agent.settings import AgentSettings, DatastoreSettings
from heliostat.agentlink.messages import (
    BootBus,
    Cleared,
    Desired,
    DesiredDisk,
    DesiredImage,
    DesiredIso,
    DesiredNic,
    DesiredVm,
    DesiredVmDisk,
    DiskKind,
    GuestState,
    HostFacts,
    Leftover,
    Power,
    ReportedDisk,
    ReportedVm,
    Wanted,
    disk_key,
    image_key,
    vm_key,
)
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError, TemporaryError
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
        self.controller = MemoryController()
        self.host = SimulatedHost()
        self.image = self.controller.blob(b"image" * 5000)

    @asynccontextmanager
    async def agent(self, *datastores: DatastoreSettings) -> AsyncIterator[Agent]:
        hypervisor = SimulatedHypervisor(self.host)
        settings = replace(FAST, datastores=datastores)
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

    async def gone(self, key: str) -> None:
        await self.controller.until(lambda: key not in self.controller.reported, wait_s=10)


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "agent")


async def test_a_vm_from_wish_to_removal(site: Site) -> None:
    async with site.agent():
        site.disk()
        found = await site.settled(site.vm(persistent=("d1",)))
        assert (found.state, found.attached_disks) == (GuestState.RUNNING, ("d1",))
        found = await site.settled(site.vm(power=Power.OFF, persistent=("d1",)))
        assert (found.state, found.fault) == (GuestState.STOPPED, None)
        site.controller.unwant(vm_key("v1"))
        await site.gone(vm_key("v1"))
        assert not (site.home / "vms" / "v1").exists()
        assert site.disk_file().exists()
        site.controller.unwant(disk_key("d1"))
        await site.gone(disk_key("d1"))
        assert not site.disk_file().exists()


async def test_guests_outlive_the_agent_and_wishes_outlive_the_link(site: Site) -> None:
    async with site.agent():
        await site.settled(site.vm())
    assert "v1" in site.host.running
    site.controller.reachable = False
    site.host.end("v1", End.CRASH)
    site.host.on_end = None
    async with site.agent():  # alone with what it has on disk
        await eventually(lambda: "v1" in site.host.running)
        site.controller.reachable = True
        await site.until(lambda vm: vm.settled and vm.crashes == 1)
    assert site.host.starts == 2


async def test_a_crash_is_reported_and_the_guest_started_again(site: Site) -> None:
    async with site.agent():
        await site.settled(site.vm())
        site.host.end("v1", End.CRASH)
        await site.until(lambda vm: vm.crashes == 1 and vm.settled)
        assert "v1" in site.host.running


async def test_a_crash_stays_if_policy_says_so(site: Site) -> None:
    async with site.agent():
        await site.settled(site.vm(restart_on_crash=False))
        site.host.end("v1", End.CRASH)
        await site.until(lambda vm: vm.state is GuestState.CRASHED and vm.settled)
        found = site.controller.reported[vm_key("v1")]
        assert isinstance(found, ReportedVm)
        assert found.fault is not None
        assert found.fault.code == "GuestCrashed"


async def test_a_guest_that_powers_itself_off_is_stopped_until_asked(site: Site) -> None:
    async with site.agent():
        await site.settled(site.vm())
        site.host.end("v1", End.CLEAN)
        await site.until(lambda vm: vm.state is GuestState.STOPPED and vm.settled)
        found = await site.settled(site.vm())
        assert found.state is GuestState.RUNNING


async def test_a_restart_happens_once(site: Site) -> None:
    async with site.agent():
        await site.settled(site.vm())
        found = await site.settled(site.vm(restart=1))
        assert (found.state, found.restart, site.host.starts) == (GuestState.RUNNING, 1, 2)
        await site.settled(site.vm(restart=1, hard=True))
        assert site.host.starts == 2
        assert (await site.settled(site.vm(restart=2, hard=True))).restart == 2
        assert site.host.starts == 3


async def test_a_guest_that_ignores_its_button_is_ended_and_that_is_told(site: Site) -> None:
    async with site.agent():
        await site.settled(site.vm())
        site.host.running["v1"].heeds_power = False
        found = await site.settled(site.vm(power=Power.OFF))
        assert found.state is GuestState.STOPPED
        assert "did not power off" in found.detail


async def test_suspend_and_resume(site: Site) -> None:
    async with site.agent():
        await site.settled(site.vm(power=Power.ON))
    async with site.agent():
        found = await site.settled(site.vm(power=Power.SUSPENDED))
        assert found.state is GuestState.SUSPENDED
    async with site.agent():
        found = await site.settled(site.vm(power=Power.ON))
        assert (found.state, found.crashes) == (GuestState.RUNNING, 0)


async def test_a_failed_suspend_leaves_the_guest_running(site: Site) -> None:
    async with site.agent():
        await site.settled(site.vm(boot_bus=BootBus.NVME))
        found = await site.settled(site.vm(power=Power.SUSPENDED))  # it keeps its bus
        assert found.state is GuestState.RUNNING
        assert found.fault is not None
        assert "NVMe" in found.fault.message


async def test_disks_come_and_go_while_running(site: Site) -> None:
    async with site.agent():
        await site.settled(site.vm())
        site.disk()
        found = await site.settled(site.vm(persistent=("d1",)))
        assert found.attached_disks == ("d1",)
        found = await site.settled(site.vm())
        assert found.attached_disks == ()


async def test_a_disc_is_fetched_inserted_kept_and_forgotten(site: Site) -> None:
    """Through another agent and through suspension; off, it is fetched all the same."""
    digest = site.controller.blob(b"disc" * 5000)
    iso = DesiredIso(digest=digest, size_bytes=20000)
    file = site.home / "discs" / f"{digest}.iso"
    async with site.agent():
        found = await site.settled(site.vm())
        assert (found.inserted, found.boot_bus) == ("", "virtio")
        assert (await site.settled(site.vm(iso=iso))).inserted == digest
        await site.settled(site.vm(power=Power.SUSPENDED, iso=iso))
    site.host.on_end = None
    async with site.agent():
        assert (await site.settled(site.vm(iso=iso))).inserted == digest
        assert (await site.settled(site.vm())).inserted == ""
        await eventually(lambda: not file.exists())
        found = await site.settled(site.vm(power=Power.OFF, iso=iso))
        assert (found.state, file.exists()) == (GuestState.STOPPED, True)
        site.controller.unwant(vm_key("v1"))
        await site.gone(vm_key("v1"))
        await eventually(lambda: not file.exists())


async def test_a_corrupt_disc_is_told_and_not_inserted(site: Site) -> None:
    digest = site.controller.blob(b"disc" * 5000)
    async with site.agent():
        await site.settled(site.vm())
        site.controller.corrupt = 20
        found = await site.settled(site.vm(iso=DesiredIso(digest=digest, size_bytes=20000)))
        assert found.fault is not None
        assert (found.fault.code, found.inserted) == ("ImageCorrupt", "")
        assert found.state is GuestState.RUNNING


async def test_a_failed_insert_is_tried_again(site: Site) -> None:
    digest = site.controller.blob(b"disc" * 5000)
    site.host.fail_next("insert", TemporaryError("HypervisorFailed", "busy", retry_after_s=0.01))
    async with site.agent():
        await site.settled(site.vm())
        found = await site.settled(site.vm(iso=DesiredIso(digest=digest, size_bytes=20000)))
        assert found.inserted == digest


async def test_memory_is_saved_with_the_hardware_that_is_there(site: Site) -> None:
    """An agent that was killed had taken things out and not noted that yet."""
    iso = DesiredIso(digest=site.controller.blob(b"disc" * 5000), size_bytes=20000)
    async with site.agent():
        site.disk()
        await site.settled(site.vm(iso=iso, persistent=("d1",)))
        stale = load_record(site.home / "vms" / "v1")
        assert stale is not None
        assert (stale.spec.disc, stale.spec.plugged) != (None, ())
        await site.settled(site.vm())
    save_record(site.home / "vms" / "v1", stale)
    async with site.agent():
        found = await site.settled(site.vm(power=Power.SUSPENDED))
        assert found.state is GuestState.SUSPENDED
        record = load_record(site.home / "vms" / "v1")
        assert record is not None
        assert (record.spec.disc, record.spec.plugged, record.spec.cd_drive) == (None, (), True)


async def test_what_was_put_in_without_an_answer_is_known(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = site.controller.blob(b"disc" * 5000)
    insert = SimulatedHypervisor.insert

    async def unanswered(self: SimulatedHypervisor, vm_id: str, disc: Disc) -> None:
        await insert(self, vm_id, disc)
        raise TemporaryError("HypervisorFailed", "no answer", retry_after_s=0.01)

    monkeypatch.setattr(SimulatedHypervisor, "insert", unanswered)
    async with site.agent():
        await site.settled(site.vm())
        await site.settled(site.vm(iso=DesiredIso(digest=digest, size_bytes=20000)))
        record = load_record(site.home / "vms" / "v1")
        assert record is not None
        assert record.spec.disc is not None
        assert record.spec.disc.digest == digest


async def test_a_disk_is_held_by_a_guest_that_was_not_looked_at_yet(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site.agent():
        site.disk()
        await site.settled(site.vm(persistent=("d1",)))
        site.controller.unwant(disk_key("d1"))
        await site.settled(site.vm(cpu_count=2, persistent=("d1",)))
    look = SimulatedHypervisor.look

    async def slow(self: SimulatedHypervisor, vm_id: str, folder: Path) -> Look:
        await asyncio.sleep(0.1)
        return await look(self, vm_id, folder)

    monkeypatch.setattr(SimulatedHypervisor, "look", slow)
    async with site.agent():
        await asyncio.sleep(0.05)
        assert site.disk_file().exists()
        await site.settled(site.vm())
        await site.gone(disk_key("d1"))


async def test_facts_are_told_again_after_a_datastore_failed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "FAST", replace(FAST, facts_interval_s=0.02))
    asked: list[bool] = []
    async with site.agent() as agent:
        await site.settled(site.vm())
        facts = agent.facts

        def failing() -> HostFacts:
            asked.append(True)
            if len(asked) == 1:
                raise OSError(errno.ESTALE, "Stale file handle")
            return facts()

        monkeypatch.setattr(agent, "facts", failing)
        await eventually(lambda: len(asked) > 2)


async def test_an_attached_disk_is_not_removed_before_it_is_detached(site: Site) -> None:
    async with site.agent():
        site.disk()
        await site.settled(site.vm(persistent=("d1",)))
        site.controller.unwant(disk_key("d1"))
        found = await site.settled(site.vm(cpu_count=2, persistent=("d1",)))
        assert found.attached_disks == ("d1",)
        assert site.disk_file().exists()
        await site.settled(site.vm())
        await site.gone(disk_key("d1"))


async def test_temporary_failures_are_tried_again(site: Site) -> None:
    site.host.fail_next("start", TemporaryError("HypervisorFailed", "busy", retry_after_s=0.01))
    async with site.agent():
        found = await site.settled(site.vm())
        assert (found.state, found.fault) == (GuestState.RUNNING, None)


async def test_permanent_failures_settle_with_their_fault_until_the_next_wish(site: Site) -> None:
    site.host.fail_next("start", HeliostatError("HypervisorFailed", "no such machine"))
    async with site.agent():
        found = await site.settled(site.vm())
        assert found.fault is not None
        assert (found.fault.permanent, found.state) == (True, GuestState.STOPPED)
        found = await site.settled(site.vm())
        assert (found.fault, found.state) == (None, GuestState.RUNNING)


async def test_a_corrupt_image_is_told(site: Site) -> None:
    site.controller.corrupt = 2
    async with site.agent():
        found = await site.settled(site.vm())
        assert found.fault is not None
        assert found.fault.code == "ImageCorrupt"
        assert found.state is GuestState.PREPARING


async def test_an_image_is_fetched_ahead_and_removed_on_order_only(site: Site) -> None:
    image = site.home / "images" / f"{site.image}.qcow2"
    async with site.agent():
        site.controller.cut_after = 8192
        revision = site.controller.want(
            lambda revision: DesiredImage(digest=site.image, revision=revision, size_bytes=25000)
        )
        key = image_key(site.image)
        await site.controller.until(
            lambda: key in site.controller.reported and site.controller.reported[key].settled
        )
        assert site.controller.reported[key].revision == revision
        assert [offset for _, offset in site.controller.fetched] == [0, 8192]
        await site.settled(site.vm())
        site.controller.unwant(key)
        await site.gone(key)
        assert await leftovers(site) == []  # the VM's disk stands on it
        revision = site.controller.unwant(vm_key("v1"))
        await site.gone(vm_key("v1"))
        (found,) = await leftovers(site)
        assert (found.kind, found.id) == ("image", site.image)
        assert image.exists()
        early = await cleared(site, found.name, revision=revision, grace_s=3600)
        assert early.kept.keys() == {found.name}
        assert (await cleared(site, found.name, revision=revision)).removed == (found.name,)
        assert not image.exists()
        assert (await cleared(site, found.name, revision=revision)).removed == ()


async def test_each_disk_lies_in_the_datastore_it_was_placed_in(site: Site, tmp_path: Path) -> None:
    fast, big = tmp_path / "fast", tmp_path / "big"
    fast.mkdir()
    big.mkdir()
    offered = [DatastoreSettings(name="fast", path=fast), DatastoreSettings(name="big", path=big)]
    async with site.agent(*offered) as agent:
        first, second, home = (each.datastore_id for each in agent.facts().datastores)
        site.controller.want(
            lambda revision: DesiredDisk(
                id="d1", revision=revision, capacity_bytes=1 << 20, datastore=second
            )
        )
        disks = (
            DesiredVmDisk(
                id="b",
                kind=DiskKind.BOOT,
                capacity_bytes=1,
                image_digest=site.image,
                datastore=first,
            ),
            DesiredVmDisk(id="e", kind=DiskKind.EPHEMERAL, capacity_bytes=1, datastore=second),
            DesiredVmDisk(id="d1", kind=DiskKind.PERSISTENT, capacity_bytes=1, datastore=second),
        )
        found = await site.settled(site.vm(disks=disks))
        assert (found.state, found.attached_disks) == (GuestState.RUNNING, ("d1",))
        files = [
            fast / "images" / f"{site.image}.qcow2",
            fast / "vms/v1/boot-b.qcow2",
            big / "vms/v1/ephemeral-e.qcow2",
            big / "disks/d1.qcow2",
        ]
        assert all(path.is_file() for path in files)
        assert not list(site.home.rglob("*.qcow2"))
        facts = agent.facts().datastores
        assert [each.images for each in facts] == [(site.image,), (), ()]
        assert [each.available for each in facts] == [True, True, False]
        assert facts[2].datastore_id == home
        assert [each.id for each in await leftovers(site)] == []
        site.controller.unwant(vm_key("v1"))
        await site.gone(vm_key("v1"))
        assert not list(fast.glob("vms/*"))
        assert not list(big.glob("vms/*"))
        assert files[3].is_file(), "a persistent disk outlives its VM"
        site.controller.unwant(disk_key("d1"))
        await eventually(lambda: not files[3].exists())


async def test_a_datastore_that_is_not_mounted_delays_its_vm_and_no_other(
    site: Site, tmp_path: Path
) -> None:
    root = tmp_path / "ssd"
    root.mkdir()
    ssd = DatastoreSettings(name="ssd", path=root)
    async with site.agent(DatastoreSettings(name="local"), ssd) as agent:
        there = agent.facts().datastores[1].datastore_id
        (root / "datastore.json").rename(tmp_path / "mark")
        boot = DesiredVmDisk(
            id="b", kind=DiskKind.BOOT, capacity_bytes=1, image_digest=site.image, datastore=there
        )
        revision = site.vm("v1", disks=(boot,))
        await site.until(
            lambda vm: vm.fault is not None and vm.fault.code == "DatastoreUnavailable"
        )
        assert (await site.settled(site.vm("v2"), "v2")).state is GuestState.RUNNING
        assert not list((root / "vms").iterdir())
        (tmp_path / "mark").rename(root / "datastore.json")
        assert (await site.settled(revision)).state is GuestState.RUNNING


async def test_a_suspended_guest_waits_for_its_datastore(site: Site, tmp_path: Path) -> None:
    root = tmp_path / "ssd"
    root.mkdir()
    offered = [DatastoreSettings(name="local"), DatastoreSettings(name="ssd", path=root)]
    async with site.agent(*offered) as agent:
        there = agent.facts().datastores[1].datastore_id
        disks = (
            DesiredVmDisk(id="b", kind=DiskKind.BOOT, capacity_bytes=1, image_digest=site.image),
            DesiredVmDisk(id="e", kind=DiskKind.EPHEMERAL, capacity_bytes=1, datastore=there),
        )
        await site.settled(site.vm(disks=disks))
        await site.settled(site.vm(disks=disks, power=Power.SUSPENDED))
        (root / "datastore.json").rename(tmp_path / "mark")
        revision = site.vm(disks=disks)
        await site.until(
            lambda vm: vm.fault is not None and vm.fault.code == "DatastoreUnavailable"
        )
        (tmp_path / "mark").rename(root / "datastore.json")
        assert (await site.settled(revision)).state is GuestState.RUNNING


async def test_a_vm_goes_although_its_datastore_was_taken_off_the_host(
    site: Site, tmp_path: Path
) -> None:
    root = tmp_path / "ssd"
    root.mkdir()
    async with site.agent(DatastoreSettings(name="ssd", path=root)) as agent:
        there = agent.facts().datastores[0].datastore_id
        boot = DesiredVmDisk(
            id="b",
            kind=DiskKind.BOOT,
            capacity_bytes=1,
            image_digest=site.image,
            datastore=there,
        )
        await site.settled(site.vm(disks=(boot,)))
    (site.home / "datastores.json").unlink()
    async with site.agent():
        site.controller.unwant(vm_key("v1"))
        await site.gone(vm_key("v1"))
    assert not (site.home / "vms" / "v1").exists()


async def test_two_hosts_share_a_datastore(tmp_path: Path) -> None:
    """One removes nothing that the other needs, and both see what is left over."""
    root = tmp_path / "shared"
    root.mkdir()
    shared = DatastoreSettings(name="shared", path=root)
    one, two = Site(tmp_path / "one"), Site(tmp_path / "two")
    async with one.agent(shared) as agent, two.agent(shared):
        datastore = agent.facts().datastores[0].datastore_id
        boot = DesiredVmDisk(
            id="b",
            kind=DiskKind.BOOT,
            capacity_bytes=1,
            image_digest=one.image,
            datastore=datastore,
        )
        await one.settled(one.vm("v1", disks=(boot,)))
        await two.settled(two.vm("v2", disks=(boot,)), "v2")
        assert [each.name for each in await leftovers(one)] == [f"vm/v2@{datastore}"]
        revision = one.controller.unwant(vm_key("v1"))
        await one.gone(vm_key("v1"))
        image = f"image/{one.image}@{datastore}"
        assert image not in {each.name for each in await leftovers(one)}, "v2 stands on it"
        two.controller.unwant(vm_key("v2"))
        await two.gone(vm_key("v2"))
        assert [each.name for each in await leftovers(one)] == [image]
        assert (await cleared(one, image, revision=revision)).removed == (image,)
        assert await leftovers(two) == []


async def leftovers(site: Site) -> list[Leftover]:
    answer = await site.controller.ask("host.leftovers", {})
    return msgspec.convert(answer.result["leftovers"], type=list[Leftover])


async def cleared(site: Site, *names: str, revision: int, grace_s: float = 0) -> Cleared:
    order = {"names": names, "revision": revision, "grace_s": grace_s}
    return msgspec.convert((await site.controller.ask("host.clear", order)).result, type=Cleared)


async def test_at_most_two_guests_start_at_once(site: Site) -> None:
    async with site.agent():
        revisions = {f"v{number}": site.vm(f"v{number}") for number in range(8)}
        for vm_id, revision in revisions.items():
            await site.settled(revision, vm_id)
    assert site.host.most_starting == 2


async def test_what_vanished_while_cut_off_is_removed_and_old_wishes_are_ignored(
    site: Site,
) -> None:
    async with site.agent():
        site.disk()
        await site.settled(site.vm())
        old = site.controller.desired[vm_key("v1")]
        await site.settled(site.vm(power=Power.OFF))
        site.controller.send(Wanted(item=old))
        await site.settled(site.vm("v2"), "v2")
        assert "v1" not in site.host.running
        site.controller.cut()
        site.controller.unwant(vm_key("v2"))
        site.controller.unwant(disk_key("d1"))
        await site.gone(vm_key("v2"))
        await site.gone(disk_key("d1"))
        assert not site.disk_file().exists()


async def test_a_controller_that_forgot_everything_destroys_no_disk(site: Site) -> None:
    async with site.agent():
        site.disk()
        await site.settled(site.vm(persistent=("d1",)))
    restored = MemoryController()  # an older copy of the store: lower revisions, empty
    site.controller = restored
    async with site.agent():
        await restored.until(lambda: vm_key("v1") in restored.reported)
        assert isinstance(restored.reported[disk_key("d1")], ReportedDisk)
    assert site.disk_file().exists()
    assert "v1" in site.host.running


async def test_half_prepared_folders_are_finished_or_removed(site: Site) -> None:
    for vm_id in ("v1", "left-over"):
        folder = site.home / "vms" / vm_id
        folder.mkdir(parents=True)
        (folder / ".boot.part").write_text("half")
    async with site.agent():
        found = await site.settled(site.vm())
        assert found.state is GuestState.RUNNING
        await site.gone(vm_key("left-over"))
    assert not (site.home / "vms" / "left-over").exists()


async def test_requests_are_answered(site: Site) -> None:
    async with site.agent():
        await site.settled(site.vm())
        ask = site.controller.ask
        (site.home / "vms" / "v1" / "serial.log").write_text("one two three")
        assert (await ask("vm.log", {"vm": "v1", "tail_bytes": 5})).result == {"text": "three"}
        networks = (await ask("vm.networks", {"vm": "v1"})).result["networkConnections"]
        assert networks[0]["macAddress"] == MAC
        assert networks[0]["isConnected"] == "True"
        samples: list[dict[str, object]] = []
        while not samples:
            samples = (await ask("vm.stats", {"vm": "v1"})).result["samples"]
        assert samples[0]["memory_rss_mib"] == 1.0
        assert (await ask("host.stats", {})).result["samples"][0]["memory_total_mib"] > 0
        for method, params, code in (
            ("vm.log", {"vm": "../../etc"}, "VmNotFound"),
            ("dance", {}, "NotImplemented"),
            ("tunnel", {"vm": "v1", "kind": "port", "port": 0, "ticket": "t"}, "InvalidEntity"),
            ("tunnel", {"vm": "v1", "kind": "port", "port": 99, "ticket": "t"}, "GuestUnreachable"),
        ):
            fault = (await ask(method, params)).fault
            assert fault is not None
            assert fault.code == code


async def test_one_console_at_a_time(site: Site) -> None:
    async with site.agent():
        await site.settled(site.vm())
        ask = site.controller.ask
        serial = {"vm": "v1", "kind": "serial"}
        assert (await ask("tunnel", {**serial, "ticket": "one"})).fault is None
        tunnel = site.controller.tunnels["one"]
        await tunnel.write(b"hello")
        assert await tunnel.read() == b"hello"
        fault = (await ask("tunnel", {**serial, "ticket": "two"})).fault
        assert fault is not None
        assert fault.code == "ConsoleInUse"
        await tunnel.close()
        while (await ask("tunnel", {**serial, "ticket": "three"})).fault is not None:
            pass


async def test_the_agent_says_what_the_host_has(site: Site) -> None:
    async with site.agent():
        await site.controller.until(lambda: bool(site.controller.hellos))
    facts = site.controller.hellos[0].facts
    assert facts.hypervisor == "simulated"
    assert facts.cpu_count > 0
    assert facts.disk_free_bytes > 0


async def test_a_disk_that_could_never_be_made_is_forgotten_with_its_wish(site: Site) -> None:
    def failed() -> bool:
        found = site.controller.reported.get(disk_key("d1"))
        return isinstance(found, ReportedDisk) and found.fault is not None

    for _ in range(100):
        site.host.fail_next("create_disk", TemporaryError("HypervisorFailed", "no"))
    async with site.agent():
        site.disk()
        await site.controller.until(failed)
        site.controller.unwant(disk_key("d1"))
        await site.gone(disk_key("d1"))
