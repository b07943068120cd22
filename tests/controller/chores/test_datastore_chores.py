"""Chores of datastores: copies healed, leftovers cleared, datastores and zones forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from heliostat.agentlink.messages import (
    Desired,
    DesiredImage,
    Fault,
    HostDatastore,
    Leftover,
    LeftoverKind,
)
from heliostat.cloudstore.contract import Put
from heliostat.cloudstore.documents import decode
from heliostat.controller.chores.catalogue import CHORES
from heliostat.controller.chores.verbs import chore_run
from heliostat.controller.model.desired import desired_prefix
from heliostat.controller.model.image import Replication
from heliostat.controller.model.zone import Zone, ZoneState
from heliostat.controller.workflows import host, reading
from heliostat.controller.workflows.host_seen import host_seen
from heliostat.controller.workflows.image_datastores import image_datastores_update
from heliostat.controller.workflows.kinds import DATASTORES, VMS, ZONES
from heliostat.tasks.model import Task, TaskState
from heliostat.testing.cloud import SmallCloud
from heliostat.testing.datastores import LeftoverAgents
from heliostat.testing.hosts import some_datastore, some_facts

FULL = Fault(code="DiskFull", message="No space is left.", permanent=True)


@pytest.fixture
def agents() -> LeftoverAgents:
    return LeftoverAgents()


@pytest.fixture
async def cloud(tmp_path: Path, agents: LeftoverAgents) -> AsyncIterator[SmallCloud]:
    small = SmallCloud(tmp_path)
    small.ports = replace(small.ports, agents=agents)
    async with small:
        yield small


async def _host(cloud: SmallCloud, number: int, *datastores: HostDatastore) -> str:
    return await cloud.add_host(f"10.0.0.{number}", facts=some_facts(datastores=datastores))


async def _found(cloud: SmallCloud, name: str) -> list[str]:
    return list(await CHORES[name].find(cloud.ports))


async def _run(cloud: SmallCloud, name: str) -> Task:
    task = await cloud.do(chore_run, CHORES, name)
    assert task.state is TaskState.COMPLETED, task.steps
    return task


async def test_a_copy_that_was_given_up_is_tried_again(cloud: SmallCloud) -> None:
    host_id = await _host(cloud, 1, some_datastore("ds"))
    cloud.agents[host_id].refuses = _full
    image_id = await cloud.add_image("eager", Replication.EAGER)
    await cloud.clock.settle()
    (sentence,) = await _found(cloud, "image-copies")
    assert sentence.endswith("is not in the datastore ds: No space is left.")
    cloud.agents[host_id].refuses = lambda _item: None
    task = await _run(cloud, "image-copies")
    assert task.steps[0].result == {"askedAgain": 1, "asked": 0, "withdrawn": 0}
    await cloud.clock.settle()
    (document,) = (await cloud.store.list(f"{desired_prefix(host_id)}image/")).items
    assert decode(DesiredImage, document).attempt == 1
    digest = (await reading.image(cloud.store, image_id)).value.digest
    held = some_datastore("ds", images=(digest,))
    await host_seen(cloud.store, host_id, some_facts(datastores=(held,)))
    assert await _found(cloud, "image-copies") == []
    await host_seen(cloud.store, host_id, some_facts(datastores=(some_datastore("ds"),)))
    (sentence,) = await _found(cloud, "image-copies")
    assert sentence.endswith("It was there and is no more.")


def _full(item: Desired) -> Fault | None:
    return FULL if isinstance(item, DesiredImage) else None


async def test_leftovers_go_and_what_is_named_stays(
    cloud: SmallCloud, agents: LeftoverAgents
) -> None:
    await cloud.furnish(hosts=0)
    one = await _host(cloud, 1, some_datastore("a"), some_datastore("shared"))
    vm_id = await cloud.add_vm()
    two = await _host(cloud, 2, some_datastore("shared"))
    away = await _host(cloud, 3, some_datastore("c"))
    vm = (await reading.vm(cloud.store, vm_id)).value
    used = vm.disks[0].datastore_id or "a"
    agents.found = {
        one: [
            _leftover(LeftoverKind.IMAGE, "unused", "shared"),
            _leftover(LeftoverKind.IMAGE, vm.image_digest, used),
            _leftover(LeftoverKind.VM, vm_id, "shared"),
            _leftover(LeftoverKind.VM, "lost", "shared"),
            _leftover(LeftoverKind.IMAGE, "young", "a", 10),
            _leftover(LeftoverKind.DISK, "somebody's", "a"),
        ],
        two: [
            _leftover(LeftoverKind.IMAGE, "unused", "shared"),
            _leftover(LeftoverKind.IMAGE, "busy", "shared"),
        ],
    }
    agents.needed = {"image/busy@shared"}
    found = await _found(cloud, "leftovers")
    assert [sentence for sentence in found if "No document names this persistent disk" in sentence]
    task = await _run(cloud, "leftovers")
    result = task.steps[0].result
    assert (result["removed"], result["kept"], result["freedBytes"]) == (2, 1, 2 << 20)
    kept = {each.name for held in agents.found.values() for each in held}
    assert kept == {
        f"image/{vm.image_digest}@{used}",
        f"vm/{vm_id}@shared",
        "image/young@a",
        "disk/somebody's@a",
        "image/busy@shared",
    }
    assert all(host_id != away for host_id, _ in agents.orders)
    assert {order.grace_s for _, order in agents.orders} == {1800.0, 86400.0}


async def test_a_document_that_nobody_here_can_read_is_one(
    cloud: SmallCloud, agents: LeftoverAgents
) -> None:
    host_id = await _host(cloud, 1, some_datastore("a"))
    await cloud.store.commit([], [Put(VMS.key("of-a-newer-version"), b'{"schema": 99}')])
    agents.found = {host_id: [_leftover(LeftoverKind.VM, "of-a-newer-version", "a")]}
    assert await _found(cloud, "leftovers") == []
    await cloud.store.commit([], [Put(VMS.key("of-a-newer-version"), b"{}")])
    assert await _found(cloud, "leftovers") == []


async def test_seeded_and_eager_images_are_no_leftovers(
    cloud: SmallCloud, agents: LeftoverAgents
) -> None:
    host_id = await _host(cloud, 1, some_datastore("a"), some_datastore("seeds"))
    eager = await cloud.add_image("eager", Replication.EAGER)
    lazy = await cloud.add_image("lazy", Replication.ON_DEMAND)
    await cloud.done(image_datastores_update, ["seeds"])
    digests = [(await reading.image(cloud.store, each)).value.digest for each in (eager, lazy)]
    agents.found = {
        host_id: [
            _leftover(LeftoverKind.IMAGE, digest, datastore)
            for digest in digests
            for datastore in ("a", "seeds")
        ]
    }
    await _run(cloud, "leftovers")
    ((_, order),) = agents.orders
    assert order.names == (f"image/{digests[1]}@a",)


def _leftover(kind: LeftoverKind, id_: str, datastore: str, unneeded_s: float = 1e6) -> Leftover:
    return Leftover(
        kind=kind, id=id_, datastore=datastore, unneeded_s=unneeded_s, size_bytes=1 << 20
    )


async def test_a_datastore_without_hosts_is_forgotten_after_a_while(cloud: SmallCloud) -> None:
    host_id = await _host(cloud, 1, some_datastore("a"), some_datastore("b"))
    assert await _found(cloud, "datastores") == []
    await host_seen(cloud.store, host_id, some_facts(datastores=(some_datastore("a"),)))
    (sentence,) = await _found(cloud, "datastores")
    assert "(b)" in sentence
    await _run(cloud, "datastores")
    assert await _found(cloud, "datastores") == [], "noted, not forgotten"
    await cloud.clock.advance(13 * 3600)
    task = await _run(cloud, "datastores")
    assert task.steps[0].result == {"forgotten": 1}
    assert [each.value.id for each in await DATASTORES.all(cloud.store)] == ["a"]


async def test_a_datastore_that_came_back_or_is_seeded_stays(cloud: SmallCloud) -> None:
    both = some_facts(datastores=(some_datastore("a"), some_datastore("b")))
    one = some_facts(datastores=(some_datastore("a"),))
    host_id = await cloud.add_host("10.0.0.1", facts=both)
    await host_seen(cloud.store, host_id, one)
    await _run(cloud, "datastores")
    await host_seen(cloud.store, host_id, both)
    await cloud.done(image_datastores_update, ["b"])
    await host_seen(cloud.store, host_id, one)
    await cloud.clock.advance(13 * 3600)
    assert await _found(cloud, "datastores") == []


async def test_a_zone_that_lost_its_last_host_by_hand(cloud: SmallCloud) -> None:
    lost = Zone(id="z", name="east", state=ZoneState.PENDING_DELETE)
    await cloud.store.commit([], ZONES.put(lost))
    assert await _found(cloud, "tombstones") == [
        "The zone z waits for deletion and no host is in it."
    ]
    await _run(cloud, "tombstones")
    assert await ZONES.get(cloud.store, "z") is None
    await cloud.check()


async def test_removed_hosts_leave_their_datastores_to_the_chore(cloud: SmallCloud) -> None:
    host_id = await _host(cloud, 1, some_datastore("a"))
    await cloud.done(host.host_suspend, host_id)
    await cloud.done(host.host_enter_maintenance, host_id)
    await cloud.done(host.host_delete, host_id)
    assert len(await _found(cloud, "datastores")) == 1
