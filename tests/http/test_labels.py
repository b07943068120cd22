"""Lists by selector: the right items, page by page, while others write."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from heliostat.controller.workflows.admission import Caller
from heliostat.controller.workflows.commit import perform
from heliostat.controller.workflows.labels import labels_change
from heliostat.testing.site import Site

CALLER = Caller("admin@heliostat.local", frozenset(), is_system_admin=True, request_id="test")
MACHINES = ("vm-stopped", "vm-started", "vm-suspended", "vm-bare", "vm-error")


async def get(session: aiohttp.ClientSession, site: Site, path: str) -> Any:
    headers = {"Authorization": "Bearer admin"}
    async with session.get(site.base + path, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def label(site: Site, name: str, remove: tuple[str, ...] = (), **labels: str) -> None:
    ports, vm_id = site.ports, site.ids[name]
    await perform(ports, lambda: labels_change(ports, CALLER, "vm", vm_id, labels, remove))


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("app%3Dweb", {"vm-stopped", "vm-started"}),
        ("app%3Dweb,tier", {"vm-started"}),
        ("app%21%3Dweb", {"vm-suspended", "vm-bare", "vm-error"}),
        ("app%20in%20(web,db)", {"vm-stopped", "vm-started", "vm-bare"}),
        ("%21app", {"vm-suspended", "vm-error"}),
        ("app%3Dnone", set()),
    ],
)
async def test_what_is_selected(
    site: Site, session: aiohttp.ClientSession, selector: str, found: set[str]
) -> None:
    await label(site, "vm-stopped", app="web")
    await label(site, "vm-started", app="web", tier="front")
    await label(site, "vm-bare", app="db")
    for path in (f"projects/{site.ids['web']}/vms", f"infrastructure/hosts/{site.ids['host']}/vms"):
        page = await get(session, site, f"/v1/{path}?selector={selector}")
        assert {each["name"] for each in page["items"]} == found


async def test_pages_of_a_selection_are_one_snapshot(
    site: Site, session: aiohttp.ClientSession
) -> None:
    """Labels that change between two pages change nothing in the list."""
    for name in MACHINES:
        await label(site, name, app="web")
    path = f"/v1/projects/{site.ids['web']}/vms?selector=app%3Dweb&pageSize=2"
    seen: list[str] = []
    while path:
        page = await get(session, site, path)
        seen += [each["name"] for each in page["items"]]
        path = page.get("nextPageLink", "")
        for name in MACHINES:
            await label(site, name, ("app",), gone="yes")
    assert sorted(seen) == sorted(MACHINES)
    page = await get(session, site, f"/v1/projects/{site.ids['web']}/vms?selector=app")
    assert page["items"] == []


async def test_a_label_is_shown_and_a_thing_without_shows_none(
    site: Site, session: aiohttp.ClientSession
) -> None:
    await label(site, "vm-stopped", app="web")
    assert (await get(session, site, f"/v1/vms/{site.ids['vm-stopped']}"))["labels"] == {
        "app": "web"
    }
    assert "labels" not in await get(session, site, f"/v1/vms/{site.ids['vm-bare']}")


async def test_an_image_is_uploaded_with_labels(site: Site, session: aiohttp.ClientSession) -> None:
    headers = {"Authorization": "Bearer admin"}
    form = aiohttp.FormData()
    form.add_field("ImageReplication", "ON_DEMAND")
    form.add_field("file", b"content", filename="labelled")
    url = f"{site.base}/v1/images?labels=os%3Ddebian,tier%3Dbase"
    async with session.post(url, data=form, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
    page = await get(session, site, "/v1/images?selector=tier%3Dbase")
    assert [each["labels"] for each in page["items"]] == [{"os": "debian", "tier": "base"}]
