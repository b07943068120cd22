"""Tenants of the directory on the command line, with people of their own."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from heliostat.client.tokens import CLIENT_ID, NAMELESS, domain_of, issuing_client, issuing_domain
from heliostat.testing.recorder import RecordingController
from heliostat.testing.served_cloud import Served


async def test_a_tenant_has_people_of_its_own(
    helio: Any, served: Served, monkeypatch: Any, tmp_path: Any
) -> None:
    del served

    async def run(*argv: str) -> Any:
        return await asyncio.to_thread(helio, *argv)

    planned = await run("identity", "tenant", "create", "acme.example", "--plan")
    assert planned.code == 0, planned.err
    made = await run("identity", "tenant", "create", "ACME.example", "--description", "Anvils")
    assert made.out.startswith("Tenant acme.example is created.\nadministrator@acme.example has")
    rows = (await run("identity", "tenant", "list")).out.splitlines()
    assert [row.split()[0] for row in rows[1:]] == ["acme.example", "heliostat.local"]

    monkeypatch.setattr("heliostat.cli.user.new_password", lambda **_: "correct horse battery")
    created = await run("user", "create", "wile", "--domain", "acme.example")
    assert "wile@acme.example" in created.out, created.err
    assert (await run("user", "show", "wile")).code != 0
    assert (await run("group", "create", "makers", "--domain", "acme.example")).code == 0
    added = await run("group", "add-member", "makers", "wile", "--domain", "acme.example")
    assert added.out == "acme.example\\makers: wile@acme.example\n"
    shown = await run("user", "show", "wile", "--domain", "acme.example", "-o", "json")
    assert shown.json["groups"] == ["acme.example\\makers"]

    key = tmp_path / "robot.json"
    account = ("service-account", "create", "robot", "--key-file", str(key))
    assert (await run(*account, "--domain", "acme.example")).code == 0
    assert json.loads(key.read_text())["clientId"] == "robot@acme.example"

    assert (await run("identity", "tenant", "delete", "acme.example")).code == 0
    gone = await run("user", "list", "--domain", "acme.example", "-o", "json")
    assert gone.error["code"] == "TenantNotFound"


def test_names_and_tokens_say_where_they_are_from() -> None:
    assert domain_of("wile@acme.example") == domain_of("acme.example\\wile") == "acme.example"
    assert domain_of("wile") == ""
    claims = base64.urlsafe_b64encode(b'{"tenant": "acme.example"}').decode().rstrip("=")
    assert issuing_domain(f"e30.{claims}.c2ln") == "acme.example"
    for odd in ("", "a", "a.b.c", "e30.W10.x", "e30.e30.x", "e30.eyJ0ZW5hbnQiOjF9.x"):
        assert issuing_domain(odd) == ""
    for said, client in (('{"client_id": "helio"}', "helio"), ('{"tenant": "a"}', NAMELESS)):
        payload = base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")
        assert issuing_client(f"e30.{payload}.c2ln") == client
    for odd in ("", "r", "a.b.c", "e30.W10.x"):
        assert issuing_client(odd) == CLIENT_ID


def test_signing_out_ends_the_session_on_the_platform(
    helio: Any, controller: RecordingController, home: Path
) -> None:
    tokens = {"access_token": "a", "expires_in": 3600, "refresh_token": "r"}
    auth = {"endpoint": "", "port": 0, "domain": "acme.example"}
    controller.answer("GET /v1/system/auth", auth)
    controller.answer("POST /openidconnect/token/acme.example", tokens)
    who = {"subject": "ada@acme.example", "groups": [], "isSystemAdmin": False}
    controller.answer("GET /v1/whoami", who)
    revoked = "POST /openidconnect/revoke/acme.example"
    controller.answer(revoked)
    (home / "password").write_text("secret\n")
    with (home / "password").open() as typed, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", typed)
        assert helio("login", "ada", "--password-stdin").code == 0
    assert helio("logout").code == 0
    (call,) = controller.calls(revoked)
    assert dict(parse_qsl(call.body.decode())) == {"token": "r", "client_id": "helio"}


def test_signing_out_goes_on_when_the_platform_is_away(
    helio: Any, controller: RecordingController, home: Path
) -> None:
    (home / "config.toml").write_text(
        f'profile = "default"\n[profiles.default]\ntarget = "{controller.url}"\n'
        'access_token = "a"\nrefresh_token = "r"\n'
    )
    controller.refuse("GET /v1/system/auth", 503, "StoreUnavailable", "The store rests.")
    told = helio("logout")
    assert told.code == 0
    assert "could not be told" in told.out + told.err
    assert "refresh_token" not in (home / "config.toml").read_text()
