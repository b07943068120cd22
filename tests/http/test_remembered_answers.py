"""A machine's answer is remembered: whatever it shows must be new the moment it changed."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec
import pytest

from heliostat.cloudstore.documents import Kind
from heliostat.controller.model.disk import DiskState
from heliostat.controller.model.vm import VmState
from heliostat.controller.workflows import kinds
from heliostat.testing.site import Site


async def _ask(
    session: aiohttp.ClientSession, site: Site, caller: str = "project-owner", **headers: str
) -> tuple[int, Any]:
    url = f"{site.base}/v1/vms/{site.ids['vm-stopped']}"
    headers["Authorization"] = f"Bearer {caller}"
    async with session.get(url, headers=headers) as answer:
        return answer.status, await answer.json()


async def _change(site: Site, kind: Kind[Any], name: str, **fields: Any) -> None:
    store = site.ports.store
    stored = await kind.get(store, site.ids[name])
    assert stored is not None
    changed = msgspec.structs.replace(stored.value, **fields)
    await store.commit([], kind.put(changed, stored.value))


async def test_what_is_asked_for_again_is_the_same(
    site: Site, session: aiohttp.ClientSession
) -> None:
    first, again = await _ask(session, site), await _ask(session, site)
    assert first == again
    assert (first[0], first[1]["name"]) == (200, "vm-stopped")


@pytest.mark.parametrize(
    ("kind", "name", "fields", "shown"),
    [
        (kinds.VMS, "vm-stopped", {"state": VmState.STARTED}, ("state", "STARTED")),
        (kinds.VMS, "vm-stopped", {"tags": ("a:b=c",)}, ("tags", ["a:b=c"])),
        (kinds.HOSTS, "host", {"address": "192.0.2.99"}, ("host", "192.0.2.99")),
    ],
    ids=["state", "tags", "host"],
)
async def test_a_change_is_shown_at_once(
    site: Site,
    session: aiohttp.ClientSession,
    kind: Kind[Any],
    name: str,
    fields: dict[str, Any],
    shown: tuple[str, Any],
) -> None:
    _, before = await _ask(session, site)
    await _change(site, kind, name, **fields)
    _, after = await _ask(session, site)
    field, value = shown
    assert before[field] != value
    assert after == {**before, field: value}


async def test_an_attached_disk_is_shown_as_it_is(
    site: Site, session: aiohttp.ClientSession
) -> None:
    await _ask(session, site)
    await _change(site, kinds.DISKS, "disk-attached", state=DiskState.ERROR)
    _, after = await _ask(session, site)
    assert after["attachedDisks"][-1]["state"] == "ERROR"
    await _change(site, kinds.VMS, "vm-stopped", attached_disk_ids=())
    _, detached = await _ask(session, site)
    assert detached["attachedDisks"] == after["attachedDisks"][:-1]


async def test_it_is_remembered_for_nobody_who_may_not_read_it(
    site: Site, session: aiohttp.ClientSession
) -> None:
    assert (await _ask(session, site))[0] == 200
    assert (await _ask(session, site, "stranger"))[1]["code"] == "AccessForbidden"
    await _change(site, kinds.PROJECTS, "web", security_groups=(), policy=())
    await _change(site, kinds.TENANTS, "acme", security_groups=(), policy=())
    assert (await _ask(session, site))[1]["code"] == "AccessForbidden"


async def test_links_follow_the_name_that_the_client_used(
    site: Site, session: aiohttp.ClientSession
) -> None:
    _, here = await _ask(session, site)
    _, there = await _ask(session, site, Host="cloud.example")
    assert here["selfLink"].startswith(site.base)
    assert there["selfLink"].startswith("http://cloud.example/v1/vms/")


async def test_a_deleted_machine_is_gone(site: Site, session: aiohttp.ClientSession) -> None:
    await _ask(session, site, "admin")
    stored = await kinds.VMS.get(site.ports.store, site.ids["vm-stopped"])
    assert stored is not None
    await site.ports.store.commit([], kinds.VMS.delete(stored.value))
    assert (await _ask(session, site, "admin"))[0] == 404
