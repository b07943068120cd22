"""Guests start, stop, sleep, crash and come back, as they are wished for and as policy says."""

from __future__ import annotations

from heliostat.agent.hypervisors.contract import End
from heliostat.agent.record import load_record, save_record
from heliostat.agentlink.messages import (
    BootBus,
    DesiredIso,
    GuestState,
    Power,
    ReportedVm,
    disk_key,
    vm_key,
)
from heliostat.testing.agent_site import Site, eventually


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


async def test_at_most_two_guests_start_at_once(site: Site) -> None:
    async with site.agent():
        revisions = {f"v{number}": site.vm(f"v{number}") for number in range(8)}
        for vm_id, revision in revisions.items():
            await site.settled(revision, vm_id)
    assert site.host.most_starting == 2
