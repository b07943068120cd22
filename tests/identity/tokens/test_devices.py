"""Machines without a browser: codes, polling, and what comes of a decision."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from heliostat.client.devices import DeviceSignIn
from heliostat.client.faults import Unreachable
from heliostat.client.target import Target
from heliostat.client.tokens import DeviceCode, TokenService
from heliostat.client.tokens import Grant as Told
from heliostat.core.errors import HeliostatError
from heliostat.identity.clients.named import HELIO
from heliostat.identity.clients.records import Grant
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.steps.proofs import Proof
from heliostat.identity.tokens.devices import ALPHABET, normal, shown, user_code
from heliostat.identity.tokens.endpoints import routes
from heliostat.identity.tokens.opened import unverified
from heliostat.identity.tokens.sign_in_attempt import SignIn
from heliostat.testing.signin import KINDS, PASSWORD, SCOPE, IdentityKit, code_of, refresh

BEGIN = "/openidconnect/device_authorization/heliostat.local"


@pytest.fixture
async def http(kit: IdentityKit) -> AsyncIterator[httpx.AsyncClient]:
    app = web.Application()
    app.add_routes(routes(kit.identity))
    async with (
        TestServer(app) as server,
        httpx.AsyncClient(base_url=str(server.make_url("/")), trust_env=False) as client,
    ):
        yield client


async def begin(http: httpx.AsyncClient, **changes: str) -> httpx.Response:
    return await http.post(BEGIN, data={"client_id": HELIO, "scope": SCOPE, **changes})


async def poll(http: httpx.AsyncClient, code: str, **changes: str) -> httpx.Response:
    form = {"grant_type": Grant.DEVICE.value, "client_id": HELIO, "device_code": code, **changes}
    return await http.post("/openidconnect/token/heliostat.local", data=form)


async def ada(kit: IdentityKit) -> Person:
    realm = kit.identity.realms.system
    if await realm.directory.find_user("ada") is None:
        await realm.directory.create_user("ada", PASSWORD)
    return await realm.directory.authenticate("ada", PASSWORD)


async def decide(kit: IdentityKit, typed: str, *, allow: bool) -> None:
    realm, person = kit.identity.realms.system, await ada(kit)
    browser, _ = await realm.browsers.open(person, "", (Proof.PASSWORD,))
    await realm.devices.decide(typed, person, browser, allow=allow)


async def test_a_machine_is_signed_in_once_somebody_has_allowed_it(
    kit: IdentityKit, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    told = (await begin(http)).json()
    page = "https://site.test:9000/openidconnect/device"
    assert told["verification_uri"] == page
    assert told["verification_uri_complete"] == f"{page}?user_code={told['user_code']}"
    assert (told["expires_in"], told["interval"]) == (600, 5)
    waiting = await poll(http, told["device_code"])
    assert (waiting.status_code, waiting.json()["error"]) == (400, "authorization_pending")
    await decide(kit, told["user_code"].lower().replace("-", " "), allow=True)
    assert await code_of(decide(kit, told["user_code"], allow=False)) == "InvalidGrant"
    await kit.clock.advance(5)
    other = kit.restarted(tmp_path)
    app = web.Application()
    app.add_routes(routes(other))
    async with TestServer(app) as second:  # whichever controller is asked
        answer = await poll(http, told["device_code"])
        url = str(second.make_url("/"))
        async with httpx.AsyncClient(base_url=url, trust_env=False) as elsewhere:
            again = await poll(elsewhere, told["device_code"])
    other.close()
    tokens = answer.json()
    assert unverified(tokens["id_token"])[1]["amr"] == ["pwd"]
    assert unverified(tokens["id_token"])[1]["auth_time"] == kit.clock.now_ms() // 1000 - 5
    assert (await kit.identity.verify(tokens["access_token"])).subject == "ada@heliostat.local"
    await refresh(kit, tokens["refresh_token"], HELIO)
    assert again.json()["error"] == "invalid_grant"
    assert await KINDS.tokens.devices.all(kit.store) == []


async def test_who_asks_too_often_waits_longer(kit: IdentityKit, http: httpx.AsyncClient) -> None:
    code = (await begin(http)).json()["device_code"]
    for wait_s, error in (
        (0, "authorization_pending"),
        (4, "slow_down"),
        (9, "slow_down"),
        (15, "authorization_pending"),
        (15, "authorization_pending"),
    ):
        await kit.clock.advance(wait_s)
        assert (await poll(http, code)).json()["error"] == error
    await kit.clock.advance(600)
    assert (await poll(http, code)).json()["error"] == "expired_token"
    assert await kit.identity.maintain() == 1


async def test_what_nothing_comes_of(kit: IdentityKit, http: httpx.AsyncClient) -> None:
    denied = (await begin(http)).json()
    await decide(kit, denied["user_code"], allow=False)
    assert (await poll(http, denied["device_code"])).json()["error"] == "access_denied"
    assert (await poll(http, denied["device_code"])).json()["error"] == "invalid_grant"
    barred = (await begin(http)).json()
    await decide(kit, barred["user_code"], allow=True)
    assert (await poll(http, barred["device_code"], client_id="")).json()["error"] == (
        "unauthorized_client"
    )
    await kit.identity.directory.set_password("ada", PASSWORD + "!")
    assert (await poll(http, barred["device_code"])).json()["error"] == "invalid_grant"
    for changes, error in (
        ({"client_id": ""}, "unauthorized_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"scope": "openid root"}, "invalid_scope"),
    ):
        assert (await begin(http, **changes)).json()["error"] == error
    assert (await poll(http, "")).json()["error"] == "invalid_grant"
    realm = kit.identity.realms.system
    for typed in ("", "AAAA-AAAA", "BCDF-GHJ", denied["user_code"], "x" * 5000):
        assert await realm.devices.find(typed) is None


async def test_a_flood_of_machines_is_stopped(
    kit: IdentityKit, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace = kit.identity.realms.system.devices._pace
    while pace.admits():
        pass
    refused = await begin(http)
    assert refused.json()["code"] == "TooManyRequests"
    await kit.clock.advance(1)
    assert (await begin(http)).status_code == 200


def test_codes_are_of_letters_that_are_not_mistaken() -> None:
    codes = {user_code(str(number)) for number in range(500)}
    assert len(codes) == 500
    assert set("".join(codes)) == set(ALPHABET)
    for code in list(codes)[:9]:
        assert normal(shown(code).lower()) == normal(f" {code} ") == code
    for odd in ("ÄÖÜ", "BCDF-GHJA", "0123", "ß" * 4):
        assert normal(odd) == ""


class Scripted(TokenService):
    """Answers polls from a list; errors are raised."""

    def __init__(self, *answers: Told | HeliostatError) -> None:
        self.answers = list(answers)

    def by_device_code(self, device_code: str, domain: str = "") -> Told:
        assert (device_code, domain) == ("d", "acme.example")
        answer = self.answers.pop(0)
        if isinstance(answer, HeliostatError):
            raise answer
        return answer


def test_the_command_line_waits_as_it_is_told() -> None:
    pending, slower, denied = (
        HeliostatError(code, "") for code in ("AuthorizationPending", "SlowDown", "SignInDenied")
    )
    cut = Unreachable(Target.parse("https://a.example"), "cut")
    code = DeviceCode(
        device_code="d", user_code="BCDF-GHJK", verification_uri="https://a/", expires_in=100
    )
    slept: list[float] = []

    def wait(*answers: Told | HeliostatError) -> Told:
        slept.clear()
        service = Scripted(*answers)
        signing_in = DeviceSignIn(
            service, "acme.example", sleep=slept.append, now_s=lambda: sum(slept)
        )
        return signing_in.wait(code, lambda left_s: None)

    assert wait(pending, slower, cut, Told("a", 1)).access_token == "a"
    assert slept == [5, 5, 10, 15]
    for answers, told in (([denied], "SignInDenied"), ([pending] * 20, "DeviceCodeExpired")):
        with pytest.raises(HeliostatError) as caught:
            wait(*answers)
        assert caught.value.code == told


async def test_waiting_is_no_attempt_to_sign_in(kit: IdentityKit) -> None:
    told: list[SignIn] = []

    async def tell(_request: web.Request, attempt: SignIn) -> None:
        told.append(attempt)

    app = web.Application()
    app.add_routes(routes(kit.identity, tell))
    async with (
        TestServer(app) as server,
        httpx.AsyncClient(base_url=str(server.make_url("/")), trust_env=False) as http,
    ):
        code = (await begin(http)).json()["device_code"]
        errors = [(await poll(http, code)).json()["error"] for _ in range(2)]
        assert errors == ["authorization_pending", "slow_down"]
        assert told == []
        assert (await poll(http, "no such code")).json()["error"] == "invalid_grant"
        assert len(told) == 1
