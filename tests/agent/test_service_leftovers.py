"""What nobody wishes for any more: it goes on order only, and never by mistake."""

from __future__ import annotations

from heliostat.agentlink.messages import (
    GuestState,
    Power,
    ReportedDisk,
    Wanted,
    disk_key,
    vm_key,
)
from heliostat.core.errors import TemporaryError
from heliostat.testing.agent import MemoryController
from heliostat.testing.agent_site import Site


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
