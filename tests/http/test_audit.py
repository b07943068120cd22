"""The audit trail: nothing is acknowledged without its record, and no record holds a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from heliostat.controller.trail.record import RECORDS, Record
from heliostat.testing.clock import VirtualClock
from heliostat.testing.examples import Example, filled, load, send
from heliostat.testing.site import Site, furnished_site
from heliostat.wire.routes import BY_OPERATION

FOLDER = Path(__file__).parent / "examples"
CHANGES = [
    example
    for path in sorted(FOLDER.glob("*.json"))
    for example in load(path)
    if BY_OPERATION[example.operation].mutating and example.status in (201, 204)
]


async def _records(site: Site) -> list[Record]:
    """Every record, newest first, those that wait for their batch included."""
    clock = site.ports.clock
    assert isinstance(clock, VirtualClock)
    await clock.advance(1.5)
    return [each.value for each in await RECORDS.all(site.ports.store)]


async def _list(session: aiohttp.ClientSession, site: Site, query: str = "") -> list[Any]:
    headers = {"Authorization": "Bearer admin"}
    async with session.get(f"{site.base}/v1/audit{query}", headers=headers) as answer:
        assert answer.status == 200
        return list((await answer.json())["items"])


@pytest.mark.parametrize("example", CHANGES, ids=lambda each: f"{each.operation}: {each.title}")
async def test_every_change_has_its_record_when_it_is_acknowledged(
    site: Site, session: aiohttp.ClientSession, example: Example
) -> None:
    before = await site.ports.store.revision()
    status, answer = await send(session, site, BY_OPERATION[example.operation], example)
    assert status == example.status
    (record,) = [each.value for each in await RECORDS.all(site.ports.store)]
    assert record.operation == example.operation
    assert record.result == "done"
    if example.caller:
        assert record.subject == f"{example.caller}@heliostat.local"
        assert record.proof == "token"
    else:  # what it brought along proved who it was
        assert record.subject
        assert record.proof != "none"
    assert record.address == "127.0.0.1"
    if isinstance(answer, dict) and "steps" in answer:
        stored = await site.ports.store.get(RECORDS.key(record.id))
        task = await site.ports.store.get(f"/v1/task/{answer['id']}")
        assert record.task_id == answer["id"]
        assert stored is not None
        if task is not None and task.created > before:
            assert stored.created == task.created  # one commit


async def test_no_record_holds_what_a_body_held(site: Site, session: aiohttp.ClientSession) -> None:
    headers = {"Authorization": "Bearer admin"}
    body = {"name": "eve", "password": "a-secret-phrase"}
    url = f"{site.base}/v1/users"
    async with session.post(url, json=body, headers=headers) as answer:
        assert answer.status == 201
    stored = await site.ports.store.list(RECORDS.prefix)
    (record,) = [each.value for each in await RECORDS.all(site.ports.store)]
    assert (record.entity_kind, record.entity_id) == ("user", "eve")
    assert all(b"secret" not in each.value for each in stored.items)


async def test_refusals_are_recorded_soon(site: Site, session: aiohttp.ClientSession) -> None:
    for caller, status in (("stranger", 403), ("nobody", 401)):
        headers = {"Authorization": f"Bearer {caller}"}
        url = f"{site.base}/v1/vms/{site.ids['vm-bare']}"
        async with session.get(url, headers=headers) as answer:
            assert answer.status == status
        await site.ports.clock.advance(0.01)  # type: ignore[attr-defined]
    nobody, stranger = await _records(site)
    assert (stranger.operation, stranger.result, stranger.code) == (
        "getVm",
        "refused",
        "AccessForbidden",
    )
    assert (stranger.entity_kind, stranger.entity_id) == ("vm", site.ids["vm-bare"])
    assert stranger.subject == "stranger@heliostat.local"
    assert (nobody.subject, nobody.proof, nobody.code) == ("", "none", "InvalidAuthToken")


async def test_a_change_that_failed_is_recorded(site: Site, session: aiohttp.ClientSession) -> None:
    headers = {"Authorization": "Bearer admin"}
    async with session.delete(f"{site.base}/v1/tenants/{site.ids['acme']}", headers=headers) as a:
        assert a.status == 400
    (record,) = await _records(site)
    assert (record.result, record.code, record.task_id) == ("failed", "ContainerNotEmpty", "")


async def test_a_plan_is_not_recorded(site: Site, session: aiohttp.ClientSession) -> None:
    headers = {"Authorization": "Bearer admin"}
    url = f"{site.base}/v1/tenants/{site.ids['empty-tenant']}?plan=true"
    async with session.delete(url, headers=headers) as answer:
        assert answer.status == 200
    assert await _records(site) == []


async def test_a_repeated_request_is_recorded_as_one_more(
    site: Site, session: aiohttp.ClientSession
) -> None:
    headers = {"Authorization": "Bearer admin", "Idempotency-Key": "k"}
    for _ in range(2):
        async with session.post(
            f"{site.base}/v1/tenants", json={"name": "twice"}, headers=headers
        ) as answer:
            assert answer.status == 201
    again, first = sorted(await _records(site), key=lambda record: bool(record.task_id))
    assert first.operation == again.operation == "createTenant"
    assert not again.task_id


async def test_a_storm_of_refusals_is_counted_not_kept(
    site: Site, session: aiohttp.ClientSession
) -> None:
    for _ in range(230):
        async with session.get(f"{site.base}/v1/tenants") as answer:
            assert answer.status == 401
    records = await _records(site)
    assert len(records) == 201
    (rest,) = [each for each in records if each.operation == "notRecorded"]
    assert rest.count == 30


async def test_filters(site: Site, session: aiohttp.ClientSession) -> None:
    clock = site.ports.clock
    assert isinstance(clock, VirtualClock)
    for name in ("one", "two", "three"):
        await clock.advance(10)
        headers = {"Authorization": "Bearer admin"}
        async with session.post(
            f"{site.base}/v1/tenants", json={"name": name}, headers=headers
        ) as answer:
            assert answer.status == 201
    all_ = await _list(session, site)
    assert [each["time"] for each in all_] == sorted((r["time"] for r in all_), reverse=True)
    last, middle, _ = all_
    assert await _list(session, site, f"?from={last['time']}") == [last]
    assert await _list(session, site, f"?from={middle['time']}&to={last['time']}") == [middle]
    assert await _list(session, site, f"?entityId={middle['entityId']}") == [middle]
    assert await _list(session, site, "?subject=admin@heliostat.local&operation=createTenant")
    assert await _list(session, site, "?result=refused") == []
    headers = {"Authorization": "Bearer admin"}
    seen, link = [], "/v1/audit?pageSize=1"
    while link:
        async with session.get(site.base + link, headers=headers) as answer:
            page = await answer.json()
        seen += page["items"]
        link = page.get("nextPageLink", "")
    assert seen == all_


async def test_a_tenant_sees_its_own(site: Site, session: aiohttp.ClientSession) -> None:
    example = filled({"name": "more"}, site.ids)
    headers = {"Authorization": "Bearer tenant-admin"}
    url = f"{site.base}/v1/tenants/{site.ids['acme']}"
    async with session.post(f"{url}/projects", json=example, headers=headers) as answer:
        assert answer.status == 201
    async with session.post(
        f"{site.base}/v1/tenants", json={"name": "x"}, headers={"Authorization": "Bearer admin"}
    ) as answer:
        assert answer.status == 201
    async with session.get(f"{url}/audit", headers=headers) as answer:
        (record,) = (await answer.json())["items"]
    assert record["operation"] == "createProject"


async def test_opening_a_console_is_recorded(site: Site, session: aiohttp.ClientSession) -> None:
    headers = {"Authorization": "Bearer project-user"}
    url = f"{site.base}/v1/vms/{site.ids['vm-started']}/console"
    async with session.ws_connect(url, headers=headers):
        (record,) = await _records(site)
    assert (record.operation, record.entity_id) == ("openVmConsole", site.ids["vm-started"])


async def test_who_was_given_a_ticket_is_recorded_without_it(
    site: Site, session: aiohttp.ClientSession
) -> None:
    headers = {"Authorization": "Bearer project-user"}
    vm = site.ids["vm-started"]
    url = f"{site.base}/v1/vms/{vm}/mks_ticket"
    async with session.get(url, headers=headers) as answer:
        task = await answer.json()
    (stored,) = await RECORDS.all(site.ports.store)
    record = stored.value
    assert (record.operation, record.entity_id, record.result) == ("getVmMksTicket", vm, "done")
    document = await site.ports.store.get(f"/v1/task/{task['id']}")
    assert document is not None
    assert document.created == stored.revision  # one commit
    raw = await site.ports.store.get(RECORDS.key(record.id))
    assert raw is not None
    assert task["resourceProperties"]["ticket"].encode() not in raw.value


async def test_the_address_behind_a_trusted_proxy_is_recorded(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    headers = {"X-Forwarded-For": "203.0.113.1, 192.0.2.7"}
    async with furnished_site(tmp_path, trusted_proxies=["127.0.0.1"]) as site:
        url = f"{site.base}/v1/tenants"
        async with session.post(url, json={"name": "x"}, headers=headers) as answer:
            assert answer.status == 401
        (record,) = await _records(site)
    assert record.address == "192.0.2.7"


async def test_records_of_a_tenants_people_name_them_with_their_domain(
    site: Site, session: aiohttp.ClientSession
) -> None:
    headers = {"Authorization": "Bearer tenant-admin"}
    base = f"{site.base}/v1/identity/tenants/acme.example"
    async with session.delete(f"{base}/users/ada", headers=headers) as answer:
        assert answer.status == 204
    await site.ports.clock.advance(1)  # type: ignore[attr-defined]
    body = {"name": "wile", "password": "a long enough phrase"}
    async with session.post(f"{base}/users", json=body, headers=headers) as answer:
        assert answer.status == 201
    await site.ports.clock.advance(1)  # type: ignore[attr-defined]
    async with session.delete(base, headers=headers) as answer:
        assert answer.status == 403
    await site.ports.clock.advance(0.01)  # type: ignore[attr-defined]
    refused, created, deleted = await _records(site)
    assert (created.entity_kind, created.entity_id) == ("user", "wile@acme.example")
    assert (deleted.entity_kind, deleted.entity_id) == ("user", "ada@acme.example")
    assert (refused.entity_kind, refused.entity_id) == ("directory-tenant", "acme.example")
