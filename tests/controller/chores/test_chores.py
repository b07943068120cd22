"""Each chore finds what it is for, mends it, and leaves everything else alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from heliostat.cloudstore.contract import Put
from heliostat.controller.chores.catalogue import CHORES
from heliostat.controller.chores.verbs import chore_run
from heliostat.controller.model.desired import VM, desired_key
from heliostat.controller.model.flavor import FlavorState
from heliostat.controller.model.image import ImageState
from heliostat.controller.workflows import flavor, image
from heliostat.controller.workflows.kinds import FLAVORS, IMAGES, VMS
from heliostat.controller.workflows.vm import vm_delete
from heliostat.tasks.model import Task, TaskState
from heliostat.testing.cloud import SmallCloud


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[SmallCloud]:
    async with SmallCloud(tmp_path) as small:
        await small.furnish()
        yield small


async def found(cloud: SmallCloud, name: str) -> list[str]:
    return list(await CHORES[name].find(cloud.ports))


async def run(cloud: SmallCloud, name: str) -> Task:
    task = await cloud.do(chore_run, CHORES, name)
    assert task.state is TaskState.COMPLETED, task.steps
    return task


async def test_on_a_platform_in_order_there_is_nothing_to_do(cloud: SmallCloud) -> None:
    await cloud.add_vm()
    await cloud.add_disk()
    for name in CHORES:
        assert await found(cloud, name) == [], name


async def test_reservations_and_orders_for_what_is_gone(cloud: SmallCloud) -> None:
    kept, lost = await cloud.add_vm("kept"), await cloud.add_vm("lost")
    stored = await VMS.get(cloud.store, lost)
    assert stored is not None
    await cloud.store.commit([], VMS.delete(stored.value))  # as a hand in the store would

    assert len(await found(cloud, "reservations")) == 2
    task = await run(cloud, "reservations")
    assert task.steps[0].result == {"removed": 2}
    assert await found(cloud, "reservations") == []
    host_id = cloud.ids["host-1"]
    assert await cloud.store.get(desired_key(host_id, VM, lost)) is None
    assert await cloud.store.get(desired_key(host_id, VM, kept)) is not None


async def test_tombstones_go_only_when_nothing_uses_them(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    await cloud.do(image.image_delete, cloud.ids["image"])
    small = (await FLAVORS.by_index(cloud.store, "name", "vm/small"))[0].value
    await cloud.do(flavor.flavor_delete, small.id)
    assert await found(cloud, "tombstones") == []
    assert await IMAGES.get(cloud.store, cloud.ids["image"]) is not None

    await cloud.do(vm_delete, vm_id)
    image_id = await cloud.add_image("other")
    stored = await IMAGES.get(cloud.store, image_id)
    assert stored is not None
    waiting = replace(stored.value, state=ImageState.PENDING_DELETE)
    left = replace(small, state=FlavorState.PENDING_DELETE)
    await cloud.store.commit([], [*IMAGES.put(waiting, stored.value), *FLAVORS.put(left)])
    assert len(await found(cloud, "tombstones")) == 2
    await run(cloud, "tombstones")
    assert await IMAGES.get(cloud.store, image_id) is None
    assert await FLAVORS.get(cloud.store, small.id) is None


async def test_tasks_are_forgotten_after_their_time(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    await cloud.do(vm_delete, vm_id)
    assert await found(cloud, "tasks") == []
    await cloud.clock.advance(cloud.ports.settings.chores.keep_tasks_s + 1)
    (sentence,) = await found(cloud, "tasks")
    assert sentence.startswith("2 task(s)")
    task = await run(cloud, "tasks")
    assert task.steps[0].result == {"forgotten": 2}
    assert await found(cloud, "tasks") == []


async def test_content_that_nothing_names_is_found_after_its_grace_time(cloud: SmallCloud) -> None:
    with cloud.ports.blobs.stage() as staging:
        staging.write(b"an upload that was given up")
        digest = staging.commit().digest
    assert await found(cloud, "content") == []
    grace_s = cloud.ports.settings.chores.keep_content_s
    path = cloud.ports.blobs.path(digest)
    long_ago = path.stat().st_mtime - grace_s - 60
    os.utime(path, (long_ago, long_ago))
    (sentence,) = await found(cloud, "content")
    assert digest[:16] in sentence


async def test_an_order_that_is_no_vm_is_withdrawn(cloud: SmallCloud) -> None:
    key = desired_key(cloud.ids["host-1"], VM, "ghost")
    await cloud.store.commit([], [Put(key, b"{}")])
    assert len(await found(cloud, "reservations")) == 1
    await run(cloud, "reservations")
    assert await cloud.store.get(key) is None
