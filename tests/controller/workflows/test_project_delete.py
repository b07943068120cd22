"""A project whose disks are deleted but kept goes with them, or stays as it was."""

from __future__ import annotations

import pytest

from heliostat.controller.model.quota import OwnerKind
from heliostat.controller.workflows import (
    bulk_create,
    disk,
    project,
    quota,
    reading,
    tenant,
    vm,
)
from heliostat.controller.workflows.kinds import DISKS, PROJECTS
from heliostat.core.errors import HeliostatError
from heliostat.tasks.actions import request
from heliostat.tasks.model import TaskState
from heliostat.testing.cloud import ADMIN, SmallCloud, count


async def kept_disks(cloud: SmallCloud, *names: str) -> list[str]:
    """Disks that were deleted and can be restored; their ids."""
    ids = [await cloud.add_disk(name) for name in names]
    for id_ in ids:
        await cloud.done(disk.disk_discard, id_)
    return ids


async def test_it_goes_with_its_kept_disks(cloud: SmallCloud) -> None:
    project_id = cloud.ids["project"]
    ids = await kept_disks(cloud, "one", "two")
    task = await cloud.do(project.project_delete, project_id)
    assert task.state is TaskState.COMPLETED
    assert [step.operation for step in task.steps] == ["DELETE_DISKS", "DELETE_PROJECT"]
    (warning,) = task.steps[0].warnings
    assert warning.code == "DeletedDisksRemoved"
    assert "2 disks kept after deletion" in warning.message
    assert set(warning.data["deletedDisks"]) == set(ids)
    assert await PROJECTS.get(cloud.store, project_id) is None
    assert await DISKS.all(cloud.store) == []
    await cloud.check()
    await cloud.done(tenant.tenant_delete, cloud.ids["tenant"])
    await cloud.check()


async def test_an_empty_one_goes_at_once(cloud: SmallCloud) -> None:
    await cloud.rest()
    admission = await cloud.ask(project.project_delete, cloud.ids["project"])
    assert admission.task.state is TaskState.COMPLETED
    await cloud.check()


async def test_the_plan_names_the_disks_and_changes_nothing(cloud: SmallCloud) -> None:
    (disk_id,) = await kept_disks(cloud, "data")
    before = await cloud.store.revision()
    plan = await cloud.plan(project.project_delete, cloud.ids["project"])
    assert [each.code for each in plan.warnings] == ["DeletedDisksRemoved"]
    assert plan.task.resource_properties == {"items": [{"id": disk_id, "name": "data"}]}
    assert await cloud.store.revision() == before


async def test_a_disk_that_is_not_deleted_holds_it(cloud: SmallCloud) -> None:
    await kept_disks(cloud, "kept")
    await cloud.add_disk("data")
    with pytest.raises(
        HeliostatError, match=r"ContainerNotEmpty.*1 disk\. With it would go 1 deleted"
    ):
        await cloud.ask(project.project_delete, cloud.ids["project"])


async def test_under_its_task_nothing_gets_in_and_nothing_is_restored(cloud: SmallCloud) -> None:
    (disk_id,) = await kept_disks(cloud, "data")
    project_id = cloud.ids["project"]
    await cloud.rest()
    await cloud.ask(project.project_delete, project_id)
    more = cloud.disk_spec("more")
    for verb, args, named in (
        (disk.disk_restore, (disk_id,), {}),
        (disk.disk_create, (project_id, more), {}),
        (vm.vm_create, (project_id, cloud.vm_spec()), {}),
        (bulk_create.create_disks, (project_id, [more]), {"keep": False}),
        (project.project_delete, (project_id,), {}),
    ):
        with pytest.raises(HeliostatError, match="ConcurrentTask"):
            await cloud.ask(verb, *args, **named)
    await cloud.check()


async def test_a_restore_decided_before_does_not_come_after(cloud: SmallCloud) -> None:
    (disk_id,) = await kept_disks(cloud, "data")
    back = await disk.disk_restore(cloud.ports, ADMIN, disk_id)
    await cloud.rest()
    await cloud.ask(project.project_delete, cloud.ids["project"])
    with pytest.raises(HeliostatError, match="GuardFailed"):
        await cloud.store.commit(back.guards, back.changes)


async def test_a_deletion_decided_before_a_restore_does_not_come_after(cloud: SmallCloud) -> None:
    (disk_id,) = await kept_disks(cloud, "data")
    going = await project.project_delete(cloud.ports, ADMIN, cloud.ids["project"])
    await cloud.done(disk.disk_restore, disk_id)
    with pytest.raises(HeliostatError, match="GuardFailed"):
        await cloud.store.commit(going.guards, going.changes)
    await cloud.check()


async def test_a_disk_that_is_being_removed_is_waited_for(cloud: SmallCloud) -> None:
    (disk_id,) = await kept_disks(cloud, "data")
    await cloud.agents[cloud.ids["host-1"]].cut()
    removing = (await cloud.ask(disk.disk_delete, disk_id)).task
    going = (await cloud.ask(project.project_delete, cloud.ids["project"])).task
    await cloud.agents[cloud.ids["host-1"]].__aenter__()
    assert (await cloud.finish(going.id)).state is TaskState.COMPLETED
    assert (await cloud.finish(removing.id)).state is TaskState.COMPLETED
    await cloud.check()


async def test_what_cannot_be_removed_leaves_the_project_free(cloud: SmallCloud) -> None:
    project_id = cloud.ids["project"]
    (disk_id,) = await kept_disks(cloud, "data")
    agent = cloud.agents[cloud.ids["host-1"]]
    await agent.cut()
    task = await cloud.do(project.project_delete, project_id)
    assert task.state is TaskState.ERROR
    (problem,) = task.steps[0].errors
    assert problem.code == "TimedOut"
    assert "1 of 1 could not be deleted" in problem.message
    found = (await reading.project(cloud.store, project_id)).value
    assert found.task_id == ""
    assert (await reading.disk(cloud.store, disk_id)).value.state == "ERROR"
    await cloud.check()
    await agent.__aenter__()
    await cloud.done(disk.disk_discard, disk_id)
    await cloud.done(project.project_delete, project_id)
    await cloud.check()


async def test_asked_to_undo_in_time_it_keeps_its_disks(cloud: SmallCloud) -> None:
    (disk_id,) = await kept_disks(cloud, "data")
    await cloud.rest()
    going = (await cloud.ask(project.project_delete, cloud.ids["project"])).task
    await request(cloud.store, going.id, "undo")
    cloud.work()
    assert (await cloud.finish(going.id)).state is TaskState.ERROR
    await cloud.done(disk.disk_restore, disk_id)
    await cloud.check()


async def test_limits_that_change_meanwhile_are_given_back_as_they_are(cloud: SmallCloud) -> None:
    """Nobody locks a quota: the task goes on from what it is by then."""
    await kept_disks(cloud, "data")
    project_id = cloud.ids["project"]
    await cloud.rest()
    going = (await cloud.ask(project.project_delete, project_id)).task
    await cloud.ask(quota.quota_update, OwnerKind.PROJECT, project_id, {"vm.cpu": count(3)})
    cloud.work()
    assert (await cloud.finish(going.id)).state is TaskState.COMPLETED
    await cloud.check()


async def test_machines_hold_it(cloud: SmallCloud) -> None:
    await kept_disks(cloud, "data")
    vm_id = await cloud.add_vm()
    with pytest.raises(HeliostatError, match=r"1 VM\. With it would go 1 deleted"):
        await cloud.ask(project.project_delete, cloud.ids["project"])
    await cloud.done(vm.vm_delete, vm_id)
    await cloud.done(project.project_delete, cloud.ids["project"])
    await cloud.check()
