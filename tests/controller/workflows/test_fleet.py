"""The fleet in memory: listed once, followed by events, and never trusted over the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliostat.cloudstore.contract import CloudStore, Event, Page, Put
from heliostat.cloudstore.documents import Kind
from heliostat.cloudstore.memory import MemoryStore
from heliostat.controller.model.affinity import Affinity
from heliostat.controller.model.host import Host, HostState, UsageTag
from heliostat.controller.model.reservation import Reservation, VmShare
from heliostat.controller.scheduler.placement import DiskAsk, PlacementRequest
from heliostat.controller.scheduler.settings import SchedulerSettings
from heliostat.controller.workflows import host, reading, vm
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.audit import audit
from heliostat.controller.workflows.catalogue import WORKFLOWS
from heliostat.controller.workflows.fleet_feed import FleetFeed
from heliostat.controller.workflows.host_seen import host_seen
from heliostat.controller.workflows.kinds import HOSTS, RESERVATIONS
from heliostat.controller.workflows.placing import decide
from heliostat.controller.workflows.zone import zone_create
from heliostat.core.units import GIB
from heliostat.tasks.engine import TaskEngine
from heliostat.tasks.model import TaskState
from heliostat.testing.clock import VirtualClock
from heliostat.testing.cloud import SmallCloud
from heliostat.testing.faulty import FaultyStore
from heliostat.testing.hosts import some_datastore, some_facts

SMALL = PlacementRequest(cpu_count=1, memory_mib=512, disks=(DiskAsk(id="d", size_bytes=GIB),))


class CountingStore(FaultyStore):
    """Counts the lists that are read from it."""

    def __init__(self, store: CloudStore) -> None:
        super().__init__(store)
        self.lists = 0

    async def list(
        self,
        prefix: str,
        *,
        limit: int = 1000,
        after: str | None = None,
        at_revision: int | None = None,
    ) -> Page:
        self.lists += 1
        return await super().list(prefix, limit=limit, after=after, at_revision=at_revision)


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[SmallCloud]:
    async with SmallCloud(tmp_path) as cloud:
        await cloud.furnish(hosts=2)
        yield cloud
        await cloud.check()


async def events_arrive() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def _ports(cloud: SmallCloud, store: CloudStore) -> Ports:
    return replace(cloud.ports, store=store)


async def test_a_decision_reads_nothing_once_the_fleet_is_known(cloud: SmallCloud) -> None:
    store = CountingStore(cloud.store)
    ports = _ports(cloud, store)
    await decide(ports, SMALL, "first")
    known = store.lists
    for number in range(10):
        assert (await decide(ports, SMALL, str(number))).host_id is not None
    assert store.lists == known


async def test_every_change_arrives(cloud: SmallCloud) -> None:
    ports = _ports(cloud, cloud.store)
    assert (await decide(ports, SMALL, "x")).considered == 2
    one, two = cloud.ids["host-1"], cloud.ids["host-2"]
    await cloud.done(host.host_suspend, one)
    await events_arrive()
    assert (await decide(ports, SMALL, "x")).ruled_out == {"host is not READY": 1}
    await cloud.agents[two].__aexit__(None, None, None)
    await events_arrive()
    decision = await decide(ports, SMALL, "x")
    assert decision.ruled_out == {"host is not READY": 1, "agent does not answer": 1}
    third = await cloud.add_host("10.0.0.3")
    await events_arrive()
    assert (await decide(ports, SMALL, "x")).host_id == third
    await host_seen(cloud.store, third, some_facts(memory_mib=64))
    await events_arrive()
    assert (await decide(ports, SMALL, "x")).ruled_out["not enough memory"] == 1


async def test_what_was_missed_is_listed_again(cloud: SmallCloud) -> None:
    store = FaultyStore(cloud.store)
    ports = _ports(cloud, store)
    await decide(ports, SMALL, "x")
    store.cut = True  # its watches end at the next event
    await cloud.done(host.host_suspend, cloud.ids["host-1"])
    await events_arrive()
    store.cut = False
    assert (await decide(ports, SMALL, "x")).ruled_out == {"host is not READY": 1}


async def test_nothing_fits_is_never_said_of_old_news(cloud: SmallCloud) -> None:
    """A watcher that hears nothing: the fleet is listed before a machine is refused."""
    silent = SilentStore(cloud.store)
    ports = _ports(cloud, silent)
    for number in (1, 2):
        await cloud.done(host.host_suspend, cloud.ids[f"host-{number}"])
    assert (await decide(ports, SMALL, "x")).host_id is None
    await cloud.done(host.host_resume, cloud.ids["host-2"])
    assert (await decide(ports, SMALL, "x")).host_id == cloud.ids["host-2"]


class SilentStore(FaultyStore):
    """Its watches never deliver anything."""

    async def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Event]:
        await asyncio.get_running_loop().create_future()
        yield Event(prefix, None, from_revision)


async def test_two_controllers_with_old_news_never_promise_twice(tmp_path: Path) -> None:
    """Both hear nothing of each other but what their guards tell them."""
    async with AsyncExitStack() as stack:
        cloud = await stack.enter_async_context(SmallCloud(tmp_path))
        await cloud.furnish(hosts=0)
        for number in range(3):
            stores = (some_datastore("nfs", total_gib=40),)
            facts = some_facts(memory_mib=4400, datastores=stores)
            await cloud.add_host(f"10.0.1.{number}", facts=facts)
        await cloud.rest()
        project_id = cloud.ids["project"]
        admitted = [
            await cloud.ask(vm.vm_create, project_id, cloud.vm_spec(f"vm-{number}"))
            for number in range(14)
        ]
        engines = []
        for name in ("one", "other"):
            ports = _ports(cloud, SilentStore(cloud.store))
            engine = TaskEngine(
                cloud.store, cloud.clock, cloud.ports.ids, WORKFLOWS, ports, worker_id=name
            )
            engines.append(asyncio.create_task(engine.run()))
        tasks = [await cloud.finish(each.task.id) for each in admitted]
        for each in engines:
            each.cancel()
        await asyncio.gather(*engines, return_exceptions=True)
        states = [task.state for task in tasks]
        assert (states.count(TaskState.COMPLETED), states.count(TaskState.ERROR)) == (12, 2)
        assert await audit(cloud.store) == []


async def test_machines_that_shun_each_other_race(tmp_path: Path) -> None:
    """All at once and unaware of each other, with one more than there are hosts."""
    async with SmallCloud(tmp_path) as cloud:
        await cloud.furnish(hosts=4)
        await cloud.rest()
        spread = (Affinity(kind="label", id="app=etcd", negative=True),)
        specs = [
            cloud.vm_spec(f"etcd-{number}", labels={"app": "etcd"}, affinities=spread)
            for number in range(5)
        ]
        admitted = [await cloud.ask(vm.vm_create, cloud.ids["project"], each) for each in specs]
        cloud.work()
        tasks = [await cloud.finish(each.task.id) for each in admitted]
        assert sorted(task.state for task in tasks) == [TaskState.COMPLETED] * 4 + [TaskState.ERROR]
        found = await reading.vms(cloud.store, cloud.ids["project"])
        assert len({each.host_id for each in found}) == 4
        await cloud.check()


async def test_zones_hold_between_controllers_that_hear_nothing(tmp_path: Path) -> None:
    """Half of the group demands to be alone in its zone, the other half says nothing.

    Whoever comes first, an outspoken one never shares a zone with another etcd.
    """
    async with AsyncExitStack() as stack:
        cloud = await stack.enter_async_context(SmallCloud(tmp_path))
        await cloud.furnish(hosts=0)
        for number in range(4):
            if number % 2 == 0:
                cloud.ids["zone"] = await cloud.done(zone_create, f"zone-{number}")
            await cloud.add_host(f"10.0.1.{number}", zone=cloud.ids["zone"])
        await cloud.rest()
        apart = Affinity(kind="label", id="app=etcd", negative=True, scope="availabilityZone")
        admitted = []
        for number in range(8):
            wishes = (apart,) if number % 2 else ()
            spec = cloud.vm_spec(f"vm-{number}", labels={"app": "etcd"}, affinities=wishes)
            admitted.append(await cloud.ask(vm.vm_create, cloud.ids["project"], spec))
        engines = [
            asyncio.create_task(
                TaskEngine(
                    cloud.store,
                    cloud.clock,
                    cloud.ports.ids,
                    WORKFLOWS,
                    _ports(cloud, SilentStore(cloud.store)),
                    worker_id=name,
                ).run()
            )
            for name in ("one", "other")
        ]
        for each in admitted:
            await cloud.finish(each.task.id)
        for engine in engines:
            engine.cancel()
        await asyncio.gather(*engines, return_exceptions=True)
        found = await reading.vms(cloud.store, cloud.ids["project"])
        hosts = {each.id: each for each in await reading.hosts(cloud.store)}
        zones = {each.id: hosts[each.host_id].zone for each in found}
        assert found
        for one in found:
            if one.affinities:
                beside = [other for other in found if zones[other.id] == zones[one.id]]
                assert beside == [one]
        for one in found:
            await vm_gone(cloud, one.id)
        await cloud.check()


async def vm_gone(cloud: SmallCloud, vm_id: str) -> None:
    cloud.work()
    await cloud.done(vm.vm_delete, vm_id)
    await cloud.rest()


async def test_a_claim_that_is_dropped_leaves_nothing(cloud: SmallCloud) -> None:
    ports = _ports(cloud, cloud.store)
    fleet = await ports.fleet.ready()
    host_id = cloud.ids["host-1"]
    before = (await decide(ports, SMALL, "x")).ranking
    share = VmShare(cpu_count=4, memory_mib=8192, disk_bytes=GIB, datastores={"somewhere": GIB})
    claim = fleet.claim(host_id, "vm", share)
    assert (await decide(ports, SMALL, "x")).ranking != before
    fleet.drop(claim)
    assert (await decide(ports, SMALL, "x")).ranking == before


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["host", "reservation", "inventory", "agent", "list"]), max_size=8))
def test_any_order_of_news_ends_the_same(order: list[str]) -> None:
    """Documents seen early, late and twice: what counts is their revision."""

    async def play() -> None:
        with_store = await _one_host()
        feed = FleetFeed(with_store, SchedulerSettings())
        fleet = feed.fleet
        stored = await HOSTS.get(with_store, "h")
        held = await RESERVATIONS.get(with_store, "h")
        assert stored is not None
        old = msgspec.structs.replace(stored.value, state=HostState.SUSPENDED)
        for each in order:
            if each == "host":
                fleet.see_host("h", replace(stored, value=old, revision=0), 0)
                fleet.see_host("h", stored, stored.revision)
            elif each == "reservation":
                fleet.see_reservation("h", held, await with_store.revision())
            elif each == "agent":
                fleet.see_agent("h", 1, active=True)
            elif each == "list":
                await feed.refresh()
        await feed.refresh()
        fleet.see_host("h", replace(stored, value=old, revision=0), 0)
        row = fleet.columns.hosts[fleet.columns.position["h"]]
        assert row is not None
        assert row.ready
        assert fleet.columns.loads[0].memory_used == 100
        feed.close()
        await with_store.close()

    asyncio.run(play())


@pytest.mark.parametrize("kind", [HOSTS, RESERVATIONS])
@pytest.mark.parametrize("is_followed", [False, True])
async def test_a_broken_document_costs_only_its_own_host(
    kind: Kind[Any], is_followed: bool
) -> None:
    """Nobody knows what such a host holds, so it gets nothing new; the others do."""
    store = await _one_host()
    feed = FleetFeed(store, SchedulerSettings())
    if is_followed:
        await feed.refresh()
    other = Host(id="i", address="10.0.0.2", state=HostState.READY, usage_tags=(UsageTag.CLOUD,))
    await store.commit([], [Put(kind.key("h"), b"{"), *HOSTS.put(other)])
    if is_followed:
        await VirtualClock().settle()
    else:
        await feed.refresh()
    columns = feed.fleet.columns
    assert "i" in columns.position
    assert "h" not in columns.position or columns.hosts[columns.position["h"]] is None
    feed.close()
    await store.close()


async def _one_host() -> MemoryStore:
    store = MemoryStore(VirtualClock())
    one = Host(id="h", address="10.0.0.1", state=HostState.READY, usage_tags=(UsageTag.CLOUD,))
    await store.commit([], HOSTS.put(one))
    share = VmShare(cpu_count=1, memory_mib=100, disk_bytes=0)
    await store.commit([], RESERVATIONS.put(Reservation(host_id="h", vms={"v": share})))
    return store
