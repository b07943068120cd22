"""Apache with mod_auth_openidc as a program that people sign in to: by a secret, with PKCE.

It finds everything by discovery, checks our signatures, and is told of sign-outs by the back
channel.  Nothing between it and us is ours.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from heliostat.identity.tokens.departing import Departing
from heliostat.identity.tokens.endpoints import routes
from heliostat.testing.apache import apache, has_module
from heliostat.testing.browser import Browser, Page
from heliostat.testing.signin import KINDS, OPTIONS, PASSWORD, IdentityKit, start_identity
from heliostat.testing.slapds import free_port
from heliostat.wire.oidc_clients import OidcClientSettings as Settings

pytestmark = pytest.mark.skipif(not has_module("auth_openidc"), reason="no mod_auth_openidc")
CONFIGURATION = """
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID apache
OIDCClientSecret {secret}
OIDCProviderTokenEndpointAuth client_secret_basic
OIDCRedirectURI {address}/cb
OIDCCryptoPassphrase a-phrase-of-this-test
OIDCPKCEMethod S256
OIDCScope "openid profile email id_groups"
OIDCRemoteUserClaim sub
<Location /cb>
 AuthType openid-connect
 Require valid-user
</Location>
<Location /app/>
 AuthType openid-connect
 Require claim groups~Operators$
 Header set X-User "%{{OIDC_CLAIM_sub}}e"
 Header set X-Mail "%{{OIDC_CLAIM_email}}e"
</Location>
"""


@dataclass
class Site:
    """A browser's view of both: our sign-in, and Apache."""

    kit: IdentityKit
    browser: Browser
    apache: httpx.AsyncClient

    async def go(self) -> httpx.Response:
        """Open the application; the page that we show, or what it shows."""
        answer = await self.apache.get("/app/")
        return await self.browser.get(answer.headers["Location"]) if answer.is_redirect else answer

    async def sign_in(self, user: str) -> httpx.Response:
        page = Page((await self.go()).text)
        fields = {**page.fields, "username": user, "password": PASSWORD}
        back = await self.browser.post("/openidconnect/oidc/authorize", fields)
        inside = await self.apache.get(back.headers["Location"])
        return await self.apache.get(inside.headers["Location"])


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    own = free_port()
    options = replace(OPTIONS, base_url=f"http://127.0.0.1:{own}")
    kit = await start_identity(tmp_path / "authority", options, int(time.time() * 1000))
    with apache() as judge:
        secret = await _registered(kit, judge.address)
        text = CONFIGURATION.format(address=judge.address, issuer=options.issuer, secret=secret)
        judge.prepare("auth_openidc", text)
        app = web.Application()
        app.add_routes(routes(kit.identity))
        async with (
            TestServer(app, port=own) as server,
            judge.running(),
            httpx.AsyncClient(base_url=judge.address, trust_env=False) as client,
            httpx.AsyncClient(base_url=str(server.make_url("/")), trust_env=False) as ours,
        ):
            yield Site(kit, Browser(ours, []), client)
    kit.identity.close()
    await kit.store.close()


async def _registered(kit: IdentityKit, address: str) -> str:
    """Two people, one of them an operator, and Apache as a client; gives its secret."""
    directory = kit.identity.directory
    await directory.create_group("Operators")
    for name in ("ada", "bob"):
        await directory.create_user(name, PASSWORD, email=f"{name}@x.test")
    await directory.add_member("Operators", "ada")
    settings = Settings(
        authentication="client_secret_basic",
        algorithm="RS256",
        backchannel_logout_uri=f"{address}/cb?logout=backchannel",
    )
    return (await directory.create_client("apache", [f"{address}/cb"], settings)).secret


async def test_mod_auth_openidc_signs_people_in_and_hears_of_sign_outs(site: Site) -> None:
    inside = await site.sign_in("ada")
    assert (inside.status_code, inside.text) == (200, "inside")
    assert inside.headers["X-User"] == "ada@heliostat.local"
    assert inside.headers["X-Mail"] == "ada@x.test"
    assert (await site.go()).text == "inside"
    page = await site.browser.get("/openidconnect/logout")
    await site.browser.post("/openidconnect/logout", Page(page.text).fields)
    identity = site.kit.identity
    trust = ssl.create_default_context()
    departing = Departing(identity.realms, site.kit.store, site.kit.clock, site.kit.ids, trust)
    await departing.deliver()
    assert await KINDS.tokens.departures.all(site.kit.store) == []
    assert "Password" in (await site.go()).text
    assert (await site.sign_in("bob")).status_code == 401  # signed in, and no operator
