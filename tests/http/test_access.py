"""Who may call what: every route against every kind of caller, from the route table."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from heliostat.testing.examples import Example, load, send
from heliostat.testing.site import Site, furnished_site
from heliostat.wire.access import Access
from heliostat.wire.route import Route
from heliostat.wire.routes import ROUTES

FOLDER = Path(__file__).parent / "examples"

CALLERS = (
    "",
    "stranger",
    "viewer",
    "project-user",
    "project-owner",
    "tenant-viewer",
    "tenant-user",
    "tenant-admin",
    "admin",
)
SIGNED_IN = set(CALLERS) - {""}
READERS = SIGNED_IN - {"stranger"}

PASSES = {
    Access.PUBLIC: set(CALLERS),
    Access.AUTHENTICATED: SIGNED_IN,
    Access.TENANT_READ: READERS,
    Access.TENANT_VIEWER: {"tenant-viewer", "tenant-user", "tenant-admin", "admin"},
    Access.TENANT_USER: {"tenant-user", "tenant-admin", "admin"},
    Access.TENANT_ADMIN: {"tenant-admin", "admin"},
    Access.PROJECT_READ: READERS,
    Access.PROJECT_VIEWER: READERS,
    Access.PROJECT_USER: READERS - {"viewer", "tenant-viewer"},
    Access.PROJECT_OWNER: {"project-owner", "tenant-admin", "admin"},
    Access.PROJECT_ADMIN: {"tenant-admin", "admin"},
    Access.SYSTEM_ADMIN: {"admin"},
}
"""Which of the callers each rule lets through (``""``: without a token)."""

LEAST = {
    Access.PUBLIC: {""},
    Access.AUTHENTICATED: {"stranger", "project-user"},
    Access.TENANT_READ: {"viewer", "project-user", "tenant-admin"},
    Access.TENANT_VIEWER: {"tenant-viewer", "tenant-admin"},
    Access.TENANT_USER: {"tenant-user", "tenant-admin"},
    Access.TENANT_ADMIN: {"tenant-admin"},
    Access.PROJECT_READ: {"viewer", "project-user"},
    Access.PROJECT_VIEWER: {"viewer", "project-user"},
    Access.PROJECT_USER: {"project-user"},
    Access.PROJECT_OWNER: {"project-owner", "tenant-admin"},
    Access.PROJECT_ADMIN: {"tenant-admin"},
    Access.SYSTEM_ADMIN: {"admin"},
}
"""Callers with hardly more rights than the rule asks: an example by one must succeed."""

REFUSED = [
    (route, caller) for route in ROUTES for caller in CALLERS if caller not in PASSES[route.rule]
]
FOR_VIEWERS = [route for route in ROUTES if route.reads and "viewer" in PASSES[route.rule]]
OWNED = [route for route in ROUTES if route.owner is not None and route.access.needs_owner]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """One site for calls that change nothing because they are refused."""
    async with furnished_site(tmp_path_factory.mktemp("site")) as served:
        yield served


def _example(route: Route) -> Example:
    """The operation's example by the least entitled caller."""
    every = load(FOLDER / f"{route.operation}.json")
    found = [each for each in every if each.status < 300 or route.missing]
    return next((each for each in found if each.caller in LEAST[route.rule]), found[0])


def test_the_rules_are_all_covered() -> None:
    assert PASSES.keys() == LEAST.keys() == set(Access)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_the_least_entitled_caller_has_an_example_that_succeeds(route: Route) -> None:
    """The examples run against a server, so this is the matrix's column of those who may."""
    assert _example(route).caller in LEAST[route.rule]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("route", "caller"), REFUSED, ids=[f"{r.operation}-{c or 'nobody'}" for r, c in REFUSED]
)
async def test_refused(shared: Site, route: Route, caller: str) -> None:
    before = await shared.ports.store.revision()
    async with aiohttp.ClientSession() as session:
        example = replace(_example(route), caller=caller)
        status, found = await send(session, shared, route, example)
    assert status == (403 if caller else 401)
    if found is not None:
        assert found["code"] == ("AccessForbidden" if caller else "MissingAuthToken")
    assert await shared.ports.store.revision() == before


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", FOR_VIEWERS, ids=lambda route: route.operation)
async def test_viewers_read_everything(shared: Site, route: Route) -> None:
    """Whatever only shows something of a project is there for its viewers."""
    example = _example(route)
    async with aiohttp.ClientSession() as session:
        status, found = await send(session, shared, route, replace(example, caller="viewer"))
    assert status == example.status, found


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", OWNED, ids=lambda route: route.operation)
async def test_unknown_id(shared: Site, route: Route) -> None:
    """An id that does not exist looks like a foreign one; only administrators learn more."""
    assert route.owner is not None
    query = _example(route).path.partition("?")[2]
    path = route.path.replace(f"{{{route.owner.parameter}}}", "no-such-id").replace("{port}", "22")
    path = re.sub(r"\{[a-z]+\}", "no-other-id", path)
    example = replace(_example(route), path=f"{path}?{query}" if query else path)
    async with aiohttp.ClientSession() as session:
        status, _ = await send(session, shared, route, replace(example, caller="tenant-admin"))
        assert status == 403
        status, found = await send(session, shared, route, replace(example, caller="admin"))
    assert status == 404, found


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        ("Basic YTpi", 400, "MalformedAuthToken"),
        ("Bearer", 400, "MalformedAuthToken"),
        ("Bearer nobody", 401, "InvalidAuthToken"),
        ("Bearer expired", 401, "ExpiredAuthToken"),
    ],
)
async def test_wrong_tokens(
    site: Site, session: aiohttp.ClientSession, header: str, status: int, code: str
) -> None:
    headers = {"Authorization": header}
    async with session.get(f"{site.base}/v1/tenants", headers=headers) as answer:
        assert answer.status == status
        assert (await answer.json())["code"] == code


async def test_a_task_is_read_by_who_asked_for_it_after_its_tenant_is_gone(
    site: Site, session: aiohttp.ClientSession
) -> None:
    """The project is deleted by its tenant's administrator, who then polls the task."""
    headers = {"Authorization": "Bearer tenant-admin"}
    url = f"{site.base}/v1/projects/{site.ids['empty-project']}"
    async with session.delete(url, headers=headers) as answer:
        task_id = (await answer.json())["id"]
    for caller, status in (("tenant-admin", 200), ("stranger", 403), ("project-user", 403)):
        headers = {"Authorization": f"Bearer {caller}"}
        async with session.get(f"{site.base}/v1/tasks/{task_id}", headers=headers) as answer:
            assert answer.status == status


async def test_lists_show_only_what_the_caller_may_see(
    site: Site, session: aiohttp.ClientSession
) -> None:
    seen: dict[str, set[str]] = {}
    for caller in ("admin", "tenant-admin", "project-user", "stranger"):
        headers = {"Authorization": f"Bearer {caller}"}
        async with session.get(f"{site.base}/v1/tasks", headers=headers) as answer:
            seen[caller] = {each["id"] for each in (await answer.json())["items"]}
    stalled = site.ids["task-stalled"]
    assert stalled in seen["project-user"]
    assert stalled not in seen["stranger"]
    assert seen["project-user"] < seen["tenant-admin"] < seen["admin"]
