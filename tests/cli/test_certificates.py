"""Certificates, the authority and ACME's keys on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from cryptography import x509

from heliostat.testing.certificates import request
from heliostat.testing.served_cloud import Served


async def test_certificates_from_request_to_revocation(
    helio: Any, served: Served, tmp_path: Path
) -> None:
    del served

    async def run(*argv: str) -> Any:
        return await asyncio.to_thread(helio, "identity", *argv)

    assert (await run("tenant", "create", "ship.example")).code == 0
    at = ("--domain", "ship.example")
    csr, out = tmp_path / "www.csr", tmp_path / "www.pem"
    csr.write_text(request("www.ship.example"))
    noun = ("certificate",)
    planned = await run(*noun, "issue", str(csr), *at, "--plan")
    assert "allowed by the rule administrators: dns:www.ship.example" in planned.out
    assert (await run(*noun, "list", *at)).err == "No certificates.\n"
    made = await run(*noun, "issue", str(csr), *at, "--days", "10", "--out", str(out))
    assert made.code == 0, made.err
    leaf, intermediate = x509.load_pem_x509_certificates(out.read_bytes())
    leaf.verify_directly_issued_by(intermediate)
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 10
    (row,) = (await run(*noun, "list", *at, "-o", "json")).json
    assert (row["names"], row["state"]) == (["dns:www.ship.example"], "active")
    assert (await run(*noun, "list", *at, "--expiring-within", "11", "-q")).out.strip() == row["id"]
    assert (await run(*noun, "list", *at, "--expiring-within", "5", "-q")).out == ""
    assert (await run(*noun, "show", row["id"], *at, "--pem")).out == out.read_text()
    renewed = await run(*noun, "renew", row["id"], str(csr), *at, "-q")
    assert renewed.code == 0, renewed.err
    revoked = await run(*noun, "revoke", row["id"], "--reason", "keyCompromise", *at)
    assert revoked.out == f"Certificate {row['id']} is revoked (keyCompromise).\n"
    late = await run(*noun, "renew", row["id"], str(csr), *at, "-o", "json")
    assert late.error["code"] == "CertificateRefused"
    csr.write_text(request("www.elsewhere.example"))
    foreign = await run(*noun, "issue", str(csr), *at, "-o", "json")
    assert foreign.error["code"] == "CertificateRefused"
    assert "outside of ship.example" in foreign.error["message"]
    csr.write_text("no request")
    assert (await run(*noun, "issue", str(csr), *at)).code != 0
    missing = await run(*noun, "issue", str(tmp_path / "none"), *at, "-o", "json")
    assert missing.error["code"] == "PathNotFound"


async def test_the_authority_its_policy_and_keys(
    helio: Any, served: Served, tmp_path: Path
) -> None:
    del served

    async def run(*argv: str) -> Any:
        return await asyncio.to_thread(helio, "identity", *argv)

    assert (await run("tenant", "create", "ship.example")).code == 0
    at = ("--domain", "ship.example")
    assert "nobody yet" in (await run("ca", "status", *at)).out
    policy = (await run("ca", "policy", "show", *at)).json
    policy["rules"].append({"title": "web", "groups": ["Web"], "names": ["*.web.ship.example"]})
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(policy))
    assert "has 2 rules" in (await run("ca", "policy", "set", str(file), *at)).out
    file.write_text('{"rules": [{"title": "x", "nmaes": []}]}')
    wrong = await run("ca", "policy", "set", str(file), *at, "-o", "json")
    assert wrong.error["code"] == "InvalidJson"
    made = await run("acme-key", "create", "proxy", "--name", "**.ship.example", *at)
    assert "/acme/ship.example/directory" in made.out
    (key,) = (await run("acme-key", "list", *at, "-o", "json")).json
    assert (await run("acme-key", "delete", key["id"], *at)).code == 0

    assert (await run("ca", "roots")).out.count("BEGIN CERTIFICATE") == 1
    assert "begin: one root signs" in (await run("ca", "rotate", "--plan")).out
    begun = await run("ca", "rotate")
    assert begun.out.startswith("Next: switch: 0 of 0 hosts"), begun.err
    assert (await run("ca", "roots")).out.count("BEGIN CERTIFICATE") == 2
    waits = await run("ca", "csr", "-o", "json")
    assert waits.error["code"] == "RotationWaits"
    assert (await run("ca", "cancel")).code == 0
    asked = (await run("ca", "csr")).out
    assert x509.load_pem_x509_csr(asked.encode()).is_signature_valid
    file.write_text("no chain")
    assert (await run("ca", "install", str(file), "-o", "json")).error["code"] == "InvalidEntity"
    assert (await run("ca", "cancel")).code == 0
    assert "are sealed anew" in (await run("ca", "reseal", "--keep-key")).out
    assert (await run("ca", "replace", *at)).code == 0
