"""Datastores of an agent: where disks lie, and what a missing one delays."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from heliostat.agent.settings import DatastoreSettings
from heliostat.agentlink.messages import (
    DesiredDisk,
    DesiredVmDisk,
    DiskKind,
    GuestState,
    HostFacts,
    Power,
    disk_key,
    vm_key,
)
from heliostat.testing.agent_site import FAST, Site, eventually


async def test_facts_are_told_again_after_a_datastore_failed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.settings = replace(FAST, facts_interval_s=0.02)
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
        assert [each.id for each in await site.leftovers()] == []
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
        assert [each.name for each in await one.leftovers()] == [f"vm/v2@{datastore}"]
        revision = one.controller.unwant(vm_key("v1"))
        await one.gone(vm_key("v1"))
        image = f"image/{one.image}@{datastore}"
        assert image not in {each.name for each in await one.leftovers()}, "v2 stands on it"
        two.controller.unwant(vm_key("v2"))
        await two.gone(vm_key("v2"))
        assert [each.name for each in await one.leftovers()] == [image]
        assert (await one.cleared(image, revision=revision)).removed == (image,)
        assert await two.leftovers() == []
