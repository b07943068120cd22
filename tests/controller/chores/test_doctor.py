"""The doctor says what is wrong, mends what can be mended, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from heliostat.cloudstore.contract import Delete, Put
from heliostat.controller.doctor.checkup import check_up
from heliostat.controller.doctor.finding import Area, Finding
from heliostat.controller.doctor.repair import repair
from heliostat.controller.model.quota import OwnerKind
from heliostat.controller.workflows import quota_lease
from heliostat.controller.workflows.kinds import BULKS, LEASED, QUOTAS, TENANTS, VMS
from heliostat.controller.workflows.vm import vm_start
from heliostat.tasks.model import TaskState
from heliostat.testing.cloud import SmallCloud, count


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[SmallCloud]:
    async with SmallCloud(tmp_path) as small:
        await small.furnish(limits={"vm.cpu": count(4)})
        yield small


async def findings(cloud: SmallCloud, *areas: Area) -> list[Finding]:
    found = (await check_up(cloud.ports)).findings
    return [each for each in found if not areas or each.area in areas]


async def mend(cloud: SmallCloud) -> dict[str, int]:
    """What each step of a repair counted."""
    task = await cloud.do(repair)
    assert task.state is TaskState.COMPLETED
    return {key: value for step in task.steps for key, value in step.result.items()}


WITHOUT_FILES = (Area.STORE, Area.BOOKS, Area.AGENTS, Area.GUESTS, Area.TASKS)
"""All but content: the small cloud's images have no files."""


async def test_a_platform_in_order_has_no_findings(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    await cloud.add_disk()
    await cloud.do(vm_start, vm_id)
    assert await findings(cloud, *WITHOUT_FILES) == []
    plan = await cloud.plan(repair)
    assert [each.message for each in plan.warnings] == ["There is nothing that can be repaired."]
    counted = await mend(cloud)
    assert (counted["mended"], counted["removed"]) == (0, 0)


async def test_a_wrong_usage_is_counted_anew(cloud: SmallCloud) -> None:
    await cloud.add_vm()
    for owner, id_ in (
        (OwnerKind.PROJECT, cloud.ids["project"]),
        (OwnerKind.TENANT, cloud.ids["tenant"]),
    ):
        stored = await QUOTAS[owner].get(cloud.store, id_)
        assert stored is not None
        wrong = {
            key: replace(item, used=item.used + 1) if key == "vm.cpu" else item
            for key, item in stored.value.items.items()
        }
        if owner is OwnerKind.PROJECT:
            changed = replace(stored.value, items=wrong)
            await cloud.store.commit([], QUOTAS[owner].put(changed, stored.value))
    assert len(await findings(cloud, Area.BOOKS)) == 1
    assert (await mend(cloud))["mended"] == 1
    assert await findings(cloud, *WITHOUT_FILES) == []
    await cloud.check()


async def test_indexes_locks_and_reservations_are_put_right(cloud: SmallCloud) -> None:
    vm_id, lost = await cloud.add_vm("one"), await cloud.add_vm("two")
    vm = await VMS.get(cloud.store, vm_id)
    gone = await VMS.get(cloud.store, lost)
    tenant = await TENANTS.get(cloud.store, cloud.ids["tenant"])
    assert vm is not None
    assert gone is not None
    assert tenant is not None
    locked = replace(tenant.value, task_id="00000000-0000-8000-8000-000000000000")
    index = VMS.index_prefix("project", vm.value.project_id) + vm_id
    await cloud.store.commit(
        [],
        [
            *TENANTS.put(locked, tenant.value),
            Delete(index),
            Put(VMS.index_prefix("host", "nowhere") + vm_id, b""),
            Delete(VMS.key(lost)),
        ],
    )
    assert await findings(cloud, Area.BOOKS)
    counted = await mend(cloud)
    assert counted["mended"] >= 4
    assert counted["removed"] == 2
    assert await findings(cloud, *WITHOUT_FILES) == []
    await cloud.check()


async def test_indexes_of_leases_and_bulks_are_checked_and_put_right(cloud: SmallCloud) -> None:
    """A lease that the index doesn't know would never be forgotten."""
    owner_id, until_ms = cloud.ids["tenant"], cloud.clock.now_ms() + 3_600_000
    more = {"vm.cpu": count(1)}
    await cloud.done(quota_lease.lease_grant, OwnerKind.TENANT, owner_id, more, until_ms)
    await cloud.check()
    leased = QUOTAS[OwnerKind.TENANT].index_prefix("leased", LEASED) + owner_id
    stray = BULKS.index_prefix("project", owner_id) + "gone"
    assert await cloud.store.get(leased) is not None
    await cloud.store.commit([], [Delete(leased), Put(stray, b"")])
    assert {each.message for each in await findings(cloud, Area.BOOKS)} == {
        f"The index entry {leased} is missing.",
        f"The index entry {stray} leads nowhere.",
    }
    assert (await mend(cloud))["mended"] == 2
    assert await cloud.store.get(leased) is not None
    await cloud.check()


async def test_an_unreadable_document_is_a_finding_not_a_failure(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    await cloud.store.commit([], [Put(VMS.key(vm_id), b'{"id": 7}')])
    (finding,) = await findings(cloud)
    assert finding.area is Area.STORE
    assert VMS.key(vm_id) in finding.message
    assert (await check_up(cloud.ports)).repairs == ()


async def test_a_silent_agent_is_told_with_the_number_of_its_vms(cloud: SmallCloud) -> None:
    await cloud.add_vm()
    await cloud.close_agents()
    (finding,) = await findings(cloud, Area.AGENTS)
    assert finding.message == (
        "The agent of host 10.0.0.1 is not connected; 1 VM on it can't be looked at."
    )


async def test_a_guest_that_is_off_although_its_vm_is_started_is_told(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    stored = await VMS.get(cloud.store, vm_id)
    assert stored is not None
    wrong = replace(stored.value, state=type(stored.value.state).STARTED)
    await cloud.store.commit([], VMS.put(wrong, stored.value))
    (finding,) = await findings(cloud, Area.GUESTS)
    assert "is STARTED, but host 10.0.0.1 sees its guest STOPPED" in finding.message


async def test_an_image_without_its_file_is_told(cloud: SmallCloud) -> None:
    (finding,) = await findings(cloud, Area.CONTENT)
    assert "is not stored here" in finding.message
