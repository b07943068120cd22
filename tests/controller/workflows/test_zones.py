"""Zones and hosts in them; what stands in a host's way; provisioning."""

from __future__ import annotations

import pytest

from heliostat.controller.model.host import HostSpec
from heliostat.controller.model.zone import ZoneState
from heliostat.controller.workflows import host, reading, vm
from heliostat.controller.workflows.host_seen import host_seen
from heliostat.controller.workflows.zone import zone_create, zone_delete
from heliostat.core.errors import HeliostatError
from heliostat.testing.cloud import SmallCloud
from heliostat.testing.hosts import some_datastore, some_facts


def _spec(number: int, zone: str = "") -> HostSpec:
    return HostSpec(address=f"10.9.0.{number}", usage_tags=("CLOUD",), zone=zone)


async def test_a_zone_goes_with_its_last_host(cloud: SmallCloud) -> None:
    zone_id = await cloud.done(zone_create, "east")
    first = await cloud.done(host.host_create, _spec(1, zone_id))
    second = await cloud.done(host.host_create, _spec(2, "east"))
    assert (await reading.host(cloud.store, second)).value.zone == zone_id
    await cloud.done(zone_delete, zone_id)
    assert (await reading.zone(cloud.store, zone_id)).value.state is ZoneState.PENDING_DELETE
    for verb, args in ((zone_delete, (zone_id,)), (host.host_create, (_spec(3, zone_id),))):
        with pytest.raises(HeliostatError, match="InvalidAvailabilityZoneState"):
            await cloud.ask(verb, *args)
    await cloud.done(host.host_delete, first)
    await cloud.check()
    await cloud.done(host.host_delete, second)
    with pytest.raises(HeliostatError, match="AvailabilityZoneNotFound"):
        await reading.zone(cloud.store, zone_id)
    await cloud.check()


async def test_an_empty_zone_goes_at_once(cloud: SmallCloud) -> None:
    zone_id = await cloud.done(zone_create, "east")
    await cloud.done(zone_delete, zone_id)
    with pytest.raises(HeliostatError, match="AvailabilityZoneNotFound"):
        await cloud.ask(host.host_create, _spec(1, zone_id))


async def test_zone_names_may_repeat_and_are_refused_then(cloud: SmallCloud) -> None:
    for _ in range(2):
        await cloud.done(zone_create, "east")
    with pytest.raises(HeliostatError, match="AmbiguousName"):
        await cloud.ask(host.host_create, _spec(1, "east"))


async def test_a_host_gets_a_zone_once(cloud: SmallCloud) -> None:
    zone_id, other = await cloud.done(zone_create, "east"), await cloud.done(zone_create, "west")
    host_id = cloud.ids["host-1"]
    await cloud.done(host.host_set_zone, host_id, zone_id)
    stored = (await reading.host(cloud.store, host_id)).value
    assert (stored.zone, stored.task_id) == (zone_id, "")
    with pytest.raises(HeliostatError, match="HostAvailabilityZoneAlreadySet"):
        await cloud.ask(host.host_set_zone, host_id, other)
    await cloud.check()


async def test_provisioning_waits_for_the_agent(cloud: SmallCloud) -> None:
    host_id = await cloud.done(host.host_create, _spec(1))
    asked = await cloud.ask(host.host_provision, host_id)
    await cloud.clock.settle()
    await host_seen(cloud.store, host_id, some_facts())
    await cloud.finish(asked.task.id)
    assert (await reading.host(cloud.store, host_id)).value.state == "READY"
    await cloud.done(host.host_provision, host_id)
    await cloud.done(host.host_suspend, host_id)
    with pytest.raises(HeliostatError, match="InvalidHostState"):
        await cloud.ask(host.host_provision, host_id)


async def test_provisioning_gives_up_and_leaves_the_host_as_it_was(cloud: SmallCloud) -> None:
    host_id = await cloud.done(host.host_create, _spec(1))
    task = await cloud.do(host.host_provision, host_id)
    assert task.steps[0].errors[0].code == "TimedOut"
    assert (await reading.host(cloud.store, host_id)).value.state == "NOT_PROVISIONED"


async def test_what_stands_in_the_way_of_stopping_a_host(cloud: SmallCloud) -> None:
    host_id = cloud.ids["host-1"]
    vm_id, disk_id = await cloud.add_vm(), await cloud.add_disk()
    await cloud.done(vm.vm_start, vm_id)
    found = await host.obstacles(cloud.store, (await reading.host(cloud.store, host_id)).value)
    assert [(each.id, each.blocks) for each in found] == [
        (vm_id, True),
        (host_id, True),
        (disk_id, False),
    ]
    planned = await cloud.plan(host.host_enter_maintenance, host_id)
    assert [each.code for each in planned.warnings] == [
        "InvalidHostState",
        "HostHasVms",
        "InvalidHostState",
        "DiskInUse",
    ]
    assert planned.changes == ()
    await cloud.done(vm.vm_stop, vm_id)
    await cloud.done(host.host_suspend, host_id)
    found = await host.obstacles(cloud.store, (await reading.host(cloud.store, host_id)).value)
    assert not any(each.blocks for each in found)


async def test_the_last_host_of_a_shared_datastore_is_told(cloud: SmallCloud) -> None:
    facts = some_facts(datastores=(some_datastore("nfs", name="archive"),))
    one = await cloud.add_host("10.9.0.1", facts=facts)
    two = await cloud.add_host("10.9.0.2", facts=facts)
    stored = (await reading.host(cloud.store, one)).value
    assert "DatastoreUnavailable" not in {
        each.code for each in await host.obstacles(cloud.store, stored)
    }
    await cloud.agents[two].cut()
    sentences = [each.message for each in await host.obstacles(cloud.store, stored)]
    assert "It is the last connected one of 2 hosts with the datastore archive." in sentences
