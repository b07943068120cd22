"""Quotas over HTTP, fact by fact, as existing clients write and read them."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from heliostat.testing.site import Site


def cpus(limit: float, unit: str = "COUNT") -> dict[str, Any]:
    return {"vm.cpu": {"limit": limit, "usage": 0, "unit": unit}}


async def ask(
    session: aiohttp.ClientSession, site: Site, call: str, body: Any = None, caller: str = "admin"
) -> tuple[int, Any]:
    method, path = call.split(" ", 1)
    headers = {"Authorization": f"Bearer {caller}"}
    async with session.request(method, site.base + path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def quota_of(session: aiohttp.ClientSession, site: Site, owner: str) -> Any:
    status, quota = await ask(session, site, f"GET /v1/{owner}/quota")
    assert status == 200
    return quota["quotaItems"]


async def new_tenant(
    session: aiohttp.ClientSession, site: Site, items: Any, name: str = "fresh"
) -> str:
    body = {"name": name, "quota": {"quotaItems": items}}
    status, task = await ask(session, site, "POST /v1/tenants", body)
    assert status == 201, task
    return f"tenants/{task['entity']['id']}"


async def new_project(
    session: aiohttp.ClientSession,
    site: Site,
    tenant: str,
    items: Any,
    name: str = "p",
    **more: Any,
) -> tuple[int, Any]:
    body = {"name": name, "quota": {"quotaItems": items}, **more}
    return await ask(session, site, f"POST /v1/{tenant}/projects", body)


async def test_put_replaces_patch_adds_delete_removes_what_its_body_lists(
    site: Site, session: aiohttp.ClientSession
) -> None:
    tenant = await new_tenant(session, site, cpus(10))
    memory = {"vm.memory": {"limit": 4, "usage": 0, "unit": "GB"}}
    for method, body, operation, keys in (
        ("PATCH", memory, "UPDATE_QUOTA", {"vm.cpu", "vm.memory"}),
        ("PUT", memory, "SET_QUOTA", {"vm.memory"}),
        ("DELETE", memory, "DELETE_QUOTA", set()),
        ("PUT", {}, "SET_QUOTA", set()),
    ):
        status, task = await ask(session, site, f"{method} /v1/{tenant}/quota", body)
        assert (status, task["operation"], task["state"]) == (201, operation, "COMPLETED")
        assert (await quota_of(session, site, tenant)).keys() == keys


async def test_projects_draw_on_their_tenant_and_give_back(
    site: Site, session: aiohttp.ClientSession
) -> None:
    tenant = await new_tenant(session, site, cpus(10))
    status, task = await new_project(session, site, tenant, cpus(6))
    assert status == 201
    project = f"projects/{task['entity']['id']}"
    assert (await quota_of(session, site, tenant))["vm.cpu"]["usage"] == 6
    status, error = await new_project(session, site, tenant, cpus(5), name="q")
    assert (status, error["code"]) == (400, "QuotaError")
    assert error["data"]["limit"] == 10
    assert (error["data"]["usage"], error["data"]["newUsage"]) == (6, 11)
    assert (await quota_of(session, site, tenant))["vm.cpu"]["usage"] == 6
    status, _ = await new_project(session, site, tenant, cpus(4), name="q")  # equal is allowed
    assert status == 201
    status, error = await ask(session, site, f"PATCH /v1/{project}/quota", cpus(7))
    assert error["code"] == "QuotaError"
    assert (await ask(session, site, f"DELETE /v1/{project}"))[0] == 201
    assert (await quota_of(session, site, tenant))["vm.cpu"]["usage"] == 4


async def test_a_share_of_a_tenant_never_passes_its_limit(
    site: Site, session: aiohttp.ClientSession
) -> None:
    """Existing clients compute a percentage themselves and send limits; ours may send it."""
    tenant = await new_tenant(session, site, cpus(2000))
    for number in range(3):
        made = await new_project(session, site, tenant, None, f"p{number}", quotaPercent=30.0)
        assert made[0] == 201
    status, error = await new_project(session, site, tenant, None, "p4", quotaPercent=30.0)
    assert (status, error["code"]) == (400, "QuotaError")
    found = (await quota_of(session, site, tenant))["vm.cpu"]
    assert (found["usage"], found["limit"]) == (1800, 2000)


async def test_no_limit_below_what_is_used_nor_away_while_it_is(
    site: Site, session: aiohttp.ClientSession
) -> None:
    tenant = await new_tenant(session, site, cpus(10))
    _, task = await new_project(session, site, tenant, cpus(6))
    project = f"projects/{task['entity']['id']}"
    for method, body, code in (
        ("PUT", cpus(5), "QuotaError"),
        ("PATCH", cpus(5), "QuotaError"),
        ("DELETE", cpus(0), "QuotaInUse"),
    ):
        status, error = await ask(session, site, f"{method} /v1/{tenant}/quota", body)
        assert (status, error.get("code")) == (400, code), (method, error)
    assert (await ask(session, site, f"PATCH /v1/{tenant}/quota", cpus(6)))[0] == 201
    # the consumer first, then what it drew on
    assert (await ask(session, site, f"DELETE /v1/{project}/quota", cpus(0)))[0] == 201
    assert (await ask(session, site, f"DELETE /v1/{tenant}/quota", cpus(0)))[0] == 201


async def test_a_vm_is_charged_at_once_and_keys_without_limit_are_only_tracked(
    site: Site, session: aiohttp.ClientSession
) -> None:
    web = f"projects/{site.ids['web']}"
    before = await quota_of(session, site, web)
    status, shown = await ask(session, site, f"GET /v1/{web}/quota")
    tracked = shown["tracked"]["vm"]["usage"]
    spec = {
        "name": "more",
        "flavor": "small",
        "sourceImageId": site.ids["image"],
        "attachedDisks": [
            {"name": "boot", "flavor": "boot", "kind": "ephemeral-disk", "bootDisk": True},
            {"name": "more", "flavor": "boot", "kind": "ephemeral-disk", "capacityGb": 3},
        ],
    }
    status, task = await ask(session, site, f"POST /v1/{web}/vms", spec, "project-user")
    assert status == 201, task
    after = await quota_of(session, site, web)
    assert after["vm.cpu"]["usage"] == before["vm.cpu"]["usage"] + 1
    assert after["vm.memory"]["usage"] == before["vm.memory"]["usage"] + 1
    _, shown = await ask(session, site, f"GET /v1/{web}/quota")
    assert shown["tracked"]["vm"]["usage"] == tracked + 1
    assert "vm" not in shown["quotaItems"]  # a limit of 0 would forbid it
    assert shown["tracked"]["ephemeral-disk.capacity"]["unit"] == "GB"
    low = {"vm.cpu": {"limit": after["vm.cpu"]["usage"], "unit": "COUNT"}}
    assert (await ask(session, site, f"PATCH /v1/{web}/quota", low))[0] == 201
    status, error = await ask(session, site, f"POST /v1/{web}/vms", spec, "project-user")
    assert (status, error["code"]) == (400, "QuotaError")
    assert await quota_of(session, site, web) == {
        **after,
        "vm.cpu": {**after["vm.cpu"], "limit": after["vm.cpu"]["usage"]},
    }


async def test_sizes_are_added_up_in_the_unit_of_the_row(
    site: Site, session: aiohttp.ClientSession
) -> None:
    memory = {"vm.memory": {"limit": 1, "usage": 0, "unit": "GB"}}
    tenant = await new_tenant(session, site, memory)
    half = {"vm.memory": {"limit": 512, "usage": 0, "unit": "MB"}}
    assert (await new_project(session, site, tenant, half))[0] == 201
    found = (await quota_of(session, site, tenant))["vm.memory"]
    assert found == {"limit": 1, "usage": 0.5, "unit": "GB"}
    more = {"vm.memory": {"limit": 524_289, "usage": 0, "unit": "KB"}}
    status, error = await new_project(session, site, tenant, more, "q")
    assert (status, error["code"]) == (400, "QuotaError")


async def test_a_project_may_limit_what_its_tenant_does_not(
    site: Site, session: aiohttp.ClientSession
) -> None:
    tenant = await new_tenant(session, site, cpus(10))
    own = {"anything.at.all": {"limit": 3, "usage": 0, "unit": "COUNT"}}
    status, task = await new_project(session, site, tenant, own)
    assert status == 201
    project = f"projects/{task['entity']['id']}"
    assert (await quota_of(session, site, project)).keys() == {"anything.at.all"}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_level_does_not_raise_its_own_limits(
    site: Site, session: aiohttp.ClientSession, method: str
) -> None:
    for owner, caller in (
        ("acme", "tenant-admin"),
        ("web", "project-user"),
        ("web", "project-owner"),
    ):
        noun = "tenants" if owner == "acme" else "projects"
        call = f"{method} /v1/{noun}/{site.ids[owner]}/quota"
        status, error = await ask(session, site, call, cpus(1), caller)
        assert (status, error["code"]) == (403, "AccessForbidden")


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"limit": -1, "unit": "COUNT"}, "vm.cpu"),
        ({"limit": 1, "unit": "TB"}, "vm.cpu.unit"),
        ({"limit": 1, "unit": "GB"}, ""),
    ],
)
async def test_wrong_limits(
    site: Site, session: aiohttp.ClientSession, item: Any, field: str
) -> None:
    tenant = await new_tenant(session, site, cpus(10))
    status, error = await ask(session, site, f"PATCH /v1/{tenant}/quota", {"vm.cpu": item})
    if field:
        assert (status, error["code"]) == (400, "InvalidEntity")
        assert field in error["message"]
    else:
        assert status == 201  # nothing is counted yet, so its unit may change


async def test_null_for_nothing(site: Site, session: aiohttp.ClientSession) -> None:
    """Existing clients send ``null`` for no limits, at creation and in a write."""
    tenant = await new_tenant(session, site, None)
    assert await quota_of(session, site, tenant) == {}
    url = f"{site.base}/v1/{tenant}/quota"
    headers = {"Authorization": "Bearer admin", "Content-Type": "application/json"}
    async with session.put(url, data=b"null", headers=headers) as answer:
        assert answer.status == 201
