"""Disks, discs and images of guests: they come and go while guests run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from heliostat.agent.hypervisors.contract import Disc, Look
from heliostat.agent.hypervisors.simulated import SimulatedHypervisor
from heliostat.agent.record import load_record
from heliostat.agentlink.messages import (
    DesiredImage,
    DesiredIso,
    GuestState,
    Power,
    disk_key,
    image_key,
    vm_key,
)
from heliostat.core.errors import TemporaryError
from heliostat.testing.agent_site import Site, eventually


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
        assert await site.leftovers() == []  # the VM's disk stands on it
        revision = site.controller.unwant(vm_key("v1"))
        await site.gone(vm_key("v1"))
        (found,) = await site.leftovers()
        assert (found.kind, found.id) == ("image", site.image)
        assert image.exists()
        early = await site.cleared(found.name, revision=revision, grace_s=3600)
        assert early.kept.keys() == {found.name}
        assert (await site.cleared(found.name, revision=revision)).removed == (found.name,)
        assert not image.exists()
        assert (await site.cleared(found.name, revision=revision)).removed == ()
