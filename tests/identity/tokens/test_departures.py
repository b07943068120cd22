"""Signing out tells programs: by the browser, by the back channel, and again if need be."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jws
from joserfc.jwk import KeySet

from heliostat.controller.api import users
from heliostat.controller.api.call import Call
from heliostat.identity.kinds import kinds_of
from heliostat.identity.reach.options import ReachOptions
from heliostat.identity.tokens.departing import EVENT, Departing
from heliostat.identity.tokens.jose import Claims, parsed
from heliostat.identity.tokens.opened import unverified
from heliostat.identity.tokens.records import Departure
from heliostat.testing.browser import BACK, BYE, Browser, Page, answered, trade
from heliostat.testing.signin import (
    KINDS,
    OPTIONS,
    OTHER_PASSWORD,
    IdentityKit,
    code_of,
    refresh,
    start_identity,
)
from heliostat.wire.oidc_clients import OidcClientSettings as Settings

LOGOUT = "/openidconnect/logout/heliostat.local"


class Program:
    """What hears of sign-outs; ``answers`` are the statuses it gives before it is well."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.answers: list[int] = []
        self.told = asyncio.Event()

    async def hear(self, request: web.Request) -> web.Response:
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.heard.append(str((await request.post())["logout_token"]))
            self.told.set()
        headers = {"Location": "/elsewhere"} if status == 302 else {}
        return web.Response(status=status, headers=headers)


@pytest.fixture
async def program(kit: IdentityKit, browser: Browser) -> AsyncIterator[Program]:
    """The client ``shop``, told at an address of its own."""
    made = Program()
    app = web.Application()
    app.router.add_post("/bye", made.hear)
    async with TestServer(app) as server:
        told = Settings(
            backchannel_logout_uri=f"http://127.0.0.1:{server.port}/bye",
            frontchannel_logout_uri="https://shop.example/front?a=1",
            logout_session_required=True,
        )
        await kit.identity.directory.update_client("shop", told)
        yield made


def departing(kit: IdentityKit) -> Departing:
    identity = kit.identity
    trust = ssl.create_default_context()
    return Departing(identity.realms, kit.store, kit.clock, kit.ids, trust)


async def signed_in(browser: Browser, scope: str = "openid") -> dict[str, str]:
    code = answered(await browser.sign_in(scope=scope))["code"]
    tokens: dict[str, str] = (await trade(browser, code)).json()
    return tokens


async def sign_out(browser: Browser, **query: str) -> httpx.Response:
    asked = await browser.get(LOGOUT, **query)
    answer = await browser.post(LOGOUT, Page(asked.text).fields)
    assert answer.status_code == 200, answer.headers
    return answer


async def opened(kit: IdentityKit, token: str) -> Claims:
    published: Any = await kit.identity.keys.jwks()
    keys = KeySet.import_key_set(published)
    jws.deserialize_compact(token.encode(), keys, algorithms=["ES256"])
    read = parsed(token)
    assert read.header["typ"] == "logout+jwt"
    return read.claims


async def test_a_browsers_sign_out_is_told_to_its_programs(
    kit: IdentityKit, browser: Browser, program: Program
) -> None:
    tokens = await signed_in(browser)
    assert "refresh_token" not in tokens
    sid = unverified(tokens["id_token"])[1]["sid"]
    answer = await sign_out(browser, post_logout_redirect_uri=BYE, client_id="shop")
    page = Page(answer.text)
    (frame,) = [attrs for tag, attrs in page.all if tag == "iframe"]
    issuer = "https%3A%2F%2Fsite.test%3A9000%2Fopenidconnect%2Fheliostat.local"
    assert frame["src"] == f"https://shop.example/front?a=1&iss={issuer}&sid={sid}"
    assert frame["sandbox"] == "allow-scripts allow-same-origin"
    (refresh_,) = [attrs for tag, attrs in page.all if tag == "meta" and "http-equiv" in attrs]
    assert refresh_["content"] == f"3;url={BYE}"
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-src https://shop.example;" in policy
    assert await departing(kit).deliver() == 0.0
    (token,) = program.heard
    claims = await opened(kit, token)
    now_s = kit.clock.now_ms() // 1000
    assert claims.pop("jti")
    assert claims == {
        "iss": kit.identity.options.issuer,
        "aud": "shop",
        "iat": now_s,
        "exp": now_s + 120,
        "events": {EVENT: {}},
        "sid": sid,
        "sub": "ada@heliostat.local",
    }
    assert await KINDS.tokens.departures.all(kit.store) == []
    assert await KINDS.tokens.sessions.all(kit.store) == []
    assert await code_of(kit.identity.verify(token)) == "InvalidAuthToken"


async def test_whoever_waits_hears_of_it_at_once(
    kit: IdentityKit, browser: Browser, program: Program
) -> None:
    delivering = asyncio.create_task(departing(kit).run())
    for _ in range(2):
        program.told.clear()
        await signed_in(browser)
        await sign_out(browser)
        await asyncio.wait_for(program.told.wait(), 10)
    delivering.cancel()
    await asyncio.gather(delivering, return_exceptions=True)
    assert len(program.heard) == 2


async def test_a_program_that_is_away_is_told_later(
    kit: IdentityKit, browser: Browser, program: Program
) -> None:
    await signed_in(browser)
    await sign_out(browser)
    program.answers = [503, 302, 200]
    for wait_s in (0, 15, 60):
        await kit.clock.advance(wait_s)
        await departing(kit).deliver()  # each time another process
        await departing(kit).deliver()  # a claimed one is left alone
    assert len(program.heard) == 1
    assert await KINDS.tokens.departures.all(kit.store) == []


async def test_a_program_that_is_away_keeps_no_other_waiting(
    kit: IdentityKit, browser: Browser, program: Program
) -> None:
    told = Settings(backchannel_logout_uri="http://127.0.0.1:1/bye")
    await kit.identity.directory.update_client("other", told)
    now_ms = kit.clock.now_ms()
    for number in range(205):  # more than what came first in one page
        away = Departure(
            id=f"0-{number:03}",
            domain=kit.identity.options.domain,
            client="other",
            session="",
            user="ada",
            due_ms=now_ms + (300_000 if number < 200 else 0),
            expires_ms=now_ms + 3_600_000,
        )
        await kit.store.commit([], KINDS.tokens.departures.put(away))
    await signed_in(browser)
    await sign_out(browser)
    assert await departing(kit).deliver() == 0.0
    assert len(program.heard) == 1


async def test_a_program_that_stays_away_is_given_up(
    kit: IdentityKit, browser: Browser, program: Program
) -> None:
    await signed_in(browser)
    await sign_out(browser)
    program.answers = [500] * 100
    for _ in range(40):
        wait_s = await departing(kit).deliver()
        await kit.clock.advance(max(wait_s, 3000))
    assert await KINDS.tokens.departures.all(kit.store) == []
    assert program.heard == []


@pytest.mark.parametrize("ends", ["disabled", "deleted", "another password"])
async def test_programs_hear_of_who_may_not_go_on(
    kit: IdentityKit, browser: Browser, program: Program, ends: str
) -> None:
    await signed_in(browser)
    directory = kit.identity.directory
    at_hand = kit.identity.realms.system.signed_in
    assert await at_hand.end_stale() == 0
    match ends:
        case "disabled":
            await directory.set_disabled("ada", True)
        case "deleted":
            await directory.delete_user("ada")
        case _:
            await directory.set_password("ada", OTHER_PASSWORD)
    assert await at_hand.end_stale("administrator") == 0
    await kit.identity.maintain()
    assert await at_hand.list_sessions() == []
    await departing(kit).deliver()
    assert len(program.heard) == 1


async def test_programs_hear_at_once_of_who_an_administrator_deletes(
    kit: IdentityKit, browser: Browser, program: Program
) -> None:
    await signed_in(browser)
    services = SimpleNamespace(directories=kit.identity.directories)
    call = cast(Call, SimpleNamespace(services=services, params={}, id="ada"))
    await users._delete(call, plan=True)
    assert len(await KINDS.tokens.sessions.all(kit.store)) == 1
    await users._delete(call, plan=False)
    assert await KINDS.tokens.sessions.all(kit.store) == []
    await departing(kit).deliver()
    assert len(program.heard) == 1


async def test_who_wants_nothing_any_more_is_told_nothing(
    kit: IdentityKit, browser: Browser, program: Program
) -> None:
    await signed_in(browser)
    await kit.identity.realms.system.signed_in.end_sessions("ada")
    await kit.identity.directory.update_client("shop", Settings(backchannel_logout_uri=""))
    await departing(kit).deliver()
    assert (program.heard, await KINDS.tokens.departures.all(kit.store)) == ([], [])


@pytest.mark.parametrize("tenant", ["heliostat.local", "acme.example"])
async def test_nobody_can_make_the_controller_talk_to_itself(
    tmp_path: Path, program: Program, kit: IdentityKit, tenant: str
) -> None:
    """The operator lets no tenant do so here, not even the system's, however it is spelled."""
    uri = (await kit.identity.directory.get_client("shop")).backchannel_logout_uri
    closed = await start_identity(tmp_path / "closed", replace(OPTIONS, reach=ReachOptions()))
    await closed.identity.tenants.create_tenant("acme.example")
    realm = await closed.identity.realms.get(tenant)
    await realm.directory.create_user("eve", "correct horse battery")
    person = await realm.people.person("eve")
    assert person is not None
    kinds = kinds_of(realm.options.tenant)
    hosts = ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f.1")
    for number, host in enumerate(hosts):
        name = f"spy{number}"
        wanted = Settings(backchannel_logout_uri=uri)
        await realm.directory.create_client(name, [BACK], wanted)
        stored = await kinds.directory.clients.get(closed.store, name)
        assert stored is not None
        there = uri.replace("127.0.0.1", host)
        spy = msgspec.structs.replace(stored.value, backchannel_logout_uri=there)
        await closed.store.commit([], kinds.directory.clients.put(spy, stored.value))
        await realm.sessions.end(await realm.sessions.open(person, spy, "openid"))
    await departing(closed).deliver()
    assert program.heard == []
    assert len(await kinds.tokens.departures.all(closed.store)) == len(hosts)
    closed.identity.close()
    await closed.store.close()


async def test_sessions_are_listed_and_ended(
    kit: IdentityKit, browser: Browser, program: Program
) -> None:
    tokens = await signed_in(browser, "openid offline_access")
    at_hand = kit.identity.realms.system.signed_in
    for user in ("", "ada", "ADA@heliostat.local"):
        listed = await at_hand.list_sessions(user)
        assert [(each.what, each.client) for each in listed].count(("program", "shop")) == 1
        assert {each.subject for each in listed} == {"ada@heliostat.local"}
    assert await at_hand.list_sessions("nobody") == []
    (shop,) = [each for each in listed if each.what == "program"]
    assert (await at_hand.end_session(shop.id, plan=True)).id == shop.id
    await at_hand.end_session(shop.id)
    assert await code_of(refresh(kit, tokens["refresh_token"], "shop")) == "InvalidGrant"
    assert await code_of(at_hand.end_session(shop.id)) == "SessionNotFound"
    assert await code_of(at_hand.end_session("../x")) == "SessionNotFound"
    (left,) = await at_hand.list_sessions("ada")
    assert left.what == "browser"
    answered(await browser.authorize(prompt="none"))["code"]
    assert len(await at_hand.end_sessions("ada")) == 1
    assert answered(await browser.authorize(prompt="none"))["error"] == "login_required"
    await departing(kit).deliver()
    assert len(program.heard) == 1
