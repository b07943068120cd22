"""Our command line's ways in, by its own client over HTTP: passwords, renewing, signing out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from heliostat.client.client import Client
from heliostat.client.credentials import Anonymous
from heliostat.client.tokens import TokenService
from heliostat.core.errors import HeliostatError
from heliostat.identity.clients.named import HELIO, NAMELESS
from heliostat.identity.tokens.endpoints import routes
from heliostat.identity.tokens.opened import unverified
from heliostat.testing.signin import IdentityKit, code_of, refresh, sign_in

WHO = "administrator@heliostat.local"


@pytest.fixture
async def service(kit: IdentityKit) -> AsyncIterator[TokenService]:
    async def auth(_request: web.Request) -> web.Response:
        told = {"endpoint": "", "port": 0, "domain": kit.identity.options.domain}
        return web.json_response(told)

    app = web.Application()
    app.add_routes([*routes(kit.identity), web.get("/v1/system/auth", auth)])
    async with TestServer(app) as server:
        with Client(f"http://127.0.0.1:{server.port}", Anonymous()) as client:
            yield client.token_service


async def test_a_password_signs_in_renews_and_signs_out(
    kit: IdentityKit, service: TokenService
) -> None:
    given = await asyncio.to_thread(service.by_password, WHO, kit.admin_password)
    assert "client_id" not in unverified(given.access_token)[1]
    assert (await kit.identity.verify(given.access_token)).is_system_admin
    for _ in range(2):  # this client keeps its refresh token
        again = await asyncio.to_thread(service.by_refresh, given.refresh_token)
        assert again.refresh_token == ""
    await asyncio.to_thread(service.revoke, given.refresh_token)
    with pytest.raises(HeliostatError, match="InvalidGrant"):
        await asyncio.to_thread(service.by_refresh, given.refresh_token)


@pytest.mark.usefixtures("rotating")
async def test_a_session_of_before_goes_on_as_the_client_that_opened_it(
    kit: IdentityKit, service: TokenService
) -> None:
    first = await sign_in(kit, HELIO)
    await kit.identity.directory.allow_password_grant(HELIO, False)
    second = await asyncio.to_thread(service.by_refresh, first.refresh_token)
    assert second.refresh_token
    await asyncio.to_thread(service.revoke, second.refresh_token)
    assert await code_of(refresh(kit, second.refresh_token, HELIO)) == "InvalidGrant"


async def test_where_passwords_are_switched_off_another_way_is_told(
    kit: IdentityKit, service: TokenService
) -> None:
    await kit.identity.directory.allow_password_grant(NAMELESS, False)
    with pytest.raises(HeliostatError) as refused:
        await asyncio.to_thread(service.by_password, WHO, kit.admin_password)
    assert refused.value.code == "UnsupportedGrant"
    assert "`helio login`" in refused.value.hint
