"""Rules, one's own password and Kerberos on the command line."""

from __future__ import annotations

import asyncio
import io
import stat
from pathlib import Path
from typing import Any

import pytest

from heliostat.testing.served_cloud import Served


async def test_rules_and_kerberos(
    helio: Any, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del served

    async def run(*argv: str) -> Any:
        return await asyncio.to_thread(helio, *argv)

    assert (await run("identity", "tenant", "create", "acme.example")).code == 0
    at = ("--domain", "acme.example")

    # a policy: planned, set, shown, overtaken, refused, given up
    longer = ("identity", "policy", "set", "passwords.minimum_length=12", *at)
    planned = await run(*longer, "--plan")
    assert "passwords.minimum_length: 8 -> 12" in planned.out
    done = await run(*longer, "passwords.own_words=rocket,sled")
    assert done.code == 0, done.err
    assert "generation 1" in done.err
    nothing = await run("identity", "policy", "show", "pasword", *at)
    assert (nothing.code, "passwords, lockout" in nothing.err) == (2, True)
    rows = (await run("identity", "policy", "show", "passwords", *at)).out.splitlines()
    assert rows[1].split() == ["passwords.minimum_length", "12", "8", "own"]
    shown = (await run("identity", "policy", "show", *at, "-o", "json")).json
    own = {each["path"]: each["value"] for each in shown["settings"] if each["own"]}
    assert own == {"passwords.minimum_length": 12, "passwords.own_words": ["rocket", "sled"]}
    overtaken = await run(*longer, "--generation", "0", "-o", "json")
    assert overtaken.error["code"] == "PolicyChanged"
    refused = await run("identity", "policy", "set", "lockout.failures=0", *at, "-o", "json")
    assert refused.error["code"] == "InvalidPolicy"
    assert (await run("identity", "policy", "set", "nonsense", *at)).code == 2
    assert (await run("identity", "policy", "reset", "passwords.own_words", *at)).code == 0
    assert "12 -> 8" in (await run("identity", "policy", "reset", *at)).out

    # a realm, and a service whose keys are told once
    none = await run("identity", "kerberos", "show", *at, "-o", "json")
    assert none.error["code"] == "KerberosNotEnabled"
    made = await run("identity", "kerberos", "enable", *at)
    assert made.out == "acme.example has the realm ACME.EXAMPLE.\n"
    assert "identity.kerberos.port" in made.err
    assert "default_realm = ACME.EXAMPLE" in (await run("identity", "kerberos", "config", *at)).out
    keytab, service = tmp_path / "web.keytab", "HTTP/web.acme.example"
    noun = ("identity", "service-principal")
    created = await run(*noun, "create", service, "--keytab", str(keytab), *at)
    assert created.code == 0, created.err
    first = keytab.read_bytes()
    assert first.startswith(b"\x05\x02")
    assert stat.S_IMODE(keytab.stat().st_mode) == 0o600
    assert (await run(*noun, "rotate", service, "--keytab", str(keytab), *at)).code == 0
    assert keytab.read_bytes().count(b"web.acme.example") == 2 * first.count(b"web.acme.example")
    assert "2, 1" in (await run(*noun, "list", *at)).out
    assert "keytab" not in (await run(*noun, "show", service, *at, "-o", "json")).json
    away = await run(*noun, "create", "HTTP/x.test", "--keytab", "/nowhere/x.keytab", *at)
    assert away.code == 2
    assert (await run(*noun, "delete", service, *at)).code == 0
    assert (await run("identity", "kerberos", "disable", *at)).code == 0

    # one's own password, knowing the old one
    monkeypatch.setattr("heliostat.cli.user.new_password", lambda **_: "correct horse battery")
    created = await run("user", "create", "wile", "--must-change", *at)
    assert created.code == 0, created.err

    async def change(*lines: str) -> Any:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return await run("password", "wile@acme.example", "--password-stdin")

    assert (await change("wrong", "quite another staple")).code != 0
    done = await change("correct horse battery", "quite another staple")
    assert done.out == "wile@acme.example has a new password.\n"
