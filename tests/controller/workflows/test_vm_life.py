"""A machine's life from creation to deletion, with the books checked at every stop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from heliostat.controller.model.quota import OwnerKind
from heliostat.controller.model.vm import VmState
from heliostat.controller.workflows import reading, vm
from heliostat.core.errors import HeliostatError
from heliostat.testing.cloud import SmallCloud, count, gigabytes


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[SmallCloud]:
    async with SmallCloud(tmp_path) as cloud:
        limits = {"vm.cpu": count(4), "vm.memory": gigabytes(8)}
        await cloud.furnish(limits=limits)
        yield cloud


async def used(cloud: SmallCloud, key: str) -> float:
    quota = await reading.quota(cloud.store, OwnerKind.PROJECT, cloud.ids["project"])
    item = quota.value.items.get(key)
    return item.used_value if item is not None else 0.0


async def test_new_vm_is_stopped_and_charged(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    made = (await reading.vm(cloud.store, vm_id)).value
    assert made.state is VmState.STOPPED
    assert made.host_id == cloud.ids["host-1"]
    assert made.datastore == "local"
    assert await used(cloud, "vm.cpu") == 1
    assert await used(cloud, "ephemeral-disk.capacity") == 2
    await cloud.check()


async def test_whole_life(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    states = []
    for verb in (vm.vm_start, vm.vm_restart, vm.vm_suspend, vm.vm_resume, vm.vm_stop):
        await cloud.done(verb, vm_id)
        states.append((await reading.vm(cloud.store, vm_id)).value.state)
        await cloud.check()
    assert states == ["STARTED", "STARTED", "SUSPENDED", "STARTED", "STOPPED"]
    await cloud.done(vm.vm_delete, vm_id)
    with pytest.raises(HeliostatError, match="VmNotFound"):
        await reading.vm(cloud.store, vm_id)
    assert await used(cloud, "vm.cpu") == 0
    await cloud.check()
