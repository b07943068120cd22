"""Many at once: all or none, charged once, taken back together, books right at every moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from heliostat.agentlink.messages import Desired, Fault
from heliostat.controller.model.affinity import Affinity
from heliostat.controller.model.bulk import numbered
from heliostat.controller.model.disk import DiskSpec
from heliostat.controller.model.quota import OwnerKind
from heliostat.controller.model.selector import parse_selector
from heliostat.controller.workflows import (
    bulk_create,
    bulk_delete,
    flavor,
    kinds,
    project,
    quota,
    reading,
    vm,
)
from heliostat.controller.workflows.task import task_undo
from heliostat.core.errors import HeliostatError
from heliostat.tasks.model import Progress, TaskState
from heliostat.testing.cloud import SmallCloud, count
from heliostat.testing.hosts import some_facts

CI = parse_selector("job=ci")


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[SmallCloud]:
    """Without limits: a hundred machines are asked for."""
    async with SmallCloud(tmp_path) as made:
        await made.furnish()
        yield made


def specs(cloud: SmallCloud, number: int, **changes: object) -> list[object]:
    return [
        cloud.vm_spec(name, labels={"job": "ci"}, **changes) for name in numbered("ci-{n}", number)
    ]


async def used(cloud: SmallCloud, key: str = "vm.cpu") -> float:
    found = (await reading.quota(cloud.store, OwnerKind.PROJECT, cloud.ids["project"])).value
    return found.items[key].used_value if key in found.items else 0


@pytest.mark.parametrize(
    ("pattern", "names"),
    [("ci-{n}", ["ci-7", "ci-8"]), ("a{n:03}b", ["a007b", "a008b"])],
)
def test_numbered_names(pattern: str, names: list[str]) -> None:
    assert numbered(pattern, 2, 7) == names


@pytest.mark.parametrize(
    ("pattern", "count_"), [("ci", 2), ("{n}{n}", 2), ("c{n}", 0), ("c{n}", 101)]
)
def test_patterns_that_name_nothing(pattern: str, count_: int) -> None:
    with pytest.raises(HeliostatError, match="InvalidEntity"):
        numbered(pattern, count_)


async def test_many_vms_by_one_task(cloud: SmallCloud) -> None:
    asked = await cloud.ask(
        bulk_create.create_vms, cloud.ids["project"], specs(cloud, 7), keep=False
    )
    assert await used(cloud) == 7
    await cloud.check()
    task = await cloud.finish(asked.task.id)
    assert task.state is TaskState.COMPLETED, task.steps
    items = task.resource_properties["items"]
    assert [each["name"] for each in items] == [f"ci-{n}" for n in range(1, 8)]
    for each in items:
        assert (await reading.vm(cloud.store, each["id"])).value.state == "STOPPED"
        assert (await reading.task(cloud.store, each["taskId"])).entity_id == each["id"]
    assert await kinds.BULKS.all(cloud.store) == []
    assert await kinds.BULK_ITEMS.all(cloud.store) == []
    await cloud.check()


async def told(cloud: SmallCloud, task_id: str, step: int) -> list[tuple[int, int]]:
    """What the task shows of a step, second by second until it ends."""
    found: list[tuple[int, int]] = []
    while True:
        task = await reading.task(cloud.store, task_id)
        progress = task.steps[step].progress
        if progress is not None and (progress.done, progress.total) not in found:
            found.append((progress.done, progress.total))
        if task.state.is_final:
            return found
        await cloud.clock.advance(1)


async def test_the_task_tells_how_far_it_is_as_it_goes(cloud: SmallCloud) -> None:
    """Not only when it is stalled, and not a commit for each."""
    agent = cloud.agents[cloud.ids["host-1"]]
    agent.delay_s = 1.5
    asked = await cloud.ask(
        bulk_create.create_vms,
        cloud.ids["project"],
        specs(cloud, 5),
        keep=False,
    )
    shown = await told(cloud, asked.task.id, step=1)
    assert shown[-1] == (5, 5)
    assert len(shown) >= 4
    assert shown == sorted(shown)
    agent.delay_s = 0.0
    asked = await cloud.ask(bulk_delete.delete_vms, cloud.ids["project"], parse_selector("job=ci"))
    quick = await cloud.finish(asked.task.id)
    assert quick.steps[0].progress == Progress(done=5, total=5)
    await cloud.check()


async def test_what_ends_first_is_counted_first(cloud: SmallCloud) -> None:
    """A slow first one doesn't hide that the others are done."""
    cloud.agents[cloud.ids["host-1"]].delay_s = 60
    other = await cloud.add_host("10.0.0.2")
    made = [
        cloud.disk_spec(name, 1, affinities=(Affinity(kind="host", id=host_id),))
        for name, host_id in (("slow", cloud.ids["host-1"]), ("a", other), ("b", other))
    ]
    asked = await cloud.ask(bulk_create.create_disks, cloud.ids["project"], made, keep=False)
    assert await told(cloud, asked.task.id, step=1) == [(2, 3), (3, 3)]


async def test_a_hundred_with_user_data_fit(cloud: SmallCloud) -> None:
    facts = some_facts(cpu_count=256, memory_mib=1 << 20, disk_gib=10_000)
    await cloud.add_host("10.0.0.9", facts=facts)
    await cloud.rest()
    text = "#cloud-config\n" + "x" * 60_000
    made = specs(cloud, 100, user_data=text, ssh_keys=("ssh-ed25519 AAAA me",))
    asked = await cloud.ask(bulk_create.create_vms, cloud.ids["project"], made, keep=False)
    assert await used(cloud) == 100
    await cloud.check()
    cloud.work()
    task = await cloud.finish(asked.task.id)
    assert task.state is TaskState.COMPLETED, task.steps
    made_ = await reading.vms(cloud.store, cloud.ids["project"])
    assert len(made_) == 100
    assert {each.user_data for each in made_} == {text}
    await cloud.check()


async def test_more_than_a_commit_can_carry_is_refused(cloud: SmallCloud) -> None:
    made = [cloud.vm_spec(f"ci-{n}", user_data=f"{n}" + "x" * 60_000) for n in range(30)]
    with pytest.raises(HeliostatError, match="RequestTooLarge"):
        await cloud.ask(bulk_create.create_vms, cloud.ids["project"], made, keep=False)


async def test_all_or_none_are_admitted(cloud: SmallCloud) -> None:
    for owner in (OwnerKind.TENANT, OwnerKind.PROJECT):
        limits = {"vm.cpu": count(5)}
        await cloud.done(quota.quota_update, owner, cloud.ids[str(owner)], limits)
    with pytest.raises(HeliostatError, match="6 COUNT asked"):
        await cloud.ask(bulk_create.create_vms, cloud.ids["project"], specs(cloud, 6), keep=False)
    twice = [*specs(cloud, 1), *specs(cloud, 1)]
    with pytest.raises(HeliostatError, match="named more than once"):
        await cloud.ask(bulk_create.create_vms, cloud.ids["project"], twice, keep=False)
    assert await reading.vms(cloud.store, cloud.ids["project"]) == []
    planned = await cloud.plan(
        bulk_create.create_vms, cloud.ids["project"], specs(cloud, 5), keep=False
    )
    assert {each.key: each.asked for each in planned.quota}["vm.cpu"] == 5


async def test_if_one_fails_all_are_taken_back(cloud: SmallCloud) -> None:
    """The host has room for some of them only."""
    made = specs(cloud, 6, flavor="large")
    task = await cloud.do(bulk_create.create_vms, cloud.ids["project"], made, keep=False)
    assert task.state is TaskState.ERROR
    (problem,) = task.steps[1].errors
    assert "of 6 could not be created" in problem.message
    assert await reading.vms(cloud.store, cloud.ids["project"]) == []
    assert await used(cloud) == 0
    await cloud.check()


async def test_those_that_succeed_can_be_kept(cloud: SmallCloud) -> None:
    made = specs(cloud, 6, flavor="large")
    task = await cloud.do(bulk_create.create_vms, cloud.ids["project"], made, keep=True)
    assert task.state is TaskState.COMPLETED
    (warning,) = task.steps[1].warnings
    assert "of 6 could not be created" in warning.message
    left = await reading.vms(cloud.store, cloud.ids["project"])
    assert 0 < len(left) < 6
    await cloud.check()


async def test_undone_on_its_way_and_what_is_used_is_left(cloud: SmallCloud) -> None:
    (agent,) = cloud.agents.values()
    agent.delay_s = 5.0
    asked = await cloud.ask(
        bulk_create.create_vms, cloud.ids["project"], specs(cloud, 5), keep=False
    )
    await cloud.clock.advance(3)
    await cloud.check()
    await cloud.ask(task_undo, asked.task.id)
    task = await cloud.finish(asked.task.id)
    assert task.state is TaskState.ERROR
    assert await reading.vms(cloud.store, cloud.ids["project"]) == []
    await cloud.check()


async def test_what_it_stands_on_may_go_before_it_is_made(cloud: SmallCloud) -> None:
    await cloud.rest()
    (wee,) = await reading.flavors(cloud.store, name="tiny")
    asked = await cloud.ask(
        bulk_create.create_vms, cloud.ids["project"], specs(cloud, 3, flavor="tiny"), keep=False
    )
    await cloud.ask(flavor.flavor_delete, wee.id)
    with pytest.raises(HeliostatError, match="1 bulk creation"):
        await cloud.ask(project.project_delete, cloud.ids["project"])
    cloud.work()
    task = await cloud.finish(asked.task.id)
    assert task.state is TaskState.ERROR
    assert task.steps[0].errors[0].code == "FlavorNotFound"
    assert await used(cloud) == 0
    await cloud.check()


async def test_many_disks(cloud: SmallCloud) -> None:
    made = [
        DiskSpec(name=name, flavor="persistent", capacity_gb=1, labels={"job": "ci"})
        for name in numbered("d-{n:02}", 4)
    ]
    task = await cloud.do(bulk_create.create_disks, cloud.ids["project"], made, keep=False)
    assert task.state is TaskState.COMPLETED
    assert len(await reading.disks(cloud.store, cloud.ids["project"])) == 4
    await cloud.check()
    task = await cloud.do(bulk_delete.delete_disks, cloud.ids["project"], CI, now=False)
    states = {each.state for each in await reading.disks(cloud.store, cloud.ids["project"])}
    assert (task.state, states) == (TaskState.COMPLETED, {"DELETED"})
    task = await cloud.do(bulk_delete.delete_disks, cloud.ids["project"], CI, now=True)
    assert task.resource_properties == {"items": []}


async def test_deleted_by_label_all_or_none(cloud: SmallCloud) -> None:
    await cloud.do(bulk_create.create_vms, cloud.ids["project"], specs(cloud, 3), keep=False)
    other = await cloud.add_vm("other")
    machines = await reading.vms(cloud.store, cloud.ids["project"], name="ci-2")
    await cloud.done(vm.vm_start, machines[0].id)
    with pytest.raises(HeliostatError, match="The VM ci-2 is STARTED"):
        await cloud.ask(bulk_delete.delete_vms, cloud.ids["project"], CI)
    await cloud.done(vm.vm_stop, machines[0].id, hard=True)
    task = await cloud.do(bulk_delete.delete_vms, cloud.ids["project"], CI)
    assert task.state is TaskState.COMPLETED
    assert len(task.resource_properties["items"]) == 3
    left = await reading.vms(cloud.store, cloud.ids["project"])
    assert [each.id for each in left] == [other]
    await cloud.check()


async def test_a_deletion_that_fails_tells_which(cloud: SmallCloud) -> None:
    await cloud.do(bulk_create.create_vms, cloud.ids["project"], specs(cloud, 2), keep=False)
    machines = await reading.vms(cloud.store, cloud.ids["project"])
    asked = await cloud.ask(bulk_delete.delete_vms, cloud.ids["project"], CI)
    await cloud.do(vm.vm_start, machines[0].id)
    task = await cloud.finish(asked.task.id)
    await cloud.check()
    assert task.state in (TaskState.ERROR, TaskState.COMPLETED)


def _never(item: Desired) -> Fault | None:
    return Fault(code="HypervisorFailed", message="no such luck", permanent=True)


async def test_every_child_fails_and_nothing_is_left(cloud: SmallCloud) -> None:
    (agent,) = cloud.agents.values()
    agent.refuses = _never
    made = [DiskSpec(name=f"d-{n}", flavor="persistent", capacity_gb=1) for n in range(3)]
    task = await cloud.do(bulk_create.create_disks, cloud.ids["project"], made, keep=False)
    assert task.state is TaskState.ERROR
    assert task.steps[1].errors[0].code == "HypervisorFailed"
    assert await reading.disks(cloud.store, cloud.ids["project"]) == []
    await cloud.check()
