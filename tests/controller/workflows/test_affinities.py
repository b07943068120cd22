"""Affinities as people use them: refused at once where they can never hold, kept for good."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from heliostat.controller.model.affinity import Affinity
from heliostat.controller.model.quantity import CostItem
from heliostat.controller.model.vm import AttachedDiskSpec, VmSpec
from heliostat.controller.workflows import disk, flavor, host, labels, project, reading, vm
from heliostat.controller.workflows.audit import audit
from heliostat.controller.workflows.kinds import DATASTORE_RESERVATIONS, RESERVATIONS
from heliostat.controller.workflows.zone import zone_create
from heliostat.core.errors import HeliostatError
from heliostat.core.units import GIB, Unit
from heliostat.tasks.model import Task, TaskState
from heliostat.testing.cloud import SmallCloud
from heliostat.testing.hosts import some_datastore, some_facts


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[SmallCloud]:
    """Three hosts: two with a datastore of their own and one shared, one in another zone."""
    async with SmallCloud(tmp_path) as cloud:
        north = await cloud.done(zone_create, "north")
        south = await cloud.done(zone_create, "south")
        cloud.ids |= {"north": north, "south": south}
        for number, zone in enumerate((north, north, south), start=1):
            stores = [some_datastore(f"local-{number}", tags=("SSD",), total_gib=50)]
            if zone == north:
                stores.append(some_datastore("nfs", name="nfs", type_="NFS_41", total_gib=200))
            facts, at = some_facts(datastores=tuple(stores)), f"10.0.1.{number}"
            cloud.ids[f"h{number}"] = await cloud.add_host(at, facts=facts, zone=zone)
        await cloud.furnish(hosts=0)
        yield cloud
        await cloud.check()


def near(kind: str, id_: str, **more: str | bool) -> Affinity:
    return Affinity(kind=kind, id=id_, **more)  # type: ignore[arg-type]


def away(kind: str, id_: str, **more: str | bool) -> Affinity:
    return near(kind, id_, negative=True, **more)


async def host_of(cloud: SmallCloud, vm_id: str) -> str:
    return (await reading.vm(cloud.store, vm_id)).value.host_id


def refusal(task: Task) -> tuple[str, str]:
    assert task.state is TaskState.ERROR
    problem = task.steps[0].errors[0]
    return problem.code, problem.message


async def test_machines_keep_away_from_each_other(cloud: SmallCloud) -> None:
    first = await cloud.add_vm("a")
    second = await cloud.add_vm("b", affinities=(away("vm", first),))
    third = await cloud.add_vm("c", affinities=(away("vm", first), away("vm", second)))
    assert len({await host_of(cloud, each) for each in (first, second, third)}) == 3
    spec = cloud.vm_spec("d", affinities=tuple(away("vm", each) for each in (first, second, third)))
    code, message = refusal(await cloud.do(vm.vm_create, cloud.ids["project"], spec))
    assert code == "UnfullfillableAffinities"
    assert "an anti-affinity keeps it from here: 3" in message
    assert len(await reading.vms(cloud.store, cloud.ids["project"])) == 3


async def test_who_names_nobody_is_kept_away_too(cloud: SmallCloud) -> None:
    """The shy one was there first and said whom it doesn't want; the other one says nothing."""
    for number in (2, 3):
        await cloud.done(host.host_suspend, cloud.ids[f"h{number}"])
    await cloud.add_vm("shy", affinities=(away("label", "app=noisy"),))
    spec = cloud.vm_spec("noisy", labels={"app": "noisy"})
    code, message = refusal(await cloud.do(vm.vm_create, cloud.ids["project"], spec))
    assert code == "UnfullfillableAffinities"
    assert "a machine there keeps it away: 1" in message
    await cloud.add_vm("quiet", labels={"app": "quiet"})


async def test_labels_that_change_count_from_then_on(cloud: SmallCloud) -> None:
    for number in (2, 3):
        await cloud.done(host.host_suspend, cloud.ids[f"h{number}"])
    vm_id = await cloud.add_vm("one")
    await cloud.do(labels.labels_change, "vm", vm_id, {"app": "db"}, ())
    spec = cloud.vm_spec("two", affinities=(away("label", "app=db"),))
    assert refusal(await cloud.do(vm.vm_create, cloud.ids["project"], spec))[0] == (
        "UnfullfillableAffinities"
    )
    await cloud.do(labels.labels_change, "vm", vm_id, {}, ("app",))
    await cloud.add_vm("two", affinities=(away("label", "app=db"),))


async def test_a_group_spreads_over_zones(cloud: SmallCloud) -> None:
    spread = (away("label", "app=etcd", scope="availabilityZone"),)
    names = ("a", "b")
    ids = [await cloud.add_vm(each, labels={"app": "etcd"}, affinities=spread) for each in names]
    hosts = [(await reading.host(cloud.store, await host_of(cloud, each))).value for each in ids]
    assert {each.zone for each in hosts} == {cloud.ids["north"], cloud.ids["south"]}
    spec = cloud.vm_spec("c", labels={"app": "etcd"}, affinities=spread)
    assert refusal(await cloud.do(vm.vm_create, cloud.ids["project"], spec))[0] == (
        "UnfullfillableAffinities"
    )
    await cloud.do(vm.vm_delete, ids[0])
    await cloud.add_vm("c", labels={"app": "etcd"}, affinities=spread)


async def test_zones_by_name_and_hosts_to_keep_from(cloud: SmallCloud) -> None:
    there = await cloud.add_vm("a", affinities=(near("availabilityZone", "south"),))
    assert await host_of(cloud, there) == cloud.ids["h3"]
    both = (away("availabilityZone", cloud.ids["south"]), away("host", cloud.ids["h1"]))
    elsewhere = await cloud.add_vm("b", affinities=both)
    assert await host_of(cloud, elsewhere) == cloud.ids["h2"]


async def test_a_network_is_where_a_host_says(cloud: SmallCloud) -> None:
    facts = msgspec.structs.replace(some_facts(), networks=("dmz",))
    host_id = await cloud.add_host("10.0.1.4", facts=facts)
    vm_id = await cloud.add_vm("a", affinities=(near("portGroup", "dmz"),))
    assert await host_of(cloud, vm_id) == host_id
    other = await cloud.add_vm("b", affinities=(away("portGroup", "dmz"),))
    assert await host_of(cloud, other) != host_id


async def test_a_preference_is_met_or_told(cloud: SmallCloud) -> None:
    wish = near("availabilityZone", "south", preferred=True)
    task = await cloud.do(
        vm.vm_create, cloud.ids["project"], cloud.vm_spec("a", affinities=(wish,))
    )
    assert await host_of(cloud, task.entity_id) == cloud.ids["h3"]
    await cloud.done(host.host_suspend, cloud.ids["h3"])
    other = await cloud.do(
        vm.vm_create, cloud.ids["project"], cloud.vm_spec("b", affinities=(wish,))
    )
    assert other.state is TaskState.COMPLETED
    told = other.steps[0].explanations[0]
    assert "0 of 1 preferences met, not: with availabilityZone" in told.reason


async def test_disks_go_where_their_flavor_says(cloud: SmallCloud) -> None:
    disks = (
        AttachedDiskSpec(name="boot", flavor="ephemeral", boot_disk=True),
        AttachedDiskSpec(name="data", flavor="ephemeral", capacity_gb=60),
    )
    large = await cloud.add_vm("large", attached_disks=disks)
    found = (await reading.vm(cloud.store, large)).value
    assert [each.datastore_id for each in found.disks] == ["nfs", "nfs"]
    assert found.datastore == "nfs"
    (held,) = [each.value for each in await DATASTORE_RESERVATIONS.all(cloud.store)]
    assert held.hosts == {found.host_id: 60 * GIB}
    local = await cloud.add_disk("fast", affinities=(near("datastoreType", "ext3"),))
    placed = (await reading.disk(cloud.store, local)).value
    assert placed.datastore_id.startswith("local-")
    await cloud.do(vm.vm_delete, large)
    await cloud.do(disk.disk_delete, local)
    assert await DATASTORE_RESERVATIONS.all(cloud.store) == []
    assert await RESERVATIONS.all(cloud.store) == []


async def test_a_flavor_can_ask_for_a_kind_of_storage(cloud: SmallCloud) -> None:
    for tag in ("ssd", "NFS_41", "TAPE"):
        cost = (CostItem(key=f"storage.{tag}", value=1, unit=Unit.COUNT),)
        name = f"on-{tag}".replace("_", "-")
        await cloud.done(flavor.flavor_create, name, "ephemeral-disk", cost)

    def asking(name: str, flavor_name: str) -> VmSpec:
        boot = AttachedDiskSpec(name="boot", flavor="ephemeral", boot_disk=True)
        data = AttachedDiskSpec(name="data", flavor=flavor_name, capacity_gb=2)
        return cloud.vm_spec(name, attached_disks=(boot, data))

    for wanted, start in (("on-ssd", "local-"), ("on-NFS-41", "nfs")):
        vm_id = await cloud.done(vm.vm_create, cloud.ids["project"], asking("a", wanted))
        found = (await reading.vm(cloud.store, vm_id)).value
        assert found.disks[1].datastore_id.startswith(start)
    task = await cloud.do(vm.vm_create, cloud.ids["project"], asking("b", "on-TAPE"))
    code, message = refusal(task)
    assert code == "UnfullfillableDiskAffinities"
    assert "on TAPE" in message


async def test_a_shared_datastore_fills_once(cloud: SmallCloud) -> None:
    """Both hosts of the shared folder see 200 GiB; together they get 190 (95 %)."""
    made = [
        await cloud.do(
            disk.disk_create,
            cloud.ids["project"],
            cloud.disk_spec(f"d{number}", 45, affinities=(near("datastore", "nfs"),)),
        )
        for number in range(5)
    ]
    assert [each.state is TaskState.COMPLETED for each in made] == [True] * 4 + [False]
    assert refusal(made[-1])[0] == "NotEnoughDatastoreCapacity"


async def test_disks_of_one_machine_on_several_datastores(cloud: SmallCloud) -> None:
    disks = (
        AttachedDiskSpec(name="boot", flavor="ephemeral", boot_disk=True),
        AttachedDiskSpec(name="big", flavor="ephemeral", capacity_gb=170),
        AttachedDiskSpec(name="more", flavor="ephemeral", capacity_gb=40),
    )
    vm_id = await cloud.add_vm("wide", attached_disks=disks)
    found = (await reading.vm(cloud.store, vm_id)).value
    stores = {each.name: each.datastore_id for each in found.disks}
    assert stores["big"] == "nfs"
    assert stores["more"].startswith("local-")


@pytest.mark.parametrize(
    ("wishes", "code"),
    [
        ((near("host", "h1"), near("host", "h2")), "MoreThanOneHostAffinity"),
        ((near("host", "h1"), away("host", "h1")), "UnfullfillableAffinities"),
        (
            (near("availabilityZone", "north"), near("availabilityZone", "south")),
            "UnfullfillableAffinities",
        ),
        ((near("datastore", "nfs"), near("datastore", "local-1")), "UnfullfillableAffinities"),
        ((near("datastoreType", "NFS_41"), near("datastoreType", "VSAN")), "Unfullfillable"),
        ((near("datastoreType", "TAPE"),), "InvalidEntity"),
        ((near("datastore", "nowhere"),), "NoSuchResource"),
        ((near("portGroup", "nowhere"),), "NoSuchResource"),
        ((near("availabilityZone", "nowhere"),), "NoSuchResource"),
        ((away("host", "nowhere"),), "HostNotFound"),
        ((away("vm", "nobody"),), "VmNotFound"),
        ((away("label", "no label"),), "InvalidEntity"),
        ((near("planet", "mars"),), "InvalidEntity"),
        ((near("host", "h1", scope="host"),), "InvalidEntity"),
        ((away("label", "a=b", scope="continent"),), "InvalidEntity"),
        ((away("label", "a=b"),) * 33, "InvalidEntity"),
    ],
)
async def test_what_can_never_hold_is_refused_at_once(
    cloud: SmallCloud, wishes: tuple[Affinity, ...], code: str
) -> None:
    named = tuple(near_id(cloud, each) for each in wishes)
    with pytest.raises(HeliostatError, match=code):
        await cloud.ask(vm.vm_create, cloud.ids["project"], cloud.vm_spec("x", affinities=named))


def near_id(cloud: SmallCloud, wish: Affinity) -> Affinity:
    if wish.kind != "host":
        return wish
    return Affinity(
        kind=wish.kind,
        id=cloud.ids.get(wish.id, wish.id),
        negative=wish.negative,
        scope=wish.scope,
    )


async def test_a_machine_of_another_project_is_not_told_of(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm("a")
    other = await cloud.done(project.project_create, cloud.ids["tenant"], "other", (), None)
    spec = cloud.vm_spec("b", affinities=(away("vm", vm_id),))
    with pytest.raises(HeliostatError, match="another project"):
        await cloud.ask(vm.vm_create, other, spec)


async def test_a_plan_names_the_host_by_its_address(cloud: SmallCloud) -> None:
    wish = near("availabilityZone", "south")
    spec = cloud.vm_spec("a", affinities=(wish,))
    planned = await cloud.plan(vm.vm_create, cloud.ids["project"], spec)
    assert planned.placement is not None
    assert planned.placement.address == "10.0.1.3"
    assert planned.placement.reason.startswith("Host 10.0.1.3 (")
    assert await audit(cloud.store) == []
