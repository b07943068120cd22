"""What becomes of tokens: whom they are about, whether they count, calling them back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from heliostat.identity.clients.named import HELIO
from heliostat.identity.tokens.assertions import ASSERTION_TYPE
from heliostat.identity.tokens.endpoints import routes
from heliostat.identity.tokens.token_messages import TokenAnswer
from heliostat.testing.robot import Robot
from heliostat.testing.signin import FOR_THE_API, PASSWORD, IdentityKit, code_of, refresh, sign_in

pytestmark = pytest.mark.usefixtures("rotating")

BASE = "/openidconnect"


@pytest.fixture
async def http(kit: IdentityKit) -> AsyncIterator[httpx.AsyncClient]:
    app = web.Application()
    app.add_routes(routes(kit.identity))
    async with (
        TestServer(app) as server,
        httpx.AsyncClient(base_url=str(server.make_url("/")), trust_env=False) as client,
    ):
        yield client


async def userinfo(http: httpx.AsyncClient, token: str) -> httpx.Response:
    return await http.get(f"{BASE}/userinfo", headers={"Authorization": f"Bearer {token}"})


async def introspect(http: httpx.AsyncClient, robot: Robot, token: str) -> Any:
    form = {
        "token": token,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": robot.assertion(),
    }
    answer = await http.post(f"{BASE}/introspect", data=form)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json()


async def revoke(http: httpx.AsyncClient, token: str, **fields: str) -> httpx.Response:
    return await http.post(f"{BASE}/revoke", data={"token": token, **fields})


async def ada(kit: IdentityKit, client: str = HELIO, **fields: str) -> TokenAnswer:
    return await sign_in(kit, client, username="ada", password=PASSWORD, **fields)


@pytest.fixture
async def person(kit: IdentityKit) -> str:
    directory = kit.identity.directory
    await directory.create_user("ada", PASSWORD, given_name="Ada", email="ada@example.org")
    await directory.create_group("Devs")
    await directory.add_member("Devs", "ada")
    return "ada"


@pytest.mark.usefixtures("person")
async def test_userinfo_tells_who_the_bearer_is_now(
    kit: IdentityKit, http: httpx.AsyncClient
) -> None:
    answer = await userinfo(http, (await ada(kit)).access_token)
    assert answer.json() == {
        "sub": "ada@heliostat.local",
        "tenant": "heliostat.local",
        "name": "Ada",
        "given_name": "Ada",
        "email": "ada@example.org",
    }
    token = (await ada(kit, scope="openid id_groups rs_esxcloud")).access_token
    assert (await userinfo(http, token)).json()["groups"] == ["heliostat.local\\Devs"]
    await kit.identity.directory.set_disabled("ada", True)
    refused = await userinfo(http, token)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.usefixtures("person")
async def test_userinfo_wants_an_access_token_with_openid(
    kit: IdentityKit, http: httpx.AsyncClient
) -> None:
    bare = await http.get(f"{BASE}/userinfo")
    assert (bare.status_code, bare.headers["WWW-Authenticate"]) == (401, "Bearer")
    tokens = await ada(kit)
    for other in (tokens.refresh_token, tokens.id_token):
        assert (await userinfo(http, other)).status_code == 401
    malformed = await userinfo(http, "x.y.z")
    assert malformed.status_code == 401
    assert "invalid_token" in malformed.headers["WWW-Authenticate"]
    assert malformed.json()["error"] == "invalid_token"
    narrow = await userinfo(http, (await ada(kit, scope="rs_esxcloud")).access_token)
    assert narrow.status_code == 403
    assert "insufficient_scope" in narrow.headers["WWW-Authenticate"]


@pytest.mark.usefixtures("person")
async def test_introspection_knows_more_than_the_token(
    kit: IdentityKit, http: httpx.AsyncClient, robot: Robot
) -> None:
    tokens = await ada(kit)
    told = await introspect(http, robot, tokens.access_token)
    assert (told["active"], told["sub"], told["client_id"]) == (True, "ada@heliostat.local", HELIO)
    assert (await introspect(http, robot, tokens.refresh_token))["active"]
    newer = await refresh(kit, tokens.refresh_token, HELIO)
    assert await introspect(http, robot, tokens.refresh_token) == {"active": False}
    assert (await introspect(http, robot, tokens.access_token))["active"]
    await kit.identity.directory.set_password("ada", PASSWORD + "!")
    for token in (tokens.access_token, newer.access_token, newer.refresh_token):
        assert await introspect(http, robot, token) == {"active": False}


async def test_introspection_of_accounts_ends_with_them(
    kit: IdentityKit, http: httpx.AsyncClient, robot: Robot
) -> None:
    token = (await robot.sign_in(robot.assertion())).access_token
    assert (await introspect(http, robot, token))["sub"] == "ci@heliostat.local"
    for odd in ("x", "a.b.c", token[:-4] + "AAAA"):
        assert await introspect(http, robot, odd) == {"active": False}
    await kit.clock.advance(3700)
    assert await introspect(http, robot, token) == {"active": False}


@pytest.mark.usefixtures("person")
async def test_tokens_of_a_client_end_with_it(
    kit: IdentityKit, http: httpx.AsyncClient, robot: Robot
) -> None:
    directory = kit.identity.directory
    await directory.create_client("shop", ["https://shop.example/"], FOR_THE_API)
    await directory.allow_password_grant("shop", True)
    lasting, short = await ada(kit, "shop"), await ada(kit, "shop", scope="openid")
    tokens = (lasting.access_token, lasting.refresh_token, short.access_token)
    for token in tokens:
        assert (await introspect(http, robot, token))["active"]
    await directory.delete_client("shop")
    for token in tokens:
        assert await introspect(http, robot, token) == {"active": False}
    assert (await userinfo(http, lasting.access_token)).status_code == 401


@pytest.mark.usefixtures("person")
async def test_an_id_token_opens_and_ends_nothing(
    kit: IdentityKit, http: httpx.AsyncClient, robot: Robot
) -> None:
    tokens = await ada(kit)
    assert await introspect(http, robot, tokens.id_token) == {"active": False}
    assert (await revoke(http, tokens.id_token, client_id=HELIO)).status_code == 200
    await refresh(kit, tokens.refresh_token, HELIO)


@pytest.mark.usefixtures("person")
async def test_only_who_proves_itself_may_introspect(
    kit: IdentityKit, http: httpx.AsyncClient
) -> None:
    token = (await ada(kit)).access_token
    for fields in ({}, {"client_id": HELIO}, {"client_id": "nobody"}):
        answer = await http.post(f"{BASE}/introspect", data={"token": token, **fields})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
async def test_calling_back_a_token_ends_its_session(
    kit: IdentityKit, http: httpx.AsyncClient, robot: Robot, kind: str
) -> None:
    tokens, other = await ada(kit), await ada(kit)
    answer = await revoke(http, getattr(tokens, kind), client_id=HELIO)
    assert (answer.status_code, answer.content) == (200, b"")
    assert await code_of(refresh(kit, tokens.refresh_token, HELIO)) == "InvalidGrant"
    assert not (await introspect(http, robot, tokens.access_token))["active"]
    await refresh(kit, other.refresh_token, HELIO)


@pytest.mark.usefixtures("person")
async def test_what_is_not_the_clients_stays(kit: IdentityKit, http: httpx.AsyncClient) -> None:
    tokens = await ada(kit)
    assert (await revoke(http, tokens.refresh_token)).status_code == 200
    await refresh(kit, tokens.refresh_token, HELIO)
    assert (await revoke(http, "nonsense", client_id=HELIO)).status_code == 200
    missing = await http.post(f"{BASE}/revoke", data={"client_id": HELIO})
    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")
