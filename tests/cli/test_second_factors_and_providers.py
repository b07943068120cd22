"""Second factors and other providers on the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from heliostat.testing.served_cloud import Served


async def test_a_provider_is_registered_tried_and_deleted(
    helio: Any, served: Served, tmp_path: Path
) -> None:
    del served

    async def run(*argv: str) -> Any:
        return await asyncio.to_thread(helio, "identity", "provider", *argv)

    secret = tmp_path / "secret"
    secret.write_text("hidden\n")
    settings = (
        "--title", "Corp", "--issuer", "https://127.0.0.1:9", "--client-id", "cloud",
        "--client-secret-file", str(secret), "--group", "eng=*=operators",
        "--claim", "name=upn", "--scope", "groups", "--email-domain", "corp.example",
    )  # fmt: skip
    assert (await asyncio.to_thread(helio, "group", "create", "operators")).code == 0
    planned = await run("create", "corp", *settings, "--plan")
    assert planned.code == 0, planned.err
    made = await run("create", "corp", *settings)
    assert made.out == "People may sign in with Corp.\n", made.err
    assert "/openidconnect/federate/heliostat.local/corp there." in made.err
    shown = (await run("show", "corp", "-o", "json")).json
    assert shown["groups"] == [{"value": "eng=*", "group": "operators"}]
    assert (shown["claims"]["name"], shown["hasSecret"]) == ("upn", True)
    assert "hidden" not in str(shown)
    assert (await run("list")).out.splitlines()[1].split()[:3] == ["corp", "oidc", "Corp"]
    assert (await run("update", "corp", "--keep-sessions")).code == 2
    assert (await run("update", "corp", "--enable", "--keep-sessions")).code == 2
    assert (await run("update", "corp", "--disable", "--make-users", "--keep-sessions")).code == 0
    assert (await run("show", "corp", "-o", "json")).json["disabled"] is True
    assert "Nobody has signed in with it." in (await run("people", "corp")).err
    probed = await run("probe", "corp")
    assert (probed.code, "gives no answer" in probed.out) == (1, True)
    for wrong, code in (
        (("create", "corp", *settings), "NameTaken"),
        (("update", "corp", "--group", "eng=nobody"), "GroupNotFound"),
        (("update", "corp", "--issuer", "http://login.example"), "InvalidEntity"),
        (("update", "corp", "--claim", "shoes=size"), "InvalidEntity"),
        (("show", "nobody"), "ProviderNotFound"),
    ):
        assert (await run(*wrong, "-o", "json")).error["code"] == code
    assert "THERE" in (await run("update", "--help")).out
    assert (await run("update", "corp", "--group", "eng")).code == 2
    assert (await run("delete", "corp", "--with-people", "--keep-sessions")).code == 0


async def test_second_factors_are_required_listed_and_removed(
    helio: Any, served: Served, monkeypatch: Any
) -> None:
    del served
    monkeypatch.setattr("heliostat.cli.user.new_password", lambda **_: "correct horse battery")
    assert (await asyncio.to_thread(helio, "user", "create", "ada")).code == 0

    async def run(*argv: str) -> Any:
        return await asyncio.to_thread(helio, "identity", "factor", *argv)

    required = await run("require", "--group", "Administrators", "--grace-days", "3")
    assert "second_factors.required_groups: [] -> ['Administrators']" in required.out
    everybody = await run("require")
    assert "second_factors.requirement: optional -> required" in everybody.out
    assert (await run("require", "--off", "--group", "x")).code == 2
    assert "required -> optional" in (await run("require", "--off")).out
    assert "No second factors." in (await run("list", "ada")).err
    for wrong, code in (
        (("list", "nobody"), "UserNotFound"),
        (("remove", "ada", "none"), "FactorNotFound"),
    ):
        assert (await run(*wrong, "-o", "json")).error["code"] == code
    assert (await run("remove", "ada")).code == 2
    assert (await run("remove", "ada", "--all", "--plan")).code == 0
    assert (await run("remove", "ada", "--all")).code == 0
