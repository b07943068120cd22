"""The outermost layer: ids and headers of every answer, one shape of every error."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import pytest

from heliostat import __version__
from heliostat.controller.api import app, tenants
from heliostat.controller.workflows import reading
from heliostat.core.codes import CODES
from heliostat.testing.site import Site
from heliostat.wire.routes import ROUTES

ADMIN = {"Authorization": "Bearer admin", "Content-Type": "application/json"}


async def post(
    session: aiohttp.ClientSession, site: Site, path: str, data: bytes | io.BytesIO
) -> tuple[int, Any]:
    async with session.post(site.base + path, data=data, headers=ADMIN) as answer:
        return answer.status, await answer.json()


async def test_every_answer_has_an_id(site: Site, session: aiohttp.ClientSession) -> None:
    ids = set()
    for path in ("/v1/available", "/v1/tenants", "/nothing/here"):
        async with session.get(site.base + path) as answer:
            assert answer.headers["X-API-VERSION"] == __version__
            ids.add(answer.headers["REQUEST-ID"])
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b"", "InvalidJson", None),
        (b"{", "InvalidJson", None),
        (b'{"name": "\xff"}', "InvalidJson", None),
        (b"[]", "InvalidEntity", ""),
        (b"null", "InvalidEntity", ""),
        (b"{}", "InvalidEntity", "name"),
        (b'{"name": 1}', "InvalidEntity", "name"),
        (b'{"name": "x", "tags": []}', "InvalidEntity", "tags"),
        (b'{"name": "x", "securityGroups": ["a\\\\b", 7]}', "InvalidEntity", "securityGroups[1]"),
        (b'{"name": "' + b"x" * 100 + b'"}', "InvalidEntity", "name"),
    ],
)
async def test_wrong_bodies(
    site: Site, session: aiohttp.ClientSession, body: bytes, code: str, field: str | None
) -> None:
    status, answer = await post(session, site, "/v1/tenants", body)
    assert (status, answer["code"]) == (400, code), answer
    if field is not None:
        assert answer["data"] == {"field": field}


async def test_a_body_nested_too_deep(site: Site, session: aiohttp.ClientSession) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    body = b'{"diskId": "x", "arguments": {"a": ' + deep + b"}}"
    path = f"/v1/vms/{site.ids['vm-stopped']}/attach_disk"
    status, answer = await post(session, site, path, body)
    assert (status, answer["code"]) == (400, "InvalidJson")


async def test_operations_without_a_body(site: Site, session: aiohttp.ClientSession) -> None:
    path = f"/v1/vms/{site.ids['vm-stopped']}/start"
    status, answer = await post(session, site, path, b'{"force": true}')
    assert (status, answer["code"]) == (400, "InvalidEntity")
    status, answer = await post(session, site, path, b"{}")
    assert status == 201, answer


async def test_too_large_a_body(site: Site, session: aiohttp.ClientSession) -> None:
    body = io.BytesIO(b'{"name": "' + b"x" * (2 << 20) + b'"}')
    status, answer = await post(session, site, "/v1/tenants", body)
    assert (status, answer["code"]) == (413, "RequestTooLarge")


async def test_unknown_path_and_wrong_method(site: Site, session: aiohttp.ClientSession) -> None:
    async with session.get(f"{site.base}/v1/nothing", headers=ADMIN) as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "NotFound")
    async with session.put(f"{site.base}/v1/tenants", headers=ADMIN) as answer:
        assert (answer.status, (await answer.json())["code"]) == (405, "MethodNotAllowed")


async def test_the_unforeseen_keeps_its_details_to_the_log(
    site: Site,
    session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(*args: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(reading, "flavor", broken)
    async with session.get(f"{site.base}/v1/flavors/x", headers=ADMIN) as answer:
        found = await answer.json()
        assert (answer.status, found["code"]) == (500, "InternalError")
        assert found["data"]["requestId"] == answer.headers["REQUEST-ID"]
    assert "secret detail" not in found["message"]
    assert "secret detail" in caplog.text
    assert found["data"]["requestId"] in caplog.text


async def test_an_unavailable_service_says_when_to_come_back(
    site: Site, session: aiohttp.ClientSession
) -> None:
    site.agents.away.add(site.ids["host"])
    path = f"/v1/infrastructure/hosts/{site.ids['host']}/stats"
    async with session.get(site.base + path, headers=ADMIN) as answer:
        assert (answer.status, (await answer.json())["code"]) == (503, "AgentUnavailable")
        assert int(answer.headers["Retry-After"]) >= 1


async def test_addresses_of_a_vm_whose_agent_is_away(
    site: Site, session: aiohttp.ClientSession
) -> None:
    """Reads of a VM never fail for its host's sake; the task says what is missing, and stays."""
    site.agents.away.add(site.ids["host"])
    path = f"/v1/vms/{site.ids['vm-started']}/subnets"
    async with session.get(site.base + path, headers=ADMIN) as answer:
        assert answer.status == 200
        task = await answer.json()
    (connection,) = task["resourceProperties"]["networkConnections"]
    assert connection["isConnected"] == "Unknown"
    assert task["steps"][0]["warnings"][0]["code"] == "AgentUnavailable"
    async with session.get(f"{site.base}/v1/tasks/{task['id']}", headers=ADMIN) as answer:
        assert await answer.json() == task


def test_a_route_without_a_handler_keeps_the_server_from_starting() -> None:
    missing = {name: each for name, each in app.HANDLERS.items() if name != "getVm"}
    with pytest.raises(RuntimeError, match="getVm"):
        app.check_complete(ROUTES, missing)
    more = {**app.HANDLERS, "getMoon": tenants.HANDLERS["getTenant"]}
    with pytest.raises(RuntimeError, match="getMoon"):
        app.check_complete(ROUTES, more)


def test_statuses_of_codes_are_errors() -> None:
    assert all(400 <= code.status < 600 for code in CODES.values())
