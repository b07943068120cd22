"""Tenants of the directory on the command line, with people of their own."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from heliostat.client.tokens import domain_of, issuing_domain
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
