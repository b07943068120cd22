"""A real OpenID client library signs in over TLS of our own CA."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from heliostat.core.process import CommandFailed, run
from heliostat.identity.authority.tls import server_ssl_context
from heliostat.identity.clients.records import Grant
from heliostat.identity.clients.settings import API_SCOPES
from heliostat.identity.tokens.endpoints import routes
from heliostat.testing.signin import FOR_THE_API, OPTIONS, code_of, start_identity
from heliostat.wire.oidc_clients import OidcClientSettings

SCRIPT = Path(__file__).with_name("relying_party.mjs")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder with the library and our script; skips where npm can't bring it."""
    folder = tmp_path / "node"
    folder.mkdir()
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    argv = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "openid-client@6"]
    try:
        run(argv, timeout_s=90, cwd=str(folder))
    except CommandFailed as error:
        pytest.skip(f"npm can't install openid-client here: {error.message}")
    shutil.copy(SCRIPT, folder)
    return folder


@pytest.mark.slow
@pytest.mark.takes(15)
async def test_openid_client_accepts_discovery_tokens_and_rotation(
    library: Path, tmp_path: Path
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    base = f"https://localhost:{listener.getsockname()[1]}"
    ca = tmp_path / "ca"
    options = replace(OPTIONS, base_url=base)
    kit = await start_identity(ca, options, start_ms=time.time_ns() // 1_000_000)
    await kit.identity.directory.create_client(
        "shop", ["https://shop.example/signed-in"], FOR_THE_API
    )
    exchanging = OidcClientSettings(
        grants=[Grant.EXCHANGE.value],
        authentication="client_secret_post",
        scopes=["at_groups"],
        exchanges=["rs_heliostat"],
    )
    made = await kit.identity.directory.create_client("api", settings=exchanging)
    wide = OidcClientSettings(scopes=[*API_SCOPES, "rs_api"])
    for name in ("helio", "shop"):
        await kit.identity.directory.update_client(name, wide)
    await kit.identity.directory.allow_password_grant("helio", True)
    app = web.Application()
    app.add_routes(routes(kit.identity))
    runner = web.AppRunner(app)
    await runner.setup()
    context = server_ssl_context(await kit.identity.authority.issue_server(["localhost"]))
    await web.SockSite(runner, listener, ssl_context=context).start()
    argv = [
        "node", "relying_party.mjs",
        options.issuer, "administrator@heliostat.local", kit.admin_password, made.secret,
    ]  # fmt: skip
    environ = {**os.environ, "NODE_EXTRA_CA_CERTS": str(ca / "ca.pem")}
    try:
        printed = await asyncio.to_thread(
            lambda: run(argv, timeout_s=60, cwd=str(library), env=environ)
        )
    finally:
        await runner.cleanup()
    told = json.loads(printed.stdout)
    assert (await kit.identity.verify(told["accessToken"])).is_system_admin
    copied = kit.identity.verify(
        told["copied"]
    )  # its session ended with a refresh token used twice
    assert await code_of(copied) == "InvalidAuthToken"
    kit.identity.close()
    await kit.store.close()
