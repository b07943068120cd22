"""People of a provider that nobody here wrote sign in: node-oidc-provider, by secret and by key."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from aiohttp.test_utils import unused_port
from joserfc.jwk import ECKey

from heliostat.core.process import CommandFailed, run
from heliostat.identity.options import FederationPolicy
from heliostat.identity.tokens.opened import unverified
from heliostat.testing.browser import Browser, Page, answered, trade
from heliostat.testing.signin import OPTIONS, IdentityKit, new_key_pair, start_identity

SCRIPT = Path(__file__).with_name("outside_provider.mjs")
CORP = "corp"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the library and our script; skips where npm can't bring it."""
    folder = tmp_path_factory.mktemp("node")
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    argv = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "oidc-provider@9"]
    try:
        run(argv, timeout_s=110, cwd=str(folder))
    except CommandFailed as error:
        pytest.skip(f"npm can't install oidc-provider here: {error.message}")
    shutil.copy(SCRIPT, folder)
    return folder


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[IdentityKit]:
    options = replace(OPTIONS, federation=FederationPolicy(plain_http=True))
    now_ms = time.time_ns() // 1_000_000
    made = await start_identity(tmp_path / "authority", options, start_ms=now_ms)
    yield made
    made.identity.close()
    await made.store.close()


async def at_the_provider(sent: str) -> str:
    """Sign in and agree there, as its pages ask; gives where the browser is sent back to."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        answer = await http.get(sent)
        for _ in range(12):
            while answer.is_redirect:
                there = urljoin(str(answer.url), answer.headers["Location"])
                if urlsplit(there).netloc != urlsplit(sent).netloc:
                    return there
                answer = await http.get(there)
            assert answer.status_code == 200, answer.text
            page = Page(answer.text)
            action = answer.text.partition('action="')[2].partition('"')[0]
            typed = (
                {"login": "grace", "password": "any"} if "login" in page.fields["prompt"] else {}
            )
            answer = await http.post(
                urljoin(str(answer.url), action), data={**page.fields, **typed}
            )
    raise AssertionError("the provider asks for ever")


@pytest.mark.slow
@pytest.mark.takes(10)
@pytest.mark.parametrize("by_key", [False, True])
async def test_its_people_sign_in(
    library: Path, kit: IdentityKit, browser: Browser, by_key: bool
) -> None:
    port = unused_port()
    realm = kit.identity.realms.system
    await realm.directory.create_group("Engineers")
    private, public = new_key_pair()
    key = ECKey.import_key(public)
    keys = {"keys": [{**key.as_dict(private=False), "kid": key.thumbprint(), "alg": "ES256"}]}
    secret = (
        {"private_key_pem": private} if by_key else {"client_secret": "shared with nobody else"}
    )
    fields = {
        "title": "Corp",
        "issuer": f"http://127.0.0.1:{port}",
        "client_id": "heliostat",
        "scopes": ["profile", "email"],
        "groups": [{"value": "eng-*", "group": "Engineers"}],
        "email_domains": ["corp.example"],
        **secret,
    }
    providers = realm.administered_providers
    await providers.create_provider(CORP, "oidc", fields)
    argv = ["node", SCRIPT.name, str(port), providers.comes_back_to(CORP, "oidc")]
    process = await asyncio.create_subprocess_exec(
        *argv, *([json.dumps(keys)] if by_key else []), cwd=library, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        while (line := await asyncio.wait_for(process.stdout.readline(), 30)) != b"ready\n":
            assert line, "the provider ended"
        assert [each.well for each in await providers.probe_provider(CORP)] == [True, True]
        sent = (await browser.authorize(provider=CORP)).headers["Location"]
        back = urlsplit(await at_the_provider(sent))
        assert back.netloc == "site.test:9000"
        done = await browser.get(f"{back.path}?{back.query}")
        tokens = (await trade(browser, answered(done)["code"])).json()
        _, claims = unverified(tokens["id_token"])
        assert (claims["sub"], claims["amr"]) == ("grace@heliostat.local", ["fed"])
        assert claims["groups"] == ["heliostat.local\\Engineers"]
        user = await realm.directory.get_user("grace")
        assert (user.email, user.given_name) == ("grace@corp.example", "Grace")
    finally:
        process.kill()
        await process.wait()
