"""A worker killed at every commit of every workflow: the books are always in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import pytest

from heliostat.agentlink.messages import Desired, Fault
from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.memory import MemoryStore
from heliostat.controller.chores.catalogue import CHORES, WORKFLOWS
from heliostat.controller.chores.verbs import chore_run
from heliostat.controller.model.disk import DiskSpec
from heliostat.controller.model.image import ImageScope, Replication, StagedImage
from heliostat.controller.model.quota import OwnerKind
from heliostat.controller.model.selector import parse_selector
from heliostat.controller.workflows import (
    bulk_create,
    bulk_delete,
    disk,
    host,
    image,
    project,
    quota,
    quota_lease,
    reading,
    tenant,
    vm,
)
from heliostat.core.ids import SeededIds
from heliostat.sim.checks.books import unbalanced
from heliostat.tasks.actions import request
from heliostat.tasks.indexes import ACTION_PREFIX, OPEN_PREFIX
from heliostat.tasks.model import Task, TaskState
from heliostat.testing.clock import VirtualClock
from heliostat.testing.cloud import SmallCloud, count
from heliostat.testing.crash import Scenario, crash_everywhere, ended
from heliostat.testing.stories import STORIES, Story, last


async def _create(cloud: SmallCloud) -> Task:
    return await last(cloud, vm.vm_create, cloud.ids["project"], cloud.vm_spec("two"))


async def _delete(cloud: SmallCloud) -> Task:
    return await last(cloud, vm.vm_delete, cloud.ids["vm"])


async def _delete_by_force(cloud: SmallCloud) -> Task:
    await cloud.done(disk.disk_attach, cloud.ids["vm"], cloud.ids["disk"])
    await cloud.agents[cloud.ids["host-1"]].cut()
    await cloud.rest()
    return (await cloud.ask(vm.vm_delete, cloud.ids["vm"], force=True)).task


async def _start(cloud: SmallCloud) -> Task:
    return await last(cloud, vm.vm_start, cloud.ids["vm"])


async def _restart(cloud: SmallCloud) -> Task:
    await cloud.done(vm.vm_start, cloud.ids["vm"])
    return await last(cloud, vm.vm_restart, cloud.ids["vm"])


async def _attach(cloud: SmallCloud) -> Task:
    return await last(cloud, disk.disk_attach, cloud.ids["vm"], cloud.ids["disk"])


async def _detach(cloud: SmallCloud) -> Task:
    await cloud.done(disk.disk_attach, cloud.ids["vm"], cloud.ids["disk"])
    return await last(cloud, disk.disk_detach, cloud.ids["vm"], cloud.ids["disk"])


async def _attach_iso(cloud: SmallCloud) -> Task:
    staged = cloud.stage(b"disc")
    return await last(cloud, vm.iso_attach, cloud.ids["vm"], "tools.iso", staged)


async def _detach_iso(cloud: SmallCloud) -> Task:
    staged = cloud.stage(b"disc")
    await cloud.done(vm.iso_attach, cloud.ids["vm"], "tools.iso", staged)
    return await last(cloud, vm.iso_detach, cloud.ids["vm"])


async def _vm_image(cloud: SmallCloud) -> Task:
    verb = vm.vm_create_image
    return await last(cloud, verb, cloud.ids["vm"], "golden", Replication.EAGER)


async def _disk_create(cloud: SmallCloud) -> Task:
    spec = DiskSpec(name="more", flavor="persistent", capacity_gb=3)
    return await last(cloud, disk.disk_create, cloud.ids["project"], spec)


async def _disk_delete(cloud: SmallCloud) -> Task:
    return await last(cloud, disk.disk_delete, cloud.ids["disk"])


async def _kept_disk_delete(cloud: SmallCloud) -> Task:
    await cloud.done(disk.disk_discard, cloud.ids["disk"])
    return await last(cloud, disk.disk_delete, cloud.ids["disk"])


async def _deleted_disks(cloud: SmallCloud) -> Task:
    await cloud.done(disk.disk_discard, cloud.ids["disk"])
    await cloud.rest()
    await cloud.clock.advance(cloud.ports.settings.disk_grace_s)
    return await last(cloud, chore_run, CHORES, "deleted-disks")


async def _project_with_kept_disks(cloud: SmallCloud) -> Task:
    await cloud.add_disk("two")
    for found in await reading.disks(cloud.store, cloud.ids["project"]):
        await cloud.done(disk.disk_discard, found.id)
    await cloud.done(vm.vm_delete, cloud.ids["vm"])
    return await last(cloud, project.project_delete, cloud.ids["project"])


async def _quota_leases(cloud: SmallCloud) -> Task:
    """The leases of a project and its tenant end while both are in use."""
    for owner in OwnerKind:
        owner_id = cloud.ids[str(owner)]
        await cloud.done(quota.quota_update, owner, owner_id, {"vm.cpu": count(1)})
        until_ms = cloud.clock.now_ms() + 5000
        await cloud.done(quota_lease.lease_grant, owner, owner_id, {"vm.cpu": count(1)}, until_ms)
    await cloud.add_vm("more")
    await cloud.clock.advance(5)
    return await last(cloud, chore_run, CHORES, "quota-leases")


async def _create_many(cloud: SmallCloud) -> Task:
    specs = [cloud.vm_spec(name, labels={"job": "ci"}) for name in ("many-1", "many-2")]
    return await last(cloud, bulk_create.create_vms, cloud.ids["project"], specs, keep=False)


async def _create_many_disks(cloud: SmallCloud) -> Task:
    specs = [DiskSpec(name=f"many-{n}", flavor="persistent", capacity_gb=1) for n in (1, 2)]
    return await last(cloud, bulk_create.create_disks, cloud.ids["project"], specs, keep=False)


async def _delete_many(cloud: SmallCloud) -> Task:
    for name in ("many-1", "many-2"):
        await cloud.add_vm(name, labels={"job": "ci"})
    chosen = parse_selector("job=ci")
    return await last(cloud, bulk_delete.delete_vms, cloud.ids["project"], chosen)


async def _delete_many_disks(cloud: SmallCloud) -> Task:
    for name in ("many-1", "many-2"):
        await cloud.add_disk(name, 1, labels={"job": "ci"})
    chosen = parse_selector("job=ci")
    return await last(cloud, bulk_delete.delete_disks, cloud.ids["project"], chosen, now=True)


async def _image(cloud: SmallCloud) -> Task:
    staged = StagedImage(digest="ab" * 32, size_bytes=1)
    return await last(cloud, image.image_create, "new", Replication.EAGER, ImageScope(), staged)


async def _groups(cloud: SmallCloud) -> Task:
    return await last(cloud, tenant.tenant_set_security_groups, cloud.ids["tenant"], ["A\\b"])


async def _suspend_host(cloud: SmallCloud) -> Task:
    return await last(cloud, host.host_suspend, cloud.ids["host-1"])


async def _delete_host(cloud: SmallCloud) -> Task:
    spare = await cloud.add_host("10.0.0.77")
    await cloud.done(host.host_suspend, spare)
    await cloud.done(host.host_enter_maintenance, spare)
    return await last(cloud, host.host_delete, spare)


GOOD: dict[str, Story] = {
    "create": _create,
    "delete": _delete,
    "delete-by-force": _delete_by_force,
    "start": _start,
    "restart": _restart,
    "attach": _attach,
    "detach": _detach,
    "attach-iso": _attach_iso,
    "detach-iso": _detach_iso,
    "vm-image": _vm_image,
    "disk-create": _disk_create,
    "disk-delete": _disk_delete,
    "kept-disk-delete": _kept_disk_delete,
    "deleted-disks": _deleted_disks,
    "project-with-kept-disks": _project_with_kept_disks,
    "quota-leases": _quota_leases,
    "create-many": _create_many,
    "create-many-disks": _create_many_disks,
    "delete-many": _delete_many,
    "delete-many-disks": _delete_many_disks,
    "image": _image,
    "groups": _groups,
    "suspend-host": _suspend_host,
    "delete-host": _delete_host,
}
GOOD.update(STORIES)
_UNDONE = (
    "create",
    "create-apart",
    "start",
    "stop",
    "restart",
    "suspend",
    "resume",
    "attach",
    "detach",
    "attach-iso",
    "detach-iso",
    "vm-image",
    "disk-create",
    "create-many",
    "create-many-disks",
)
BAD = {key: GOOD[key] for key in _UNDONE}


class Ending(StrEnum):
    """What becomes of the task, besides the worker's death."""

    GOOD = "GOOD"
    REFUSED = "REFUSED"
    """The host gives up for good, so everything is undone."""
    ASKED = "ASKED"
    """A user asks for undo before a worker has the task."""


@dataclass
class Play:
    """One story, told anew for each round of the crash harness."""

    story: Story
    ending: Ending
    folder: Path
    clouds: list[SmallCloud] = field(default_factory=list)

    async def admit(self, store: CloudStore, clock: VirtualClock, ids: SeededIds) -> str:
        task = await self.tell(store, clock)
        cloud = self.clouds[-1]
        if self.ending is Ending.REFUSED:
            for agent in cloud.agents.values():
                agent.refuses = _broken
        elif self.ending is Ending.ASKED:
            await request(store, task.id, "undo")
        return task.id

    async def tell(self, store: CloudStore, clock: VirtualClock) -> Task:
        cloud = SmallCloud(self.folder, store=store, clock=clock, seed=99)
        self.clouds.append(cloud)
        await cloud.__aenter__()
        await cloud.furnish()
        cloud.ids["vm"] = await cloud.add_vm()
        cloud.ids["disk"] = await cloud.add_disk()
        return await self.story(cloud)

    async def check(self, store: CloudStore, task: Task, ports: object) -> None:
        cloud = self.clouds[-1]
        wanted = TaskState.COMPLETED if self.ending is Ending.GOOD else TaskState.ERROR
        assert task.state is wanted, [step.errors for step in task.steps]
        for document in (await store.list(OPEN_PREFIX)).items:  # what the task asked for
            await cloud.clock.run_until(ended(store, document.key.removeprefix(OPEN_PREFIX)))
        for prefix in (OPEN_PREFIX, ACTION_PREFIX):
            assert not (await store.list(prefix)).items
        found = await unbalanced(store, cloud.ports.settings)
        assert not found, "\n".join(found)
        await cloud.close_agents()


def _broken(item: Desired) -> Fault | None:
    return Fault(code="HypervisorFailed", message="no such luck", permanent=True)


async def _told(name: str, folder: Path) -> Task:
    """The task of the story, with nobody to run it."""
    clock = VirtualClock()
    store = MemoryStore(clock)
    play = Play(GOOD[name], Ending.GOOD, folder)
    try:
        return await play.tell(store, clock)
    finally:
        await play.clouds[-1].close_agents()
        await store.close()


async def test_every_workflow_has_a_story(tmp_path: Path) -> None:
    """A new workflow needs one: a crash must not find it untested."""
    told = {(await _told(name, tmp_path)).operation for name in GOOD}
    assert sorted(WORKFLOWS.keys() - told) == []


@pytest.mark.parametrize("name", GOOD)
async def test_crash_everywhere(name: str, tmp_path: Path) -> None:
    await _play(Play(GOOD[name], Ending.GOOD, tmp_path))


@pytest.mark.parametrize("name", BAD)
async def test_crash_everywhere_while_undoing(name: str, tmp_path: Path) -> None:
    await _play(Play(BAD[name], Ending.REFUSED, tmp_path))


@pytest.mark.parametrize("name", GOOD)
async def test_crash_everywhere_when_undo_is_asked_for(name: str, tmp_path: Path) -> None:
    if not (await _told(name, tmp_path)).steps[0].undoable:
        return  # nothing that was begun: there is no such request
    await _play(Play(GOOD[name], Ending.ASKED, tmp_path))


async def _play(play: Play) -> None:
    scenario = Scenario(
        WORKFLOWS, play.admit, play.check, ports=lambda store, clock: play.clouds[-1].ports
    )
    rounds = await crash_everywhere(scenario)
    assert sum(each.died for each in rounds) >= 4
