"""A service account's life on the command line: keys, certificates, signing in with both."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from heliostat.testing.account_keys import (
    certificate,
    certificate_of,
    p256,
    pem_of,
    private_pem,
    public_pem,
    x5c,
)
from heliostat.testing.certificates import request
from heliostat.testing.recorder import RecordingController
from heliostat.testing.served_cloud import Served

DOMAIN = "acme.example"


@pytest.mark.parametrize("domain", ["heliostat.local", DOMAIN])
async def test_keys_and_certificates_of_an_account(
    helio: Any, served: Served, tmp_path: Path, domain: str
) -> None:
    def inside(argv: tuple[str, ...], *more: str) -> list[str]:
        """With the domain, before what may begin with a hyphen."""
        at = argv.index("--") if "--" in argv else len(argv)
        return [*argv[:at], "--domain", domain, *more, *argv[at:]]

    async def run(*argv: str) -> Any:
        done = await asyncio.to_thread(helio, *inside(argv))
        assert done.code == 0, done.err
        return done

    async def refused(*argv: str) -> str:
        done = await asyncio.to_thread(helio, *inside(argv, "-o", "json"))
        assert done.code != 0
        return str(done.error["code"])

    if domain == DOMAIN:
        assert (await asyncio.to_thread(helio, "identity", "tenant", "create", domain)).code == 0
    key, public, csr, leaf = (tmp_path / name for name in ("key", "public", "csr", "leaf"))
    public.write_text(public_pem(p256()))
    await run("service-account", "create", "robot", "--key-file", str(key), "--days", "30")
    added = await run("service-account", "key", "add", "robot", "--public-key", str(public))
    second = added.out.split()[-1].rstrip(".")
    listed = (await run("service-account", "key", "list", "robot")).out.splitlines()
    assert len(listed) == 3
    planned = await run("service-account", "key", "remove", "robot", "--plan", "--", second)
    assert planned.out
    await run("service-account", "key", "remove", "robot", "--", second)
    csr.write_text(request(common="robot"))
    await run(
        "identity", "certificate", "issue", str(csr), "--account", "robot", "--out", str(leaf)
    )
    names = (await run("identity", "certificate", "list", "-o", "json")).json[-1]["names"]
    assert names == [f"uri:spiffe://{domain}/service-account/robot"]
    outside = tmp_path / "outside.pem"
    outside.write_text(pem_of(certificate(p256(), now_ms=served.cloud.ports.clock.now_ms())))
    await run("service-account", "certificate", "add", "robot", str(outside))
    rows = (await run("service-account", "certificate", "list", "robot")).out.splitlines()
    fingerprint = rows[1].split()[0]
    taken = await run("-q", "service-account", "certificate", "remove", "robot", fingerprint[:12])
    assert taken.out.strip() == fingerprint
    changed = await run(
        "service-account", "update", "robot", "--disable", "--description", "Old", "-o", "json"
    )
    assert (changed.json["disabled"], changed.json["description"]) == (True, "Old")
    assert await refused("service-account", "update", "robot") == "UsageError"
    shown = (await run("service-account", "show", "robot", "-o", "json")).json
    (last,) = shown["keys"]
    assert last["expiresTime"] - last["createdTime"] == 30 * 86_400_000
    removal = ("service-account", "key", "remove", "robot")
    assert await refused(*removal, "--", last["id"]) == "LastAccountKey"
    await run(*removal, "--force", "--", last["id"])
    await run("service-account", "delete", "robot")


def test_no_key_is_registered_that_could_not_be_kept(
    helio: Any, controller: RecordingController, home: Path
) -> None:
    made = "POST /v1/service-accounts"
    controller.answer(made, {})
    lost = str(home / "no-folder" / "key.json")
    refused = helio("service-account", "create", "ci", "--key-file", lost, "-o", "json")
    assert refused.error["code"] == "InvalidSetting"
    assert "can't be written" in refused.error["message"]
    assert controller.calls(made) == []


def test_a_key_and_a_certificate_sign_in_and_stay_in_the_profile(
    helio: Any, controller: RecordingController, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = p256()
    key, leaf = home / "key.pem", home / "leaf.pem"
    key.write_text(private_pem(own))
    leaf.write_text(pem_of(certificate(own)) + pem_of(certificate(p256())))
    auth = {"endpoint": "", "port": 0, "domain": DOMAIN}
    controller.answer("GET /v1/system/auth", auth)
    token = f"POST /openidconnect/token/{DOMAIN}"
    controller.answer(token, {"access_token": "a", "expires_in": 3600})
    who = {"subject": f"ci@{DOMAIN}", "groups": [], "isSystemAdmin": False}
    controller.answer("GET /v1/whoami", who)
    for wrong in (["--certificate", str(leaf)], ["--key", str(key)]):
        assert helio("login", *wrong).code != 0
    signing = ("--key", str(key), "--certificate", str(leaf))
    assert helio("login", "ci", *signing, "--domain", DOMAIN).code == 0
    assert helio("whoami").code == 0
    monkeypatch.setenv("HELIO_KEY", str(home / "ci.json"))
    monkeypatch.setenv("HELIO_CERTIFICATE", str(leaf))
    kept = {"clientId": f"ci@{DOMAIN}", "privateKeyPem": private_pem(own)}
    (home / "ci.json").write_text(json.dumps(kept))
    assert helio("whoami").code == 0
    calls = [dict(parse_qsl(call.body.decode())) for call in controller.calls(token)]
    assert len(calls) == 3
    for form in calls:
        assert form["client_id"] == "ci"
        head = form["client_assertion"].split(".")[0]
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        assert header["x5c"] == x5c(certificate_of(leaf.read_text()))
