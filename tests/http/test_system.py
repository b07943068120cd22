"""The site as a whole over HTTP: paused, resumed, administered by groups, set at run time."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from heliostat.controller.api.site import known_to
from heliostat.controller.model.host import UsageTag
from heliostat.controller.model.system import SITE, System, SystemState
from heliostat.controller.workflows import kinds
from heliostat.controller.workflows.properties import follow_properties
from heliostat.controller.workflows.system import chores_rest
from heliostat.testing.signed_in import principal
from heliostat.testing.site import Site
from heliostat.wire.routes import ROUTES

GROUP = "heliostat.local\\umbrella-admins"


async def ask(
    session: aiohttp.ClientSession, site: Site, caller: str, call: str, body: Any = None
) -> tuple[int, Any]:
    method, path = call.split(" ", 1)
    headers = {"Authorization": f"Bearer {caller}"}
    async with session.request(method, site.base + path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def until(said: Callable[[], bool]) -> None:
    """Let the others run until it is so."""
    async with asyncio.timeout(10):
        while not said():  # noqa: ASYNC110 - nothing to wait on: a plain field changes
            await asyncio.sleep(0)


async def state_of(session: aiohttp.ClientSession, site: Site) -> str:
    _, info = await ask(session, site, "stranger", "GET /v1/system/info")
    state: str = info["state"]
    return state


async def test_a_paused_system_only_reads(site: Site, session: aiohttp.ClientSession) -> None:
    vm = site.ids["vm-stopped"]
    status, task = await ask(session, site, "admin", "POST /v1/system/pause")
    assert (status, task["operation"], task["state"]) == (201, "PAUSE_SYSTEM", "COMPLETED")
    assert await state_of(session, site) == "PAUSED"
    for caller, call in (
        ("admin", "POST /v1/tenants"),
        ("project-user", f"POST /v1/vms/{vm}/start"),
        ("project-user", f"POST /v1/vms/{vm}/start?plan=true"),
        ("project-user", f"GET /v1/vms/{vm}/subnets"),
        ("project-user", f"GET /v1/vms/{vm}/networks"),
        ("admin", "POST /v1/users"),
    ):
        status, error = await ask(session, site, caller, call)
        assert (status, error["code"]) == (403, "SystemPaused"), call
    status, error = await ask(session, site, "stranger", f"POST /v1/vms/{vm}/start")
    assert error["code"] == "AccessForbidden"  # a pause tells nobody what exists
    for caller, call in (
        ("project-user", f"GET /v1/vms/{vm}"),
        ("admin", f"GET /v1/tasks/{task['id']}"),
        ("admin", "GET /v1/tasks"),
    ):
        assert (await ask(session, site, caller, call))[0] == 200, call
    status, _ = await ask(session, site, "admin", "POST /v1/system/pause-background-tasks")
    assert status == 201
    assert await state_of(session, site) == "BACKGROUND_PAUSED"
    assert (await ask(session, site, "project-user", f"POST /v1/vms/{vm}/start"))[0] == 201
    assert await chores_rest(site.ports.store)
    await ask(session, site, "admin", "POST /v1/system/pause")
    assert (await ask(session, site, "admin", "POST /v1/system/resume"))[0] == 201
    assert await state_of(session, site) == "READY"
    assert not await chores_rest(site.ports.store)


def test_what_a_paused_system_answers() -> None:
    """Reading, and what ends the pause; of reading not what makes tasks."""
    differs = {
        route.operation for route in ROUTES if route.answers_when_paused != (route.method == "GET")
    }
    assert differs == {
        "pauseSystem",
        "pauseBackgroundTasks",
        "resumeSystem",
        "getVmSubnets",
        "getVmNetworks",
    }


async def test_a_pause_of_another_controller_counts_at_once(
    site: Site, session: aiohttp.ClientSession
) -> None:
    """The document says it, however it came there."""
    document = await site.ports.store.get(kinds.SYSTEM.key(SITE))
    assert document is None
    paused = System(state=SystemState.PAUSED)
    await site.ports.store.commit((), kinds.SYSTEM.put(paused))
    vm = site.ids["vm-stopped"]
    status, error = await ask(session, site, "project-user", f"POST /v1/vms/{vm}/start")
    assert (status, error["code"]) == (403, "SystemPaused")


async def test_groups_of_the_site_administer_it(site: Site, session: aiohttp.ClientSession) -> None:
    call = "GET /v1/system/usage"
    assert (await ask(session, site, "stranger", call))[0] == 403
    groups = {"items": [GROUP.upper(), GROUP]}
    status, task = await ask(session, site, "admin", "POST /v1/system/set-security-groups", groups)
    assert (status, task["operation"]) == (201, "SET_SECURITY_GROUPS")
    assert (await ask(session, site, "stranger", "POST /v1/tenants", {"name": "new"}))[0] == 201
    assert (await ask(session, site, "stranger", call))[0] == 200
    _, info = await ask(session, site, "stranger", "GET /v1/system/info")
    assert info["auth"]["securityGroups"] == groups["items"]
    _, info = await ask(session, site, "viewer", "GET /v1/system/info")
    assert "securityGroups" not in info["auth"]
    await ask(session, site, "stranger", "POST /v1/system/set-security-groups", {"items": []})
    assert (await ask(session, site, "admin", call))[0] == 200
    status, _ = await ask(session, site, "stranger", "POST /v1/tenants", {"name": "more"})
    assert status == 403


def test_a_group_of_the_site_changes_nothing_else_of_who_calls() -> None:
    caller = dataclasses.replace(principal("stranger"), client="portal")
    found = known_to(System(security_groups=(GROUP,)), caller)
    assert found.is_system_admin
    assert (found.subject, found.groups, found.client) == (
        caller.subject,
        caller.groups,
        "portal",
    )


async def test_properties_take_hold_while_running(
    site: Site, session: aiohttp.ClientSession
) -> None:
    following = asyncio.create_task(follow_properties(site.ports))
    update = "POST /v1/system/properties/update"
    asked = {"workflows.stop_grace_s": 5, "workflows.scheduler.cpu_overcommit": 2.5}
    assert (await ask(session, site, "admin", update, {"properties": asked}))[0] == 201
    await until(lambda: site.ports.settings.stop_grace_s == 5.0)
    assert site.ports.settings.scheduler.cpu_overcommit == 2.5
    _, shown = await ask(session, site, "admin", "GET /v1/system/properties")
    found = shown["properties"]["workflows.stop_grace_s"]
    assert (found["value"], found["fromFile"], found["changed"]) == (5.0, 60.0, True)
    assert "guest" in found["summary"]
    back = {"properties": {"workflows.stop_grace_s": None}}
    await ask(session, site, "admin", update, back)
    await until(lambda: site.ports.settings.stop_grace_s == 60.0)
    assert site.ports.settings.scheduler.cpu_overcommit == 2.5
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("workflows.stop_grace_s", "soon", "wants float"),
        ("workflows.stop_grace_s", 0, "above 0"),
        ("workflows.reserve_attempts", 1.5, "wants int"),
        ("workflows.stop_grace", None, "there is no setting"),
        ("workflows.scheduler.fill_limit", 1.5, "from 0.01 to 1"),
        ("workflows.scheduler", 1, "a table of settings"),
        ("workflows.stop_grace_s.x", 1, "no settings below"),
        ("identity.domain", "x", "can't be changed"),
    ],
)
async def test_wrong_properties(
    site: Site, session: aiohttp.ClientSession, name: str, value: Any, says: str
) -> None:
    body = {"properties": {name: value}}
    call = "POST /v1/system/properties/update"
    status, error = await ask(session, site, "admin", call, body)
    assert (status, error["code"]) == (400, "InvalidSetting")
    assert says in error["message"]


async def test_management_vms(site: Site, session: aiohttp.ClientSession) -> None:
    store = site.ports.store
    host = await kinds.HOSTS.get(store, site.ids["host"])
    assert host is not None
    both = replace(host.value, usage_tags=(UsageTag.CLOUD, UsageTag.MGMT))
    await store.commit((), kinds.HOSTS.put(both, host.value))
    _, found = await ask(session, site, "admin", "GET /v1/system/vms")
    assert found["items"] == []
    vm = await kinds.VMS.get(store, site.ids["vm-bare"])
    assert vm is not None
    await store.commit((), kinds.VMS.put(replace(vm.value, tags=("MGMT",)), vm.value))
    _, found = await ask(session, site, "admin", "GET /v1/system/vms")
    assert [each["id"] for each in found["items"]] == [vm.value.id]
    await store.commit((), kinds.HOSTS.put(replace(both, usage_tags=(UsageTag.MGMT,)), both))
    _, found = await ask(session, site, "admin", "GET /v1/system/vms")
    assert len(found["items"]) == 5
