"""A started sign-in for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from heliostat.identity.clients.named import HELIO
from heliostat.identity.tokens.endpoints import routes
from heliostat.identity.tokens.sign_in_attempt import SignIn
from heliostat.testing.browser import BACK, BYE, Browser
from heliostat.testing.robot import Robot
from heliostat.testing.signin import (
    FOR_THE_API,
    PASSWORD,
    IdentityKit,
    new_key_pair,
    start_identity,
)


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[IdentityKit]:
    made = await start_identity(tmp_path / "authority")
    yield made
    made.identity.close()
    await made.store.close()


@pytest.fixture
async def rotating(kit: IdentityKit) -> None:
    """``helio`` takes passwords: a client that signs with ES256 and rotates refresh tokens."""
    await kit.identity.directory.allow_password_grant(HELIO, True)


@pytest.fixture
async def robot(kit: IdentityKit) -> Robot:
    private, public = new_key_pair()
    await kit.identity.directory.create_group("Robots")
    await kit.identity.directory.create_service_account("ci", public, ["Robots"])
    return Robot(kit, private)


@pytest.fixture
async def browser(kit: IdentityKit) -> AsyncIterator[Browser]:
    told: list[SignIn] = []

    async def tell(_request: web.Request, attempt: SignIn) -> None:
        told.append(attempt)

    directory = kit.identity.directory
    await directory.create_user("ada", PASSWORD, given_name="Ada")
    await directory.create_client(
        "shop", [BACK], FOR_THE_API, title="The <Shop>", post_logout_redirect_uris=[BYE]
    )
    await directory.create_client("other", ["http://127.0.0.1/cb"], FOR_THE_API)
    app = web.Application()
    app.add_routes(routes(kit.identity, tell))
    async with (
        TestServer(app) as server,
        httpx.AsyncClient(base_url=str(server.make_url("/")), trust_env=False) as client,
    ):
        yield Browser(client, told)
