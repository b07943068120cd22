"""Tasks go some time after their entity, whatever the entity is, and not before."""

from __future__ import annotations

import pytest

from heliostat.controller.model.flavor import FlavorKind
from heliostat.controller.model.quantity import CostItem
from heliostat.controller.workflows import disk, host, image, project, tenant, vm
from heliostat.controller.workflows.flavor import flavor_create, flavor_delete
from heliostat.controller.workflows.task_retention import entity_exists, forget_tasks
from heliostat.core.units import Unit
from heliostat.tasks.model import Task, task_key
from heliostat.testing.cloud import SmallCloud

KEEP_S = 86_400.0


async def forgotten(cloud: SmallCloud, *tasks: Task) -> list[str]:
    """The operations of those of ``tasks`` that can no longer be read."""
    return [task.operation for task in tasks if await cloud.store.get(task_key(task.id)) is None]


async def test_every_noun_keeps_its_tasks_while_it_exists(cloud: SmallCloud) -> None:
    costs = (CostItem(key="persistent-disk", value=1.0, unit=Unit.COUNT),)
    tenant_task = await cloud.do(tenant.tenant_create, "other")
    project_task = await cloud.do(project.project_create, tenant_task.entity_id, "web")
    flavor_task = await cloud.do(flavor_create, "own", FlavorKind.PERSISTENT_DISK, costs)
    vm_task = await cloud.do(vm.vm_create, cloud.ids["project"], cloud.vm_spec())
    disk_id = await cloud.add_disk()
    disk_task = await cloud.do(disk.disk_delete, disk_id)
    made = (tenant_task, project_task, flavor_task, vm_task)

    await cloud.clock.advance(KEEP_S + 1)
    await forget_tasks(cloud.store, cloud.clock, keep_s=KEEP_S)
    assert await forgotten(cloud, *made, disk_task) == ["DELETE_DISK"]

    deletions = [
        await cloud.do(vm.vm_delete, vm_task.entity_id),
        await cloud.do(flavor_delete, flavor_task.entity_id),
        await cloud.do(project.project_delete, project_task.entity_id),
        await cloud.do(tenant.tenant_delete, tenant_task.entity_id),
    ]
    await cloud.clock.advance(KEEP_S / 2)
    await forget_tasks(cloud.store, cloud.clock, keep_s=KEEP_S)
    assert await forgotten(cloud, *deletions) == []
    await cloud.clock.advance(KEEP_S / 2 + 1)
    await forget_tasks(cloud.store, cloud.clock, keep_s=KEEP_S)
    assert len(await forgotten(cloud, *made, *deletions)) == 8


async def test_hosts_and_images_are_found_as_tasks_name_them(cloud: SmallCloud) -> None:
    for verb, id_ in (
        (image.image_delete, cloud.ids["image"]),
        (host.host_suspend, cloud.ids["host-1"]),
    ):
        task = await cloud.do(verb, id_)
        still = verb is host.host_suspend
        assert await entity_exists(cloud.store, task.entity_kind, task.entity_id) is still


@pytest.mark.parametrize("kind", ["cluster", ""])
async def test_a_kind_of_a_newer_version_counts_as_existing(cloud: SmallCloud, kind: str) -> None:
    assert await entity_exists(cloud.store, kind, "any")
