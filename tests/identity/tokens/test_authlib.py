"""Authlib, an OAuth client nobody here wrote, signs in in every way that has no browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from authlib.integrations.requests_client import OAuth2Session, OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey

from heliostat.identity.clients.named import HELIO
from heliostat.identity.clients.records import Grant
from heliostat.identity.steps.proofs import Proof
from heliostat.identity.tokens.endpoints import routes
from heliostat.identity.tokens.opened import unverified
from heliostat.testing.signin import (
    OPTIONS,
    PASSWORD,
    SCOPE,
    IdentityKit,
    new_key_pair,
    start_identity,
)
from heliostat.wire.oidc_clients import OidcClientSettings as Settings

BACK = ["https://till.example/back"]
ACCESS = "urn:ietf:params:oauth:token-type:access_token"


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[IdentityKit]:
    """A sign-in that is reached where it says that it is; without TLS, on the loopback."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    port = unused_port()
    options = replace(OPTIONS, base_url=f"http://127.0.0.1:{port}")
    made = await start_identity(tmp_path / "authority", options)
    await made.identity.directory.create_user("ada", PASSWORD)
    app = web.Application()
    app.add_routes(routes(made.identity))
    async with TestServer(app, port=port):
        yield made
    made.identity.close()
    await made.store.close()


def endpoint(kit: IdentityKit, name: str = "token") -> str:
    return f"{kit.identity.options.base_url}/openidconnect/{name}/heliostat.local"


class Authlib:
    """Authlib's client of ``requests``, which waits for its answers in a thread."""

    def __init__(self, kit: IdentityKit, client: str, **settings: Any) -> None:
        self.made = OAuth2Session(client, token_endpoint=endpoint(kit), scope=SCOPE, **settings)
        self.made.trust_env = False

    async def tokens(self, **asked: Any) -> dict[str, Any]:
        told: dict[str, Any] = await asyncio.to_thread(self.made.fetch_token, **asked)
        return told

    async def refresh(self, token: str) -> dict[str, Any]:
        told: dict[str, Any] = await asyncio.to_thread(self.made.refresh_token, refresh_token=token)
        return told


async def test_passwords_refreshing_and_revoking(here: IdentityKit) -> None:
    await here.identity.directory.allow_password_grant(HELIO, True)
    client = Authlib(here, HELIO, token_endpoint_auth_method="none")
    first = await client.tokens(username="ada", password=PASSWORD)
    assert unverified(first["id_token"])[1]["aud"] == HELIO
    second = await client.refresh(first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    with pytest.raises(OAuthError, match="invalid_grant"):
        await client.refresh(first["refresh_token"])
    third = await client.tokens(username="ada", password=PASSWORD)
    revoke = endpoint(here, "revoke")
    await asyncio.to_thread(client.made.revoke_token, revoke, third["refresh_token"])
    with pytest.raises(OAuthError, match="invalid_grant"):
        await client.refresh(third["refresh_token"])
    with pytest.raises(OAuthError, match="invalid_grant"):
        await client.tokens(username="ada", password="wrong")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_secrets_in_headers_and_forms(here: IdentityKit, method: str) -> None:
    settings = Settings(authentication=method, grants=["password", "refresh_token"])
    made = await here.identity.directory.create_client("till", BACK, settings)
    asked = {"username": "ada", "password": PASSWORD, "scope": "openid"}
    right = Authlib(here, "till", client_secret=made.secret, token_endpoint_auth_method=method)
    token = (await right.tokens(**asked))["access_token"]
    told = await asyncio.to_thread(right.made.introspect_token, endpoint(here, "introspect"), token)
    assert told.json()["active"] is True
    wrong = Authlib(here, "till", client_secret="guessed", token_endpoint_auth_method=method)
    with pytest.raises(OAuthError, match="invalid_client"):
        await wrong.tokens(**asked)


async def test_a_service_account_signs_assertions(here: IdentityKit) -> None:
    private, public = new_key_pair()
    await here.identity.directory.create_service_account("ci", public)
    soon = {"exp": here.clock.now_ms() // 1000 + 60}  # its own would be an hour from now
    method = PrivateKeyJWT(endpoint(here), claims=soon, alg="ES256")
    client = Authlib(
        here,
        "ci",
        client_secret=ECKey.import_key(private),
        token_endpoint_auth_method="private_key_jwt",
    )
    client.made.register_client_auth_method(method)
    answer = await client.tokens(grant_type="client_credentials", scope="rs_heliostat at_groups")
    principal = await here.identity.verify(answer["access_token"])
    assert principal.subject == "ci@heliostat.local"


async def test_a_device_and_an_exchange(here: IdentityKit) -> None:
    directory, realm = here.identity.directory, here.identity.realms.system
    made = await directory.create_client(
        "api",
        settings=Settings(
            grants=[Grant.EXCHANGE.value],
            authentication="client_secret_basic",
            exchanges=["rs_heliostat"],
            scopes=["at_groups"],
        ),
    )
    await directory.update_client(HELIO, Settings(scopes=[*SCOPE.split(), "rs_api"]))
    client = Authlib(here, HELIO, token_endpoint_auth_method="none")
    form = {"client_id": HELIO, "scope": f"{SCOPE} rs_api"}
    async with httpx.AsyncClient(trust_env=False) as plain:
        begun = await plain.post(endpoint(here, "device_authorization"), data=form)
    code = begun.json()
    asked = {"grant_type": Grant.DEVICE.value, "device_code": code["device_code"]}
    with pytest.raises(OAuthError, match="authorization_pending"):
        await client.tokens(**asked)
    person = await realm.directory.authenticate("ada", PASSWORD)
    browser, _ = await realm.browsers.open(person, "", (Proof.PASSWORD,))
    await realm.devices.decide(code["user_code"], person, browser, allow=True)
    await here.clock.advance(5)
    token = (await client.tokens(**asked))["access_token"]
    api = Authlib(here, "api", client_secret=made.secret)
    answer = await api.tokens(
        grant_type=Grant.EXCHANGE.value,
        subject_token=token,
        subject_token_type=ACCESS,
        audience="rs_heliostat",
        scope="at_groups",
    )
    assert answer["issued_token_type"] == ACCESS
    assert (await here.identity.verify(answer["access_token"])).client == "api"
