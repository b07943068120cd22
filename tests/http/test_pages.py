"""Lists in pages: stable while others write, strict about what they are asked."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from yarl import URL

from heliostat.controller.workflows.admission import Caller
from heliostat.controller.workflows.commit import perform
from heliostat.controller.workflows.project import project_create
from heliostat.controller.workflows.tenant import tenant_create, tenant_delete
from heliostat.testing.site import Site

HEADERS = {"Authorization": "Bearer admin"}
CALLER = Caller("admin@heliostat.local", frozenset(), is_system_admin=True, request_id="test")


async def get(session: aiohttp.ClientSession, site: Site, path: str) -> tuple[int, Any]:
    url = URL(site.base + path, encoded=True)
    async with session.get(url, headers=HEADERS) as answer:
        return answer.status, await answer.json()


async def make_tenants(site: Site, count: int) -> list[str]:
    ports = site.ports
    made = []
    for number in range(count):
        name = f"t{number}"
        admission = await perform(ports, lambda: tenant_create(ports, CALLER, name))  # noqa: B023
        made.append(admission.task.entity_id)
    return made


async def test_pages_are_one_snapshot(site: Site, session: aiohttp.ClientSession) -> None:
    """What is deleted and made between two pages changes nothing in the list."""
    made = await make_tenants(site, 5)
    _, whole = await get(session, site, "/v1/tenants")
    expected = [each["id"] for each in whole["items"]]
    assert len(expected) == 8
    seen: list[str] = []
    path = "/v1/tenants?pageSize=3"
    while path:
        assert path.startswith("/v1/")
        status, page = await get(session, site, path)
        assert status == 200
        seen += [each["id"] for each in page["items"]]
        path = page.get("nextPageLink", "")
        if made:
            gone = made.pop()
            ports = site.ports
            await perform(ports, lambda: tenant_delete(ports, CALLER, gone))  # noqa: B023
            await perform(ports, lambda: tenant_create(ports, CALLER, f"new-{gone[:8]}"))  # noqa: B023
    assert seen == expected


async def test_exact_pages_end(site: Site, session: aiohttp.ClientSession) -> None:
    """A last page that is full has no link to an empty one."""
    _, page = await get(session, site, "/v1/tenants?pageSize=3")
    assert len(page["items"]) == 3
    assert not page.get("nextPageLink")


async def test_filters_travel_with_the_link(site: Site, session: aiohttp.ClientSession) -> None:
    project = site.ids["web"]
    _, page = await get(session, site, f"/v1/projects/{project}/tasks?state=STARTED&pageSize=1")
    assert [each["id"] for each in page["items"]] == [site.ids["task-stalled"]]
    _, page = await get(session, site, "/v1/tasks?state=COMPLETED&pageSize=1")
    _, following = await get(session, site, page["nextPageLink"])
    assert following["items"][0]["state"] == "COMPLETED"
    assert following["items"][0]["id"] > page["items"][0]["id"]


@pytest.mark.parametrize("size", ["0", "101", "-1", "ten", ""])
async def test_wrong_page_size(site: Site, session: aiohttp.ClientSession, size: str) -> None:
    status, answer = await get(session, site, f"/v1/tenants?pageSize={size}")
    assert (status, answer["code"]) == (400, "InvalidPageSize")


async def test_compacted_page_has_expired(site: Site, session: aiohttp.ClientSession) -> None:
    _, page = await get(session, site, "/v1/tenants?pageSize=1")
    await make_tenants(site, 1)
    await site.ports.store.compact(await site.ports.store.revision())
    status, answer = await get(session, site, page["nextPageLink"])
    assert (status, answer["code"]) == (404, "PageExpired")


async def test_foreign_and_made_up_pages(site: Site, session: aiohttp.ClientSession) -> None:
    _, page = await get(session, site, "/v1/tenants?pageSize=1")
    link = page["nextPageLink"].partition("pageLink=")[2]
    for path in (
        f"/v1/flavors?pageLink={link}",
        f"/v1/tenants?name=acme&pageLink={link}",
        "/v1/tenants?pageLink=anything",
        "/v1/tenants?pageLink=%C3%BC",
        "/v1/tenants?pageLink=" + "A" * 500,
    ):
        status, answer = await get(session, site, path)
        assert (status, answer["code"]) == (404, "PageExpired"), path


@pytest.mark.parametrize("query", ["colour=blue", "name=a&name=b", "pageSize=1&pageSize=2"])
async def test_wrong_queries(site: Site, session: aiohttp.ClientSession, query: str) -> None:
    status, answer = await get(session, site, f"/v1/tenants?{query}")
    assert (status, answer["code"]) == (400, "InvalidQueryParams")


async def test_directory_pages(site: Site, session: aiohttp.ClientSession) -> None:
    _, page = await get(session, site, "/v1/users?pageSize=1")
    assert [each["name"] for each in page["items"]] == ["ada"]
    _, page = await get(session, site, page["nextPageLink"])
    assert [each["name"] for each in page["items"]] == ["grace"]
    assert not page.get("nextPageLink")


async def test_pages_can_be_walked_backwards(site: Site, session: aiohttp.ClientSession) -> None:
    """The way back shows the same pages, also while others write."""
    await make_tenants(site, 5)
    pages: list[list[str]] = []
    path, last = "/v1/tenants?pageSize=3", None
    while path:
        _, last = await get(session, site, path)
        pages.append([each["id"] for each in last["items"]])
        path = last.get("nextPageLink", "")
    assert last is not None
    assert [len(page) for page in pages] == [3, 3, 2]
    ports = site.ports
    await perform(ports, lambda: tenant_create(ports, CALLER, "late"))
    for expected in reversed(pages[:-1]):
        status, last = await get(session, site, last["previousPageLink"])
        assert status == 200
        assert [each["id"] for each in last["items"]] == expected
    assert not last.get("previousPageLink")
    _, again = await get(session, site, last["nextPageLink"])
    assert [each["id"] for each in again["items"]] == pages[1]


async def test_the_first_page_has_none_before_it(
    site: Site, session: aiohttp.ClientSession
) -> None:
    _, page = await get(session, site, "/v1/tenants?pageSize=1")
    assert not page.get("previousPageLink")


async def test_tasks_of_many_places_are_one_list(
    site: Site, session: aiohttp.ClientSession
) -> None:
    """Who sees a tenant and single projects elsewhere gets each task once, newest first."""
    ports, ids = site.ports, site.ids
    give = [{"principal": "stranger@heliostat.local", "action": "ADD", "role": "viewer"}]
    for path in (f"projects/{ids['web']}", f"vms/{ids['vm-bare']}"):
        url = f"{site.base}/v1/{path}/iam"
        async with session.patch(url, json=give, headers=HEADERS) as answer:
            assert answer.status == 201
    for number in range(12):
        tenant = ids["umbrella" if number % 2 else "acme"]
        name = f"p{number}"
        made = await perform(
            ports,
            lambda: project_create(ports, CALLER, tenant, name),  # noqa: B023
        )
        assert made.task.id
    headers = {"Authorization": "Bearer stranger"}

    async def listed(path: str) -> Any:
        async with session.get(URL(site.base + path, encoded=True), headers=headers) as answer:
            assert answer.status == 200
            return await answer.json()

    whole = [each["id"] for each in (await listed("/v1/tasks"))["items"]]
    assert whole == sorted(set(whole))
    assert len(whole) >= 8
    seen: list[str] = []
    path = "/v1/tasks?pageSize=2"
    while path:
        page = await listed(path)
        seen += [each["id"] for each in page["items"]]
        path = page.get("nextPageLink", "")
    assert seen == whole
    everything = await get(session, site, "/v1/tasks?kind=project")
    theirs = {each["id"] for each in everything[1]["items"] if each["entity"]["id"]}
    assert theirs - set(whole)  # the projects of acme are not theirs


async def test_tasks_by_state_are_those_of_the_whole_list(
    site: Site, session: aiohttp.ClientSession
) -> None:
    _, whole = await get(session, site, "/v1/tasks")
    for state in ("QUEUED", "STARTED", "ERROR", "COMPLETED", "error"):
        expected = [each["id"] for each in whole["items"] if each["state"] == state.upper()]
        _, found = await get(session, site, f"/v1/tasks?state={state}")
        assert [each["id"] for each in found["items"]] == expected
    assert not whole.get("nextPageLink")


async def test_an_entity_has_a_kind(site: Site, session: aiohttp.ClientSession) -> None:
    vm = site.ids["vm-stopped"]
    for query in (f"entityId={vm}", "entityKind=vm", "state=DONE", "entityId=a&entityId=b"):
        status, error = await get(session, site, f"/v1/tasks?{query}")
        assert (status, error["code"]) == (400, "InvalidQueryParams"), query
    disk = site.ids["disk"]
    _, found = await get(session, site, f"/v1/tasks?entityId={disk}&entityKind=persistent-disk")
    assert {each["entity"]["id"] for each in found["items"]} == {disk}
    path = f"/v1/projects/{site.ids['web']}/tasks?kind=persistent-disk"
    _, of_project = await get(session, site, path)
    assert {each["id"] for each in found["items"]} <= {each["id"] for each in of_project["items"]}
