"""Lists in pages: stable while others write, strict about what they are asked."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from yarl import URL

from heliostat.controller.workflows.admission import Caller
from heliostat.controller.workflows.commit import perform
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
