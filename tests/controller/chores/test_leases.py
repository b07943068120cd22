"""Quota leases over a controller: drawn, refused, told of, forgotten; exact with and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.controller.chores.catalogue import CHORES
from heliostat.controller.chores.leases import find
from heliostat.controller.chores.verbs import chore_run
from heliostat.controller.model.quota import OwnerKind
from heliostat.controller.workflows import kinds, project, quota, quota_lease, reading, vm
from heliostat.core.errors import HeliostatError
from heliostat.testing.cloud import SmallCloud, count

HOUR_MS = 3_600_000
PROJECT, TENANT = OwnerKind.PROJECT, OwnerKind.TENANT


async def lease(cloud: SmallCloud, cpus: float, *, owner: OwnerKind = PROJECT) -> str:
    owner_id = cloud.ids[str(owner)]
    until_ms = cloud.clock.now_ms() + HOUR_MS
    admission = await cloud.ask(
        quota_lease.lease_grant, owner, owner_id, {"vm.cpu": count(cpus)}, until_ms, "CI"
    )
    found: str = admission.task.resource_properties["leaseId"]
    return found


async def clean(cloud: SmallCloud) -> list[str]:
    """Run the chore; what its task warns of."""
    task = await cloud.do(chore_run, CHORES, "quota-leases")
    return [warning.message for step in task.steps for warning in step.warnings]


async def used(cloud: SmallCloud, owner: OwnerKind, key: str = "vm.cpu") -> float:
    found = (await reading.quota(cloud.store, owner, cloud.ids[str(owner)])).value
    return found.items[key].used_value


@pytest.fixture
async def cloud(tmp_path: Path) -> object:
    async with SmallCloud(tmp_path) as made:
        await made.furnish(limits={"vm.cpu": count(2)})
        await made.done(quota.quota_update, TENANT, made.ids["tenant"], {"vm.cpu": count(4)})
        yield made


async def test_more_while_it_lasts_and_nothing_is_killed(cloud: SmallCloud) -> None:
    lease_id = await lease(cloud, 2)
    assert await used(cloud, TENANT) == 4
    machines = [await cloud.add_vm(name) for name in ("a", "b", "c", "d")]
    await cloud.check()
    assert await find(cloud.ports) == []
    await cloud.clock.advance(3600)
    with pytest.raises(HeliostatError) as caught:
        await cloud.ask(vm.vm_create, cloud.ids["project"], cloud.vm_spec("e"))
    assert caught.value.code == "QuotaError"
    assert f"The lease {lease_id} of 2 COUNT ended at" in caught.value.message
    assert "usage is 2 COUNT above the limit" in caught.value.message
    await cloud.check()
    assert len(await reading.vms(cloud.store, cloud.ids["project"])) == 4
    for machine in machines[:3]:
        await cloud.done(vm.vm_delete, machine)
        await cloud.check()
    await cloud.add_vm("e")
    assert await used(cloud, PROJECT) == 2
    await cloud.check()


async def test_the_tenant_is_never_passed(cloud: SmallCloud) -> None:
    with pytest.raises(HeliostatError, match="The quota of tenant") as caught:
        await lease(cloud, 3)
    assert caught.value.code == "QuotaError"
    await lease(cloud, 3, owner=TENANT)
    await lease(cloud, 3)
    await cloud.check()


async def test_what_a_lease_lent_is_free_at_once_for_others(cloud: SmallCloud) -> None:
    """Without the chore: the tenant's document knows by itself when the lease ends."""
    await lease(cloud, 2)
    other = (cloud.ids["tenant"], "other", (), {"vm.cpu": count(2)})
    with pytest.raises(HeliostatError, match="4 COUNT used"):
        await cloud.ask(project.project_create, *other)
    await cloud.clock.advance(3600)
    await cloud.done(project.project_create, *other)
    await cloud.check()
    await clean(cloud)
    await cloud.check()
    assert await used(cloud, TENANT) == 4


async def test_a_tenant_above_its_limit_starts_nothing_new(cloud: SmallCloud) -> None:
    """Its project is within its own limit, which the tenant's lease had made possible."""
    await lease(cloud, 2, owner=TENANT)
    await cloud.done(quota.quota_update, PROJECT, cloud.ids["project"], {"vm.cpu": count(6)})
    await cloud.add_vm("a")
    await cloud.clock.advance(3600)
    with pytest.raises(HeliostatError, match="The quota of tenant") as caught:
        await cloud.ask(vm.vm_create, cloud.ids["project"], cloud.vm_spec("b"))
    assert "The lease" in caught.value.message
    await cloud.check()
    await cloud.done(quota.quota_update, PROJECT, cloud.ids["project"], {"vm.cpu": count(4)})
    await cloud.add_vm("b")
    await cloud.check()


async def test_told_before_the_end_once_and_forgotten_after(cloud: SmallCloud) -> None:
    lease_id = await lease(cloud, 2)
    for name in ("a", "b", "c"):
        await cloud.add_vm(name)
    await cloud.clock.advance(3600 - 300)
    (warning,) = await clean(cloud)
    assert f"The lease {lease_id} of project" in warning
    assert "1 COUNT of vm.cpu would be above the limit" in warning
    assert await find(cloud.ports) == []
    await cloud.clock.advance(300)
    told = await clean(cloud)
    assert any("1 COUNT of vm.cpu are above the limit" in each for each in told)
    for owner in OwnerKind:
        found = (await reading.quota(cloud.store, owner, cloud.ids[str(owner)])).value
        assert (found.leases, found.loans) == ({}, {})
        assert await kinds.QUOTAS[owner].ids_by_index(cloud.store, "leased", kinds.LEASED) == []
    await cloud.check()


async def test_extended_and_given_back(cloud: SmallCloud) -> None:
    lease_id = await lease(cloud, 2)
    later = cloud.clock.now_ms() + 3 * HOUR_MS
    where = (PROJECT, cloud.ids["project"], lease_id)
    await cloud.done(quota_lease.lease_extend, *where, later)
    await cloud.clock.advance(2 * 3600)
    machines = [await cloud.add_vm(name) for name in ("a", "b", "c")]
    with pytest.raises(HeliostatError, match="is in use") as caught:
        await cloud.ask(quota_lease.lease_give_back, *where)
    assert caught.value.code == "QuotaInUse"
    await cloud.done(vm.vm_delete, machines[0])
    await cloud.done(quota_lease.lease_give_back, *where)
    assert await used(cloud, TENANT) == 2
    await cloud.check()
    with pytest.raises(HeliostatError, match="has ended"):
        await cloud.ask(quota_lease.lease_extend, *where, later)


async def test_a_project_goes_with_its_leases(cloud: SmallCloud) -> None:
    await lease(cloud, 2)
    await cloud.done(project.project_delete, cloud.ids["project"])
    assert await used(cloud, TENANT) == 0
    await cloud.check()


async def test_a_plan_tells_what_is_drawn(cloud: SmallCloud) -> None:
    until_ms = cloud.clock.now_ms() + HOUR_MS
    items = {"vm.cpu": count(1)}
    planned = await cloud.plan(
        quota_lease.lease_grant, PROJECT, cloud.ids["project"], items, until_ms
    )
    (charge,) = planned.quota
    assert (charge.owner_kind, charge.used, charge.asked, charge.limit) == ("tenant", 2, 1, 4)
