"""The check of the books finds what is wrong: each kind of damage, by its sentence."""

from __future__ import annotations

from dataclasses import replace as changed
from pathlib import Path

import pytest
from msgspec.structs import replace

from heliostat.controller.model.affinity import Affinity
from heliostat.controller.model.datastore import Datastore, ImageDatastores
from heliostat.controller.model.invariants import World, violations
from heliostat.controller.model.quota import OwnerKind
from heliostat.controller.model.reservation import Reservation
from heliostat.controller.model.zone import Zone, ZoneState
from heliostat.controller.workflows import disk
from heliostat.controller.workflows.audit import read_world
from heliostat.testing.cloud import SmallCloud, count


@pytest.fixture
async def world(tmp_path: Path) -> World:
    async with SmallCloud(tmp_path) as cloud:
        await cloud.furnish(limits={"vm.cpu": count(4)})
        vm_id = await cloud.add_vm()
        disk_id = await cloud.add_disk(affinities=(Affinity(kind="vm", id=vm_id),))
        await cloud.done(disk.disk_attach, vm_id, disk_id)
        return await read_world(cloud.store)


async def test_nothing_is_wrong(world: World) -> None:
    assert violations(world) == []


async def test_lost_vm_shows_everywhere(world: World) -> None:
    found = "\n".join(violations(changed(world, vms={})))
    assert "vm.cpu used, but what exists costs 0 COUNT" in found
    assert "reserves for the VM" in found
    assert "is attached to the VM" in found
    assert "leads nowhere" not in found
    assert "is asked for the vm" in found


async def test_lost_reservation(world: World) -> None:
    assert any("reserves nothing" in each for each in violations(changed(world, reservations={})))
    stray = {"gone": Reservation(host_id="gone")}
    both = {**world.reservations, **stray}
    found = violations(changed(world, reservations=both))
    assert found == ["There is a reservation on the host gone, which does not exist."]


async def test_tenant_that_counts_wrong(world: World) -> None:
    key = next(each for each in world.quotas if each[0] is OwnerKind.TENANT)
    quota = world.quotas[key]
    items = {name: replace(item, used=item.used + 1) for name, item in quota.items.items()}
    broken = {**world.quotas, key: replace(quota, items=items)}
    found = "\n".join(violations(changed(world, quotas=broken)))
    assert "its projects draw" in found
    assert "above its limit" in found


async def test_quota_without_owner_and_owner_without_quota(world: World) -> None:
    found = "\n".join(violations(changed(world, quotas={})))
    assert "has no quota" in found
    found = "\n".join(violations(changed(world, tenants={})))
    assert "which does not exist" in found


async def test_indexes_and_operations(world: World) -> None:
    stray = changed(world, index_found=world.index_found | {"/idx/vm/project/x/y"})
    assert violations(stray) == ["The index entry /idx/vm/project/x/y leads nowhere."]
    missing = next(iter(world.index_expected))
    lost = changed(world, index_found=world.index_found - {missing})
    assert violations(lost) == [f"The index entry {missing} is missing."]
    vms = {key: replace(vm, task_id="t") for key, vm in world.vms.items()}
    assert "has ended" in violations(changed(world, vms=vms))[0]


async def test_lost_image_and_flavors(world: World) -> None:
    found = "\n".join(violations(changed(world, images={}, flavors={}, projects={})))
    assert "made from the image" in found
    assert "of the flavor" in found
    assert "in the project" in found


async def test_zones_and_datastores_that_are_named_exist(world: World) -> None:
    ((host_id, host),) = world.hosts.items()
    seeded = ImageDatastores(datastore_ids=("a", "b"), task_id="t")
    broken = changed(
        world,
        hosts={host_id: replace(host, zone="z")},
        zones={"y": Zone(id="y", name="y", state=ZoneState.PENDING_DELETE)},
        datastores={"a": Datastore(id="a", name="a")},
        image_datastores={"site": seeded},
    )
    assert violations(broken) == [
        "A host is in the zone z, which does not exist.",
        "The zone y waits for its last host to leave, but has none.",
        "Images are seeded to the datastore b, which does not exist.",
        "The image datastores are under the task t, which has ended.",
    ]
