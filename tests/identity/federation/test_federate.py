"""Signing in with another OpenID provider: there and back, and providers that lie."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.identity.authority.tls import server_ssl_context
from heliostat.identity.federation import authentication, outbound
from heliostat.identity.federation.depth import INNERMOST, Depth, depth_of, may_lead
from heliostat.identity.federation.outbound import Outbound
from heliostat.identity.federation.records import OidcSettings, Provider, ProviderKind
from heliostat.identity.options import FederationPolicy
from heliostat.identity.reach.gate import Gate
from heliostat.identity.reach.options import ReachOptions
from heliostat.identity.tokens.endpoints import routes
from heliostat.identity.tokens.opened import unverified
from heliostat.testing.authenticator import Authenticator
from heliostat.testing.browser import STEPS, Browser, Page, answered, trade
from heliostat.testing.signin import (
    FOR_THE_API,
    KINDS,
    LOOPBACK,
    OPTIONS,
    PASSWORD,
    IdentityKit,
    code_of,
    new_key_pair,
    refresh,
    start_identity,
)

OTHER = "/openidconnect/federate/heliostat.local"


@dataclass
class Corp:
    """A provider on loopback whose every answer a test can bend."""

    key: ECKey | RSAKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "k1"}))
    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Callable[[], web.StreamResponse]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    posted: dict[str, str] = field(default_factory=dict)
    authorization: str = ""
    now_s: Callable[[], float] = lambda: 0.0
    nonce: str = ""
    signed_with: Any = None

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    def token(self) -> str:
        now_s = int(self.now_s())
        claims = {
            "iss": self.issuer, "sub": "00u1", "aud": "us", "exp": now_s + 300, "iat": now_s,
            "nonce": self.nonce, "preferred_username": "eve", "groups": ["eng"], **self.claims,
        }  # fmt: skip
        header = {"alg": "ES256", "kid": "k1", **self.header}
        key = self.signed_with or self.key
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(header, kept, key, algorithms=[header["alg"]])

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]()
        if path.endswith("openid-configuration"):
            told = {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "userinfo_endpoint": f"{self.issuer}/me",
                "id_token_signing_alg_values_supported": ["ES256", "RS256", "none", "HS256"],
                **self.metadata,
            }
            return web.json_response({name: value for name, value in told.items() if value})
        if path == "/keys":
            return web.json_response({"keys": [self.key.as_dict(private=False)]})
        if path == "/token":
            self.posted = {name: str(value) for name, value in (await request.post()).items()}
            self.authorization = request.headers.get("Authorization", "")
            return web.json_response({"id_token": self.token(), "access_token": "at"})
        if path == "/me":
            assert request.headers["Authorization"] == "Bearer at"
            return web.json_response({"sub": "00u1", "email": "eve@corp.example"})
        return web.Response(status=404)


@pytest.fixture
async def kit(tmp_path: Any) -> AsyncIterator[IdentityKit]:
    options = replace(OPTIONS, federation=FederationPolicy(plain_http=True))
    made = await start_identity(tmp_path / "authority", options)
    yield made
    made.identity.close()
    await made.store.close()


@pytest.fixture
async def corp(kit: IdentityKit) -> AsyncIterator[Corp]:
    corp = Corp(now_s=lambda: kit.clock.now_ms() / 1000)
    async with TestServer(corp.app()) as server:
        corp.issuer = str(server.make_url("/")).rstrip("/")
        yield corp


async def register(kit: IdentityKit, corp: Corp, **oidc: Any) -> None:
    def made(id_: str, now_ms: int) -> Provider:
        settings = OidcSettings(issuer=corp.issuer, client_id="us", **oidc)
        return Provider(
            id=id_, name="corp", kind=ProviderKind.OIDC, title="Corp & Co", created_ms=now_ms,
            oidc=settings, trust_second_factor=True,
        )  # fmt: skip

    await kit.identity.realms.system.providers.create("corp", made)


async def left(browser: Browser, corp: Corp, **changes: str) -> dict[str, str]:
    """What the browser is sent to the provider with."""
    answer = await browser.authorize(provider="corp", **changes)
    assert answer.status_code == 303, answer.text
    location = answer.headers["Location"]
    assert location.startswith(f"{corp.issuer}/authorize?")
    told = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    corp.nonce = told["nonce"]
    return told


async def back(browser: Browser, told: dict[str, str], **changes: str) -> httpx.Response:
    query = {"code": "c1", "state": told["state"], **changes}
    return await browser.get(f"{OTHER}/corp", **{k: v for k, v in query.items() if v})


async def test_there_and_back(kit: IdentityKit, corp: Corp, browser: Browser) -> None:
    await register(kit, corp)
    page = await browser.authorize()
    assert "Sign in with Corp & Co" in Page(page.text).text
    link = page.text.partition('class="other" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert link.startswith(f"{STEPS}/with/corp?")
    by_link = await browser.get(link)
    assert by_link.headers["Location"].startswith(f"{corp.issuer}/authorize?")
    told = await left(browser, corp)
    assert (told["scope"], told["code_challenge_method"]) == ("openid profile email", "S256")
    assert told["redirect_uri"] == f"https://site.test:9000{OTHER}/corp"
    done = await back(browser, told)
    tokens = (await trade(browser, answered(done)["code"])).json()
    _, claims = unverified(tokens["id_token"])
    assert (claims["sub"], claims["acr"], claims["amr"]) == ("eve@heliostat.local", "sfa", ["fed"])
    assert corp.posted["client_id"] == "us"
    user = await kit.identity.directory.get_user("eve")
    assert user.email == "eve@corp.example"
    assert "password" not in [each.grant for each in browser.told]
    assert answered(await browser.authorize(prompt="none"))["code"]
    assert "just been sent" in (await back(browser, told)).text
    await kit.identity.directories.policies.change_policy(
        "heliostat.local", {"second_factors.requirement": "required"}
    )
    asked = await back(browser, await left(browser, corp, prompt="login"))
    assert "Add a second factor" in (await browser.step(asked)).text
    corp.claims = {"amr": ["pwd", "mfa"]}
    told = await left(browser, corp, prompt="login", acr_values="mfa")
    assert (told["prompt"], told["acr_values"]) == ("login", "mfa")
    assert answered(await back(browser, told))["code"]


async def test_who_came_through_a_provider_is_signed_out_with_it(
    kit: IdentityKit, corp: Corp, browser: Browser
) -> None:
    await register(kit, corp)
    code = answered(await back(browser, await left(browser, corp)))["code"]
    assert (await trade(browser, code)).status_code == 200
    half = await left(browser, corp, prompt="login")  # on the way when it is disabled
    realm = kit.identity.realms.system
    assert await realm.signed_in.list_sessions("eve")
    await realm.administered_providers.update_provider("corp", {"disabled": True})
    assert await realm.signed_in.list_sessions("eve") == []
    assert "code=" not in (await back(browser, half)).headers.get("Location", "")
    page = await browser.authorize()
    assert page.status_code == 200
    assert "Corp" not in Page(page.text).text


async def test_only_the_browser_that_was_sent_comes_back(
    kit: IdentityKit, corp: Corp, browser: Browser
) -> None:
    await register(kit, corp)
    told = await left(browser, corp)
    mine, browser.cookies = browser.cookies, {}
    assert "just been sent" in (await back(browser, told)).text
    browser.cookies = mine
    for query in ({"state": "guessed"}, {"state": ""}):
        assert "just been sent" in (await back(browser, told, **query)).text
    denied = await back(browser, told, code="", error="access_denied <b>")
    assert "Corp & Co signs nobody in (access_denied b)" in Page(denied.text).text
    assert 'type="password"' in denied.text
    assert await KINDS.federation.asked.all(kit.store) == []  # who only begins writes nothing
    long = await browser.authorize(provider="corp", state="x" * 2000, nonce="y" * 2000)
    assert "too long to be taken" in long.text
    told, before = await left(browser, corp), dict(browser.cookies)
    await left(browser, corp)
    assert "just been sent" in (await back(browser, told)).text  # it has left anew since
    browser.cookies = before
    await kit.clock.advance(601)
    assert "just been sent" in (await back(browser, told)).text
    codes = [each.error.code for each in browser.told if each.error]
    assert codes == ["ProviderRefused", "InvalidEntity"]
    page = Page(denied.text)  # whom the provider keeps out may still have a password here
    typed = {"username": "ada", "password": PASSWORD, "form_token": browser.cookies["oidc_form"]}
    assert answered(await browser.post(page.action, {**page.fields, **typed}))["code"]


def other_key(kid: str = "k1") -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid})


def lying(**changes: Any) -> Callable[[Corp], None]:
    def lie(corp: Corp) -> None:
        for name, value in changes.items():
            setattr(corp, name, value)

    return lie


def unsigned(corp: Corp) -> None:
    def answer() -> web.StreamResponse:
        parts = corp.token().split(".")
        head = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
        return web.json_response({"id_token": f"{head}.{parts[1]}."})

    corp.answers["/token"] = answer


def shared_secret(corp: Corp) -> None:
    """Signed with the public key as if it were a secret."""
    corp.header = {"alg": "HS256"}
    corp.signed_with = OctKey.import_key(json.dumps(corp.key.as_dict(private=False)))


def saying(path: str, body: str | dict[str, Any], status: int = 200) -> Callable[[Corp], None]:
    text = body if isinstance(body, str) else json.dumps(body)

    def lie(corp: Corp) -> None:
        corp.answers[path] = lambda: web.Response(text=text, status=status)

    return lie


def redirecting(path: str) -> Callable[[Corp], None]:
    def lie(corp: Corp) -> None:
        to = {"Location": f"{corp.issuer}/inner"}
        corp.answers[path] = lambda: web.Response(status=302, headers=to)

    return lie


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        (lying(claims={"iss": "https://other.example"}), "another's"),
        (lying(claims={"iss": None}), "another's"),
        (lying(claims={"aud": "them"}), "for somebody else"),
        (lying(claims={"aud": ["us", "them"]}), "asked for by somebody else"),
        (lying(claims={"azp": "them"}), "asked for by somebody else"),
        (lying(claims={"exp": 1}), "expired"),
        (lying(claims={"exp": "soon"}), "expired"),
        (lying(claims={"exp": True}), "expired"),
        (lying(claims={"iat": 9e12}), "of the future"),
        (lying(claims={"nbf": 9e12}), "not count yet"),
        (lying(claims={"nonce": "another"}), "another request"),
        (lying(claims={"nonce": None}), "another request"),
        (lying(claims={"sub": ""}), "names nobody"),
        (lying(claims={"sub": 7}), "names nobody"),
        (lying(claims={"sub": "x" * 300}), "names nobody"),
        (lying(signed_with=other_key()), "signature is wrong"),
        (lying(signed_with=other_key("k2"), header={"kid": "k2"}), "none of its keys"),
        (lying(header={"alg": "RS256"}, signed_with=RSAKey.generate_key(2048)), "none of its keys"),
        (shared_secret, "signed with 'HS256'"),
        (unsigned, "signed with 'none'"),
        (saying("/token", {"id_token": "e30"}), "can be read"),
        (saying("/token", {}), "can be read"),
        (saying("/token", {"error": "invalid_grant"}, 400), "invalid_grant"),
        (saying("/token", "{" * 100_000), "no JSON"),
        (saying("/token", "[]"), "no JSON object"),
        (saying("/token", "x" * 300_000), "more than 262144 bytes"),
        (saying("/keys", {"keys": 7}), "none of its keys"),
        (saying("/keys", {"keys": [{"kty": "EC", "kid": "k1"}]}), "can't be read"),
        (saying("/me", {"sub": "00u2", "email": "root@corp.example"}), "about somebody else"),
        (redirecting("/token"), "no JSON"),
        (redirecting("/keys"), "no JSON"),
    ],
)
async def test_providers_that_lie_sign_nobody_in(
    kit: IdentityKit, corp: Corp, browser: Browser, lie: Callable[[Corp], None], why: str
) -> None:
    await register(kit, corp)
    told = await left(browser, corp)
    lie(corp)
    page = Page((await back(browser, told)).text)
    assert why in page.text
    assert await kit.identity.directory.find_user("eve") is None
    assert "/inner" not in corp.asked


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"issuer": "https://login.example"}, "says it is 'https://login.example'"),
        ({"token_endpoint": "file:///etc/passwd"}, "does not begin with https"),
        ({"token_endpoint": "http://169.254.169.254/latest"}, "further inside"),
        ({"token_endpoint": "http://[fe80::1]/"}, "further inside"),
        ({"jwks_uri": "http://0.0.0.0/"}, "further inside"),
        ({"jwks_uri": None}, "does not begin with https"),
        ({"token_endpoint": "http://us@corp.example/"}, "no address that can be asked"),
    ],
)
async def test_providers_lead_nowhere_they_like(
    kit: IdentityKit, corp: Corp, browser: Browser, metadata: dict[str, Any], why: str
) -> None:
    await register(kit, corp)
    corp.metadata = metadata
    page = await browser.authorize(provider="corp")
    assert why in Page(page.text).text
    assert 'type="password"' in page.text


async def test_mixed_up_answers_are_refused(kit: IdentityKit, corp: Corp, browser: Browser) -> None:
    await register(kit, corp)
    told = await left(browser, corp)
    assert "another provider" in (await back(browser, told, iss="https://evil.example")).text
    assert corp.asked.count("/token") == 0
    corp.metadata = {"authorization_response_iss_parameter_supported": True}
    await kit.clock.advance(3600)
    told = await left(browser, corp)
    assert "another provider" in (await back(browser, told)).text
    told = await left(browser, corp)
    assert answered(await back(browser, told, iss=corp.issuer))["code"]


async def test_who_signs_out_there_is_signed_out_here(
    kit: IdentityKit, corp: Corp, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(kit, corp)
    corp.metadata = {"end_session_endpoint": f"{corp.issuer}/bye"}
    done = await back(browser, await left(browser, corp))
    tokens = (await trade(browser, answered(done)["code"])).json()
    event: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}

    async def told(**claims: Any) -> httpx.Response:
        corp.claims = {"nonce": None, "jti": "j1", "events": event, **claims}
        return await browser.post(f"{OTHER}/corp/logout", {"logout_token": corp.token()})

    for bad, why in (
        ({"nonce": "n"}, "is an id token"),
        ({"events": None}, "nothing of signing out"),
        ({"aud": "them"}, "for somebody else"),
        ({"iss": "https://other.example"}, "another's"),
        ({"iat": 1}, "not of now"),
        ({"exp": 1}, "expired"),
        ({"sub": None}, "names nobody"),
        ({"jti": None}, "no jti"),
    ):
        refused = await told(**bad)
        assert (refused.status_code, why in refused.text) == (400, True), refused.text
    empty = {"logout_token": ""}
    assert "can be read" in (await browser.post(f"{OTHER}/corp/logout", empty)).text
    assert (await told(sub="00u9", jti="j0")).status_code == 200
    tokens["refresh_token"] = (await refresh(kit, tokens["refresh_token"], "shop")).refresh_token
    ending = kit.identity.realms.system.signed_in

    async def killed(_user: str) -> None:
        raise TemporaryError("StoreUnavailable", "killed")

    with monkeypatch.context() as patch:
        patch.setattr(ending, "end_sessions", killed)
        assert (await told()).status_code >= 500
    assert (await told()).status_code == 200  # the provider tells again, and it counts
    assert "used before" in (await told()).text
    latest = browser.told[-1]
    assert (latest.operation, latest.subject) == ("signOut", "eve@heliostat.local")
    assert await code_of(refresh(kit, tokens["refresh_token"], "shop")) == "InvalidGrant"
    assert 'type="password"' in (await browser.authorize()).text
    corp.claims = {}
    await back(browser, await left(browser, corp))
    page = await browser.get("/openidconnect/logout")
    out = await browser.post("/openidconnect/logout", Page(page.text).fields)
    assert "Sign out of Corp & Co, too" in Page(out.text).text
    assert f'href="{corp.issuer}/bye?client_id=us"' in out.text


async def test_a_passkey_here_does_not_go_around_the_provider(
    kit: IdentityKit, corp: Corp, browser: Browser
) -> None:
    """Who has left the company has no way in but by its provider."""
    await register(kit, corp)
    answered(await back(browser, await left(browser, corp)))
    realm, device = kit.identity.realms.system, Authenticator()
    eve = await realm.people.person("eve")
    assert eve is not None
    asked = await realm.passkeys.ask_new(eve, "form")
    await realm.passkeys.add(eve, device.create(asked), "form", "Mine")
    browser.cookies.clear()
    page = await browser.authorize()
    options = unescape(page.text.partition('data-passkey="')[2].partition('"')[0])
    fields = {**Page(page.text).fields, "passkey": device.get(options)}
    refused = await browser.post(Page(page.text).action, fields)
    assert "signs in with another provider" in refused.text
    assert not any("session" in name for name in browser.cookies)
    page = await browser.step(await back(browser, await left(browser, corp)))
    options = unescape(page.text.partition('data-passkey="')[2].partition('"')[0])
    assert answered(await browser.take(page, passkey=device.get(options)))["code"]


async def test_another_issuer_is_not_told_the_secret(kit: IdentityKit) -> None:
    providers = kit.identity.realms.system.administered_providers
    fields = {"issuer": "https://login.example", "client_id": "us", "client_secret": "shared"}
    await providers.create_provider("corp", "oidc", fields)
    moved = {"issuer": "https://evil.example"}
    with pytest.raises(HeliostatError, match="another issuer is not told"):
        await providers.update_provider("corp", moved)
    await providers.update_provider("corp", {"client_id": "we"})
    await providers.update_provider("corp", {**moved, "client_secret": "another"})


async def test_new_keys_are_looked_up_but_not_for_ever(
    kit: IdentityKit, corp: Corp, browser: Browser
) -> None:
    await register(kit, corp)
    answered(await back(browser, await left(browser, corp)))
    corp.key = other_key("k2")
    corp.header = {"kid": "k2"}
    for _ in range(3):
        told = await left(browser, corp, prompt="login")
        assert "none of its keys" in (await back(browser, told)).text
    assert corp.asked.count("/keys") == 1
    await kit.clock.advance(60)
    assert answered(await back(browser, await left(browser, corp, prompt="login")))["code"]
    assert corp.asked.count("/keys") == 2


async def test_we_prove_who_we_are(kit: IdentityKit, corp: Corp, browser: Browser) -> None:
    realm = kit.identity.realms.system
    private, public = new_key_pair()
    await register(kit, corp)

    async def sealed(**secrets: str) -> None:
        id_ = (await realm.providers.get("corp")).id
        kept: dict[str, Any] = {
            name: realm.sealing.seal(
                secret.encode(),
                authentication.place("system", id_, name.replace("_", "-")),
            )
            for name, secret in secrets.items()
        }
        settings = OidcSettings(issuer=corp.issuer, client_id="us", **kept)
        await realm.providers.change(
            "corp", lambda old: Provider(**{
                each: getattr(old, each) for each in Provider.__struct_fields__ if each != "oidc"
            }, oidc=settings)
        )  # fmt: skip

    await sealed(secret="a:b/ü")
    answered(await back(browser, await left(browser, corp)))
    assert base64.b64decode(corp.authorization.removeprefix("Basic ")) == b"us:a%3Ab%2F%C3%BC"
    corp.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    await kit.clock.advance(3600)
    answered(await back(browser, await left(browser, corp, prompt="login")))
    assert (corp.posted["client_secret"], corp.authorization) == ("a:b/ü", "")
    await sealed(private_key=private)
    answered(await back(browser, await left(browser, corp, prompt="login")))
    key = ECKey.import_key(public)
    claims = jwt.decode(corp.posted["client_assertion"], key, algorithms=["ES256"]).claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("us", "us", f"{corp.issuer}/token")


async def test_slow_providers_are_given_up(
    kit: IdentityKit, corp: Corp, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()

    async def wait(_request: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/", wait)
    async with TestServer(app) as server:
        url = str(server.make_url("/"))
        asking = Outbound(Gate(LOOPBACK), plain_http=True)
        with monkeypatch.context() as soon:
            soon.setattr(outbound, "TIMEOUT_S", 0.05)
            with pytest.raises(HeliostatError) as slow:
                await asking.get(url, within=Depth.THIS_MACHINE)
        assert slow.value.code == "ProviderUnreachable"
        with pytest.raises(HeliostatError, match="further inside"):
            await asking.get(url, within=Depth.OWN_NETWORKS)
        with pytest.raises(HeliostatError, match="further inside"):
            await asking.get(f"http://localhost:{urlsplit(url).port}/", within=Depth.INTERNET)
        with pytest.raises(HeliostatError, match="begin with https"):
            await Outbound(Gate(LOOPBACK)).get(url, within=Depth.THIS_MACHINE)
        for host in ("127.0.0.1", "localhost", "0x7f.0.0.1", "[::ffff:7f00:1]"):
            there = url.replace("127.0.0.1", host)
            with pytest.raises(HeliostatError) as barred:
                await Outbound(Gate(ReachOptions()), plain_http=True).get(there, within=INNERMOST)
            assert barred.value.code == "AddressRefused", host
        released.set()


async def test_a_provider_of_an_authority_of_its_own_is_trusted_by_name(
    kit: IdentityKit, tmp_path: Path
) -> None:
    other = await start_identity(tmp_path / "other", start_ms=time.time_ns() // 1_000_000)
    app = web.Application()
    app.add_routes(routes(other.identity))
    runner = web.AppRunner(app)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    context = server_ssl_context(await other.identity.authority.issue_server(["localhost"]))
    await web.SockSite(runner, listener, ssl_context=context).start()
    path = f"{listener.getsockname()[1]}/openidconnect/heliostat.local/.well-known"
    asking, ca_pem = Outbound(Gate(LOOPBACK)), other.identity.authority.ca_pem
    here = Depth.THIS_MACHINE
    url = f"https://localhost:{path}/openid-configuration"
    answer = await asking.get(url, within=here, ca_pem=ca_pem)
    assert (answer.depth, answer.body["acr_values_supported"]) == (here, ["sfa", "mfa", "phr"])
    by_address = url.replace("localhost", "127.0.0.1")  # not in its certificate
    for asked, trusted in ((url, ""), (by_address, ca_pem)):
        with pytest.raises(HeliostatError) as refused:
            await asking.get(asked, within=here, ca_pem=trusted)
        assert refused.value.code == "ProviderUnreachable"
    await runner.cleanup()
    other.identity.close()
    await other.store.close()


@pytest.mark.parametrize(
    ("address", "depth"),
    [
        ("93.184.216.34", Depth.INTERNET),
        ("2606:2800:220:1::1", Depth.INTERNET),
        ("10.1.2.3", Depth.OWN_NETWORKS),
        ("100.64.0.1", Depth.OWN_NETWORKS),
        ("fd00::1", Depth.OWN_NETWORKS),
        ("127.0.0.53", Depth.THIS_MACHINE),
        ("::ffff:127.0.0.1", Depth.THIS_MACHINE),
        ("169.254.169.254", Depth.NOWHERE),
        ("fe80::1%eth0", Depth.NOWHERE),
        ("0.0.0.0", Depth.NOWHERE),
        ("224.0.0.1", Depth.NOWHERE),
        ("name", Depth.NOWHERE),
    ],
)
def test_addresses_lie_where_they_lie(address: str, depth: Depth) -> None:
    assert depth_of(address) is depth
    assert may_lead(Depth.THIS_MACHINE, depth) is (depth is not Depth.NOWHERE)
    assert may_lead(Depth.INTERNET, depth) is (depth is Depth.INTERNET)


async def test_two_of_our_realms_know_each_other(
    kit: IdentityKit, browser: Browser, tmp_path: Any
) -> None:
    """Our own provider, asked as a stranger's: what both sides promise fits together."""
    port = unused_port()
    base = f"http://127.0.0.1:{port}"
    options = replace(OPTIONS, domain="corp.example", base_url=base)
    other = await start_identity(tmp_path / "other", options)
    app = web.Application()
    app.add_routes(routes(other.identity))
    await other.identity.directory.create_user("grace", PASSWORD)
    elsewhere = kit.identity.realms.system.elsewhere
    await other.identity.directory.create_client(
        "us", [elsewhere.comes_back_to("corp")], FOR_THE_API
    )
    await register(kit, Corp(issuer=options.issuer), scopes=("openid",))
    async with (
        TestServer(app, port=port),
        httpx.AsyncClient(base_url=base, trust_env=False) as http,
    ):
        there = Browser(http, [])
        sent = (await browser.authorize(provider="corp")).headers["Location"]
        page = await there.get(sent.removeprefix(base))
        fields = {**Page(page.text).fields, "username": "grace", "password": PASSWORD}
        signed_in = await there.post(urlsplit(sent).path, fields)
        location = signed_in.headers["Location"]
        assert location.startswith(f"https://site.test:9000{OTHER}/corp?")
        done = await browser.get(location.removeprefix("https://site.test:9000"))
        assert answered(done)["code"]
    user = await kit.identity.directory.get_user("grace")
    assert user.description.startswith("Signs in with Corp & Co (")
    other.identity.close()
    await other.store.close()
