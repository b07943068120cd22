"""node-saml, the library of most programs in JavaScript, signs people in and out."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from heliostat.core.process import CommandFailed, run
from heliostat.identity.saml.bindings import RESPONSE
from heliostat.testing.browser import Browser, Page
from heliostat.testing.saml import pair_of, pem
from heliostat.testing.signin import PASSWORD, IdentityKit, start_identity
from heliostat.wire.service_providers import ServiceProviderCreateSpec

SCRIPT = Path(__file__).with_name("service_provider.mjs")
DOMAIN = "heliostat.local"
SITE = f"https://site.test:9000/websso/SAML2/{{}}/{DOMAIN}"
ACS = "https://node.test/acs"
LINE_BYTES = 1 << 20


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[IdentityKit]:
    """A sign-in that lives today, as node does."""
    made = await start_identity(tmp_path / "authority", start_ms=int(time.time() * 1000))
    yield made
    made.identity.close()
    await made.store.close()


class Program:
    """The script, asked line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, verb: str, **told: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([verb, told]).encode() + b"\n")
        answer = json.loads(await asyncio.wait_for(self._process.stdout.readline(), 30))
        assert "error" not in answer, answer
        return answer.get("value")


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    """node with the library; skips where npm can't bring it."""
    folder = tmp_path / "node"
    folder.mkdir()
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    argv = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        run([*argv, "@node-saml/node-saml@5"], timeout_s=90, cwd=str(folder))
    except CommandFailed as error:
        pytest.skip(f"npm can't install node-saml here: {error.message}")
    shutil.copy(SCRIPT, folder)
    process = await asyncio.create_subprocess_exec(
        *("node", "service_provider.mjs"),
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    yield Program(process)
    process.kill()
    await process.wait()


def options(certificate: str) -> dict[str, Any]:
    """How the program is set up."""
    pair = pair_of("node")
    key = pair.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "certificate": pem(pair),
        "issuer": "https://node.test/saml",
        "callbackUrl": ACS,
        "entryPoint": SITE.format("SSO"),
        "logoutUrl": SITE.format("SLO"),
        "logoutCallbackUrl": "https://node.test/slo",
        "idpCert": certificate,
        "privateKey": key,
        "decryptionPvk": key,
        "audience": "https://node.test/saml",
        "identifierFormat": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        "disableRequestedAuthnContext": True,
    }


@pytest.mark.slow
@pytest.mark.takes(20)
async def test_node_saml_signs_people_in_and_out(
    kit: IdentityKit, browser: Browser, program: Program
) -> None:
    saml = await kit.identity.directories.saml(DOMAIN)
    described = await program.ask("open", **options((await saml.keys.signer()).base64))
    await saml.providers.create(
        ServiceProviderCreateSpec(name="node", metadata=described, attributes=["uid"], encrypt=True)
    )

    async def sent(address: str) -> Any:
        return await browser.get(f"{urlsplit(address).path}?{urlsplit(address).query}")

    arrived = await sent(await program.ask("authorize", relayState="rs"))
    page = await browser.get(arrived.headers["Location"])
    form = Page((await browser.take(page, username="ada", password=PASSWORD)).text).fields
    assert form["RelayState"] == "rs"
    read = await program.ask("answer", SAMLResponse=form[RESPONSE])
    profile = read["profile"]
    assert profile["nameID"].startswith("P")
    assert profile["urn:oid:0.9.2342.19200300.100.1.1"] == "ada"
    end = await sent(await program.ask("logout", profile=profile))
    assert 'action="https://node.test/slo"' in end.text  # its metadata asks for a form
    out = await program.ask("answer", SAMLResponse=Page(end.text).fields[RESPONSE])
    assert out["loggedOut"] is True
