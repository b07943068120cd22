"""A real Chromium signs in: with a passkey of its own making, and without scripts."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiohttp import web

from heliostat.identity.authority.tls import server_ssl_context
from heliostat.identity.tokens.endpoints import routes
from heliostat.identity.tokens.sign_in_attempt import SignIn
from heliostat.testing.chromium import Chromium, Tab, chromium, installed
from heliostat.testing.signin import OPTIONS, PASSWORD, IdentityKit, start_identity

pytestmark = [
    pytest.mark.slow,
    pytest.mark.takes(15),
    pytest.mark.skipif(not installed(), reason="no Chromium is installed"),
]
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
PASSKEY = "button[data-passkey]"


@dataclass
class Site:
    """Where the pages are, over TLS of our own authority."""

    kit: IdentityKit
    base: str
    told: list[SignIn]
    browser: Chromium

    @property
    def account(self) -> str:
        return f"{self.base}/openidconnect/account/heliostat.local"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    listener = socket.create_server(("127.0.0.1", 0))
    base = f"https://localhost:{listener.getsockname()[1]}"
    kit = await start_identity(
        tmp_path / "ca", replace(OPTIONS, base_url=base), start_ms=time.time_ns() // 1_000_000
    )
    await kit.identity.directory.create_user("ada", PASSWORD, given_name="Ada")
    told: list[SignIn] = []

    async def tell(_request: web.Request, attempt: SignIn) -> None:
        told.append(attempt)

    app = web.Application()
    app.add_routes(routes(kit.identity, tell))
    runner = web.AppRunner(app)
    await runner.setup()
    files = await kit.identity.authority.issue_server(["localhost"])
    await web.SockSite(runner, listener, ssl_context=server_ssl_context(files)).start()
    async with chromium([files.chain.read_text()]) as browser:
        yield Site(kit, base, told, browser)
    await runner.cleanup()
    kit.identity.close()
    await kit.store.close()


async def with_password(page: Tab) -> None:
    await page.until("!!document.querySelector('#password')")
    await page.type("#username", "ada")
    await page.type("#password", PASSWORD)
    await page.click("form button")
    await page.until("document.title === 'Your account'")


async def sign_out(page: Tab, site: Site) -> None:
    await page.open(f"{site.base}/openidconnect/logout/heliostat.local")
    await page.click("form button")
    await page.until("document.title === 'You are signed out'")


async def test_a_passkey_is_enrolled_and_signs_in_alone(site: Site) -> None:
    page = await site.browser.page()
    await page.ask("WebAuthn.enable")
    device = (await page.ask("WebAuthn.addVirtualAuthenticator", options=DEVICE))["authenticatorId"]
    await page.open(site.account)
    await with_password(page)
    await page.click("form:has(input[value=offer]) button")
    await page.until("document.title === 'Add a second factor'")
    await page.type("#name", "Laptop")
    await page.click(PASSKEY)
    await page.until("document.title === 'Keep these codes'")
    made = (await page.ask("WebAuthn.getCredentials", authenticatorId=device))["credentials"]
    assert [(each["rpId"], each["isResidentCredential"]) for each in made] == [("localhost", True)]
    await page.click("a.other")
    await page.until("document.body.innerText.includes('Laptop')")
    await sign_out(page, site)
    await page.open(site.account)
    await page.click(PASSKEY)
    await page.until("document.title === 'Your account'")
    assert "ada@heliostat.local" in await page.text()
    proven = [each.grant for each in site.told if each.grant in ("password", "passkey")]
    assert proven == ["password", "passkey"]
    await sign_out(page, site)
    await page.ask("WebAuthn.setUserVerified", authenticatorId=device, isUserVerified=False)
    await page.open(site.account)
    await page.click(PASSKEY)
    await page.until("document.body.innerText.includes('could not be used')")
    await page.ask("WebAuthn.setUserVerified", authenticatorId=device, isUserVerified=True)
    await page.type("#username", "ada")
    await page.type("#password", PASSWORD)
    await page.click("form button")
    await page.until("document.title === 'Show that it is you'")
    await page.click(PASSKEY)
    await page.until("document.title === 'Your account'")


async def test_without_scripts_a_password_signs_in(site: Site) -> None:
    page = await site.browser.page()
    await page.ask("Emulation.setScriptExecutionDisabled", value=True)
    await page.open(site.account)
    assert await page.do(f"document.querySelector({PASSKEY!r}).hidden")
    await with_password(page)
    await page.click("form:has(input[value=offer]) button")
    await page.until("document.title === 'Add a second factor'")
    assert await page.do("document.querySelector('svg').getBoundingClientRect().width > 100")
