"""Clients with settings, sessions, and signing in with a code, on the command line."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from heliostat.testing.recorder import RecordingController
from heliostat.testing.served_cloud import Served

BACK = ("--redirect-uri", "https://till.example/back")
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
CODE = {
    "device_code": "d",
    "user_code": "BCDF-GHJK",
    "verification_uri": "https://site.example/openidconnect/device",
    "expires_in": 600,
    "interval": 0,
}


async def test_clients_are_set_up_from_the_command_line(helio: Any, served: Served) -> None:
    del served

    async def run(*argv: str) -> Any:
        return await asyncio.to_thread(helio, "identity", *argv)

    made = await run("client", "create", "till", *BACK, "--authentication", "client_secret_basic")
    assert made.out.startswith("Client till is created.\nIts secret is "), made.err
    assert "(shown this once)" in made.out
    planned = await run("client", "rotate-secret", "till", "--plan")
    assert "nothing was changed" in planned.out
    again = await run("client", "rotate-secret", "till", "--overlap", "60", "-o", "json")
    assert again.json["clientSecret"] not in made.out
    settings = ("--grant", "code", "--grant", "exchange", "--exchange-for", "rs_api", "--consent")
    changed = await run("client", "update", "till", *settings, "-o", "json")
    assert changed.json["grants"][1].endswith(":token-exchange")
    assert (changed.json["exchanges"], changed.json["consent"]) == (["rs_api"], True)
    assert "clientSecret" not in changed.json
    emptied = await run("client", "update", "till", "--exchange-for", "", "-o", "json")
    assert "exchanges" not in emptied.json
    rows = (await run("client", "list")).out.splitlines()
    assert any("code, exchange" in row for row in rows if row.startswith("till"))
    assert "secret" not in (await run("client", "show", "till")).out.lower().replace(
        "client_secret_basic", ""
    )
    assert (await run("client", "update", "till")).code == 2
    long = await run("client", "update", "till", "--access-lifetime", "7200", "-o", "json")
    assert long.error["code"] == "InvalidEntity"


async def test_sessions_and_consents_are_listed_and_ended(helio: Any, served: Served) -> None:
    del served

    async def run(*argv: str) -> Any:
        return await asyncio.to_thread(helio, "identity", *argv)

    assert (await run("session", "list")).code == 0
    assert (await run("session", "list", "--own", "-o", "json")).json == []
    assert (await run("session", "end")).code == 2
    assert (await run("session", "end", "x", "--user", "ada")).code == 2
    ended = await run("session", "end", "--user", "nobody")
    assert ended.out == "nobody is signed in no longer.\n"
    for argv, code in (
        (("session", "end", "x"), "SessionNotFound"),
        (("session", "end", "x", "--own"), "SessionNotFound"),
        (("consent", "withdraw", "x"), "ConsentNotFound"),
        (("consent", "withdraw", "x", "--own"), "ConsentNotFound"),
    ):
        assert (await run(*argv, "-o", "json")).error["code"] == code
    assert (await run("consent", "list")).code == 0
    assert (await run("consent", "list", "--own", "-o", "json")).json == []


def _platform(controller: RecordingController) -> None:
    controller.answer("GET /v1/system/auth", {"endpoint": "", "port": 0, "domain": "acme.example"})
    who = {"subject": "ada@acme.example", "groups": [], "isSystemAdmin": False}
    controller.answer("GET /v1/whoami", who)
    controller.answer("POST /openidconnect/device_authorization/acme.example", CODE)


def test_a_code_is_shown_where_no_password_is_at_hand(
    helio: Any, controller: RecordingController, home: Path
) -> None:
    _platform(controller)
    tokens = {"access_token": "a", "expires_in": 3600, "refresh_token": "r"}
    controller.answer("POST /openidconnect/token/acme.example", tokens)
    for argv in (("login", "--device"), ("login",)):
        with Path("/dev/null").open() as nothing, pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", nothing)
            done = helio(*argv, "-o", "json")
        assert done.code == 0, done.err
        assert json.loads(done.out)["subject"] == "ada@acme.example"
        told = json.loads(done.err)
        assert (told["userCode"], told["expiresIn"]) == (CODE["user_code"], 600)
    shown = helio("login", "--device")
    for words in (CODE["verification_uri"], CODE["user_code"], "10 minutes"):
        assert str(words) in shown.err
    assert "refresh_token" in (home / "config.toml").read_text()
    with_password = helio("login", "--device", "--password-stdin")
    assert with_password.code == 2
    assert helio("login", "--password-stdin").code == 2


def test_nobody_is_signed_in_who_could_not_be_kept(
    helio: Any, controller: RecordingController, home: Path
) -> None:
    """A session that the profile refuses would go on at the platform, known to nobody."""
    _platform(controller)
    tokens = {"access_token": "a", "expires_in": 3600, "refresh_token": "r"}
    controller.answer("POST /openidconnect/token/acme.example", tokens)
    other = 'profile = "default"\n[profiles.default]\ntarget = "https://other.example"\n'
    (home / "config.toml").write_text(other)
    refused = helio("login", "--target", controller.url, "-o", "json")
    assert refused.error["code"] == "InvalidSetting"
    assert "belongs to https://other.example" in refused.error["message"]
    assert controller.calls("POST /openidconnect/device_authorization/acme.example") == []
    assert controller.calls("POST /openidconnect/token/acme.example") == []


def test_a_terminal_alone_is_no_password(
    helio: Any, controller: RecordingController, home: Path
) -> None:
    _platform(controller)
    tokens = {"access_token": "a", "expires_in": 3600, "refresh_token": "r"}
    controller.answer("POST /openidconnect/token/acme.example", tokens)
    parent, child = os.openpty()
    with os.fdopen(child) as terminal, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", terminal)
        done = helio("login", "--domain", "acme.example")
    os.close(parent)
    assert done.code == 0, done.err
    assert str(CODE["user_code"]) in done.err
    assert "refresh_token" in (home / "config.toml").read_text()


def test_a_code_that_is_refused_signs_nobody_in(
    helio: Any, controller: RecordingController
) -> None:
    _platform(controller)
    refused = {"error": "access_denied", "error_description": "No.", "code": "SignInDenied"}
    controller.answer("POST /openidconnect/token/acme.example", refused, status=400)
    done = helio("login", "--device", "-o", "json")
    assert done.code == 1
    assert json.loads(done.err.partition("\n")[2])["code"] == "SignInDenied"
