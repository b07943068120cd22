"""Signing in leaves a record, of who is known here and never of what was typed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiohttp.test_utils import TestServer

from heliostat.content.blobs import Blobs
from heliostat.controller.api.app import make_app
from heliostat.controller.api.ports import ApiSettings, AuthEndpoint
from heliostat.controller.trail.record import RECORDS, Record
from heliostat.controller.workflows.admission import Ports
from heliostat.identity.tokens.endpoints import routes
from heliostat.server import sign_ins
from heliostat.testing.agents import CannedAgents
from heliostat.testing.signin import FOR_THE_API, SCOPE, IdentityKit, start_identity
from heliostat.testing.site import NoImageFiles

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[IdentityKit]:
    made = await start_identity(tmp_path / "authority")
    yield made
    made.identity.close()
    await made.store.close()


@pytest.fixture
async def http(kit: IdentityKit, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The API with the sign-in of a whole controller."""
    ports = Ports(kit.store, kit.clock, kit.ids, Blobs(tmp_path / "blobs"), NoImageFiles())
    settings = ApiSettings(auth=AuthEndpoint("site.test", 9000, "heliostat.local"))
    agents = CannedAgents(kit.clock.now_ms())
    app = make_app(ports, kit.identity, kit.identity.directories, agents, settings)
    app.add_routes(routes(kit.identity, sign_ins.tell))
    async with (
        TestServer(app) as server,
        httpx.AsyncClient(base_url=str(server.make_url("/")), trust_env=False) as client,
    ):
        yield client


async def _sign_in(http: httpx.AsyncClient, user: str, password: str) -> httpx.Response:
    form = {"grant_type": "password", "username": user, "password": password, "scope": SCOPE}
    return await http.post("/openidconnect/token", data=form, headers=FORM)


async def _records(kit: IdentityKit) -> list[Record]:
    return [each.value for each in await RECORDS.all(kit.store)]


async def test_a_sign_in_is_recorded_before_it_is_granted(
    kit: IdentityKit, http: httpx.AsyncClient
) -> None:
    answer = await _sign_in(http, "Administrator@heliostat.local", kit.admin_password)
    assert answer.status_code == 200
    (record,) = await _records(kit)
    assert (record.operation, record.result, record.proof) == ("signIn", "done", "password")
    assert record.subject.lower() == "administrator@heliostat.local"
    assert record.address == "127.0.0.1"
    refresh = {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"]}
    again = await http.post("/openidconnect/token", data=refresh, headers=FORM)
    assert again.status_code == 200
    assert len(await _records(kit)) == 1  # a session that goes on is no sign-in


async def test_a_refusal_names_only_who_is_known_here(
    kit: IdentityKit, http: httpx.AsyncClient
) -> None:
    known, typed = "administrator", "my-password-by-mistake"
    for user in (known, typed):
        answer = await _sign_in(http, user, "wrong")
        assert answer.status_code == 400
        await kit.clock.advance(1.5)
    mistaken, attacked = await _records(kit)
    assert (attacked.result, attacked.code) == ("refused", "InvalidLoginCredentials")
    assert attacked.subject == "administrator@heliostat.local"
    assert mistaken.subject == ""
    stored = await kit.store.list(RECORDS.prefix)
    for document in stored.items:
        assert typed.encode() not in document.value
        assert b"wrong" not in document.value


async def test_a_sign_in_with_a_browser_is_two_records(
    kit: IdentityKit, http: httpx.AsyncClient
) -> None:
    """The password on the page, and the program that the code was for."""
    back, verifier = "https://shop.example/", "v" * 43
    await kit.identity.directory.create_client("shop", [back], FOR_THE_API)
    digest = hashlib.sha256(verifier.encode()).digest()
    fields = {
        "response_type": "code",
        "client_id": "shop",
        "redirect_uri": back,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    form = {**fields, "username": "administrator", "password": kit.admin_password}
    page = {**form, "form_token": "t"}
    cookie = {"Cookie": "oidc_form=t"}
    signed_in = await http.post("/openidconnect/oidc/authorize", data=page, headers=cookie)
    location = httpx.URL(signed_in.headers["Location"])
    await kit.clock.advance(1)
    trade = {"grant_type": "authorization_code", "client_id": "shop", "redirect_uri": back}
    trade |= {"code": location.params["code"], "code_verifier": verifier}
    assert (await http.post("/openidconnect/token", data=trade)).status_code == 200
    records = await _records(kit)
    assert [(each.subject, each.client, each.proof) for each in records] == [
        ("administrator@heliostat.local", "shop", "token"),
        ("administrator@heliostat.local", "shop", "password"),
    ]
    session = next(c for c in signed_in.headers.get_list("set-cookie") if "session_id" in c)
    cookies = {"Cookie": f"oidc_form=t; {session.partition(';')[0]}"}
    bye = {"form_token": "t"}
    await kit.clock.advance(1)
    await http.post("/openidconnect/logout/heliostat.local", data=bye, headers=cookies)
    (latest, *_) = await _records(kit)
    assert (latest.operation, latest.subject, latest.proof) == (
        "signOut", "administrator@heliostat.local", "token",
    )  # fmt: skip
