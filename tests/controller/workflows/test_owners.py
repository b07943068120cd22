"""Tenants, projects and their quotas through their verbs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from heliostat.controller.model.project import effective_groups
from heliostat.controller.model.quota import OwnerKind
from heliostat.controller.workflows import project, quota, reading, tenant, vm
from heliostat.core.errors import HeliostatError
from heliostat.testing.cloud import ADMIN, SmallCloud, count, gigabytes


@pytest.fixture
async def bare(tmp_path: Path) -> AsyncIterator[SmallCloud]:
    async with SmallCloud(tmp_path) as cloud:
        yield cloud
        await cloud.check()


async def used(cloud: SmallCloud, tenant_id: str, key: str = "vm.cpu") -> float:
    found = await reading.quota(cloud.store, OwnerKind.TENANT, tenant_id)
    item = found.value.items.get(key)
    return item.used_value if item is not None else 0.0


async def test_names_are_unique_where_they_have_to_be(bare: SmallCloud) -> None:
    first = await bare.done(tenant.tenant_create, "acme")
    second = await bare.done(tenant.tenant_create, "other")
    with pytest.raises(HeliostatError, match="NameTaken"):
        await bare.ask(tenant.tenant_create, "acme")
    await bare.done(project.project_create, first, "web")
    await bare.done(project.project_create, second, "web")
    with pytest.raises(HeliostatError, match="NameTaken"):
        await bare.ask(project.project_create, first, "web")


async def test_two_who_take_a_name_at_once(bare: SmallCloud) -> None:
    """The second decided before the first committed: its guard fails, it decides anew."""
    late = await tenant.tenant_create(bare.ports, ADMIN, "acme")
    await bare.done(tenant.tenant_create, "acme")
    with pytest.raises(HeliostatError, match="GuardFailed"):
        await bare.store.commit(late.guards, late.changes)


async def test_delegation(bare: SmallCloud) -> None:
    tenant_id = await bare.done(tenant.tenant_create, "acme", (), {"vm.cpu": count(10)})
    web = await bare.done(
        project.project_create, tenant_id, "web", (), {"vm.cpu": count(6), "vm.x": count(1)}
    )
    assert await used(bare, tenant_id) == 6
    with pytest.raises(HeliostatError, match="QuotaError"):
        await bare.ask(project.project_create, tenant_id, "big", (), {"vm.cpu": count(5)})
    half = await bare.done(project.project_create, tenant_id, "half", percent=40)
    assert await used(bare, tenant_id) == 10
    await bare.check()
    for each in (web, half):
        await bare.done(project.project_delete, each)
    assert await used(bare, tenant_id) == 0


async def test_limits_of_a_project_change_what_its_tenant_has_left(bare: SmallCloud) -> None:
    tenant_id = await bare.done(tenant.tenant_create, "acme", (), {"vm.cpu": count(10)})
    web = await bare.done(project.project_create, tenant_id, "web", (), {"vm.cpu": count(2)})
    await bare.done(quota.quota_update, OwnerKind.PROJECT, web, {"vm.cpu": count(7)})
    assert await used(bare, tenant_id) == 7
    with pytest.raises(HeliostatError, match="QuotaError"):
        await bare.ask(quota.quota_set, OwnerKind.PROJECT, web, {"vm.cpu": count(11)})
    with pytest.raises(HeliostatError, match="QuotaError"):
        await bare.ask(quota.quota_update, OwnerKind.TENANT, tenant_id, {"vm.cpu": count(6)})
    with pytest.raises(HeliostatError, match="QuotaInUse"):
        await bare.ask(quota.quota_exclude, OwnerKind.TENANT, tenant_id, ["vm.cpu"])
    await bare.done(quota.quota_exclude, OwnerKind.PROJECT, web, ["vm.cpu"])
    assert await used(bare, tenant_id) == 0
    await bare.done(quota.quota_exclude, OwnerKind.TENANT, tenant_id, ["vm.cpu"])


async def test_a_tenants_limit_holds_for_projects_without_one(tmp_path: Path) -> None:
    async with SmallCloud(tmp_path) as cloud:
        await cloud.furnish(limits={})
        tenant_id = cloud.ids["tenant"]
        await cloud.add_vm()
        await cloud.done(quota.quota_set, OwnerKind.TENANT, tenant_id, {"vm.cpu": count(2)})
        assert await used(cloud, tenant_id) == 1
        await cloud.add_vm("two")
        with pytest.raises(HeliostatError, match="quota of tenant"):
            await cloud.ask(vm.vm_create, cloud.ids["project"], cloud.vm_spec("three"))
        await cloud.check()
        with pytest.raises(HeliostatError, match="QuotaError"):
            await cloud.ask(quota.quota_set, OwnerKind.TENANT, tenant_id, {"vm.cpu": count(1)})


async def test_what_is_not_empty_stays(cloud: SmallCloud) -> None:
    await cloud.add_vm()
    with pytest.raises(HeliostatError, match=r"ContainerNotEmpty.*1 VM"):
        await cloud.ask(project.project_delete, cloud.ids["project"])
    with pytest.raises(HeliostatError, match="ContainerNotEmpty"):
        await cloud.ask(tenant.tenant_delete, cloud.ids["tenant"])


async def test_no_vm_slips_into_a_project_that_goes(cloud: SmallCloud) -> None:
    project_id = cloud.ids["project"]
    going = await project.project_delete(cloud.ports, ADMIN, project_id)
    coming = await vm.vm_create(cloud.ports, ADMIN, project_id, cloud.vm_spec())
    await cloud.store.commit(going.guards, going.changes)
    with pytest.raises(HeliostatError, match="GuardFailed"):
        await cloud.store.commit(coming.guards, coming.changes)


async def test_groups_are_handed_down(bare: SmallCloud) -> None:
    tenant_id = await bare.done(tenant.tenant_create, "acme", ["A\\admins"])
    made = await bare.do(project.project_create, tenant_id, "web", ["A\\web", "A\\admins"])
    assert [each.code for each in made.steps[0].warnings] == ["SecurityGroupsAlreadyInherited"]
    project_id = made.entity_id
    await bare.done(tenant.tenant_set_security_groups, tenant_id, ["A\\web", "A\\root"])
    owner = (await reading.tenant(bare.store, tenant_id)).value
    found = (await reading.project(bare.store, project_id)).value
    assert found.security_groups == ()
    groups = [(each.name, each.inherited) for each in effective_groups(found, owner)]
    assert groups == [("A\\web", True), ("A\\root", True)]
    await bare.done(project.project_set_security_groups, project_id, ["A\\dev"])
    ownership = await reading.owner_of(bare.store, "project", project_id)
    assert ownership.project_groups == {"A\\dev"}
    assert ownership.tenant_groups == {"A\\web", "A\\root"}


async def test_units_of_limits(bare: SmallCloud) -> None:
    tenant_id = await bare.done(tenant.tenant_create, "acme", (), {"vm.memory": gigabytes(1)})
    with pytest.raises(HeliostatError, match="counts it in GB"):
        await bare.ask(project.project_create, tenant_id, "web", (), {"vm.memory": count(1)})
