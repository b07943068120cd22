"""People with a ticket are signed in: curl and python-gssapi at the token endpoint and page."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from heliostat.core.process import run
from heliostat.identity.authority.tls import server_ssl_context
from heliostat.identity.kerberos.acceptor import gssapi_library
from heliostat.identity.tokens.endpoints import routes
from heliostat.identity.tokens.opened import unverified
from heliostat.testing.kerberos import TYPED, KerberosSite, kerberos_site

HOST = "site.test"
GRANT = "urn:heliostat:grant-type:kerberos"
FORM = {"grant_type": GRANT, "client_id": "helio", "scope": "openid offline_access at_groups"}
PAGE = {
    "response_type": "code", "client_id": "wiki", "redirect_uri": "https://wiki.test/back",
    "scope": "openid", "code_challenge": "x" * 43, "code_challenge_method": "S256",
}  # fmt: skip


@dataclass
class Served:
    """The site over TLS, as ``site.test``."""

    site: KerberosSite
    port: int
    authority: Path

    def curl(self, *argv: str, user: bool = True) -> str:
        url = f"https://{HOST}:{self.port}/openidconnect"
        known = ["--cacert", str(self.authority), "--resolve", f"{HOST}:{self.port}:127.0.0.1"]
        who = ["--negotiate", "-u", ":"] if user else []
        path, *more = argv
        done = run(
            ["curl", "-sS", "-i", "--noproxy", "*", *known, *who, *more, f"{url}{path}"],
            timeout_s=20,
            env=self.site.environment(),
        )
        return done.stdout

    async def token(self, bindings: bytes = b"", host: str = HOST) -> bytes:
        """A first message of SPNEGO, with the ticket in the cache."""
        return await asyncio.to_thread(self._token, bindings, host)

    def _token(self, bindings: bytes, host: str) -> bytes:
        gssapi = gssapi_library()
        environment = self.site.environment()
        os.environ.update({name: environment[name] for name in ("KRB5_CONFIG", "KRB5CCNAME")})
        name = gssapi.Name(f"HTTP@{host}", gssapi.NameType.hostbased_service)
        told = gssapi.raw.ChannelBindings(application_data=bindings) if bindings else None
        context = gssapi.SecurityContext(
            name=name,
            usage="initiate",
            mech=gssapi.OID.from_int_seq("1.3.6.1.5.5.2"),
            flags=gssapi.RequirementFlag.mutual_authentication,
            channel_bindings=told,
        )
        return bytes(context.step())

    async def show(self, raw: bytes, form: dict[str, str] = FORM) -> tuple[int, dict[str, str]]:
        """The token endpoint's answer to a ticket."""
        header = {"Authorization": f"Negotiate {base64.b64encode(raw).decode()}"}
        context = ssl.create_default_context(cafile=str(self.authority))
        context.check_hostname = False
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            url = f"https://127.0.0.1:{self.port}/openidconnect/token"
            answer = await client.post(url, data=form, headers=header)
        return answer.status_code, answer.json()


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setenv("KRB5_CONFIG", os.devnull)
    monkeypatch.setenv("KRB5CCNAME", "MEMORY:none")
    async with kerberos_site(tmp_path) as site:
        identity = site.kit.identity
        app = web.Application()
        app.add_routes(routes(identity))
        runner = web.AppRunner(app)
        await runner.setup()
        listener = socket.create_server(("127.0.0.1", 0))
        context = server_ssl_context(await identity.authority.issue_server([HOST, "127.0.0.1"]))
        await web.SockSite(runner, listener, ssl_context=context).start()
        authority = tmp_path / "ca.pem"
        authority.write_text(identity.authority.ca_pem)
        yield Served(site, listener.getsockname()[1], authority)
        await runner.cleanup()


async def test_a_ticket_instead_of_a_password(served: Served) -> None:
    site, identity = served.site, served.site.kit.identity
    await identity.directory.create_client("wiki", [PAGE["redirect_uri"]])
    await site.kinit("ada", TYPED)
    # curl, which shows its ticket at once; who has none is told that one may be shown
    form = [part for name, value in FORM.items() for part in ("-d", f"{name}={value}")]
    told = await asyncio.to_thread(served.curl, "/token", *form)
    head, _, body = told.partition("\r\n\r\n")
    assert "200 OK" in head
    assert "WWW-Authenticate: Negotiate o" in head  # the answer proves the site to curl
    answer = json.loads(body)
    assert unverified(answer["access_token"])[1]["sub"] == "ada@heliostat.local"
    assert answer["refresh_token"]

    bare = await asyncio.to_thread(lambda: served.curl("/token", *form, user=False))
    assert "401" in bare.splitlines()[0]
    assert "\nWWW-Authenticate: Negotiate\n" in bare.replace("\r", "")
    assert "TicketNeeded" in bare

    # the page: at once with a ticket, a form without one or where somebody must type
    query = "&".join(f"{name}={value}" for name, value in PAGE.items())
    sent = await asyncio.to_thread(served.curl, f"/oidc/authorize?{query}")
    assert "Location: https://wiki.test/back?code=" in sent
    shown = await asyncio.to_thread(lambda: served.curl(f"/oidc/authorize?{query}", user=False))
    assert "401" in shown.splitlines()[0]
    assert '<input id="password"' in shown
    typed = await asyncio.to_thread(served.curl, f"/oidc/authorize?{query}&prompt=login")
    assert "200 OK" in typed
    assert "WWW-Authenticate" not in typed
    await identity.policies.change_policy("heliostat.local", {"tickets.browsers": False})
    quiet = await asyncio.to_thread(lambda: served.curl(f"/oidc/authorize?{query}"))
    assert "200 OK" in quiet.splitlines()[0]


async def test_what_is_refused(served: Served) -> None:
    site, identity = served.site, served.site.kit.identity
    directory, realm = identity.directory, await site.realm()
    await realm.services.create_service("HTTP/other.test")
    await site.kinit("ada", TYPED)

    # the same proof twice, also with something else around it
    token = await served.token()
    assert (await served.show(token))[0] == 200
    for again in (token, _unwrapped(token)):
        status, answer = await served.show(again)
        assert (status, answer["code"]) == (401, "KerberosRefused")
        assert "shown before" in answer["error_description"]

    # channel bindings: those of this connection, and no others
    printed = bytes.fromhex(identity.authority.server_thumbprint.replace(":", ""))
    right = b"tls-server-end-point:" + printed
    assert (await served.show(await served.token(right)))[0] == 200
    wrong = await served.show(await served.token(b"tls-server-end-point:" + printed[::-1]))
    assert wrong[1]["code"] == "KerberosRefused"

    # another service's ticket, a changed one, none, rubbish
    changed = bytearray(await served.token())
    changed[-40] ^= 1
    inside = bytearray(await served.token())
    inside[len(inside) // 2] ^= 1
    shown = (
        await served.token(host="other.test"),
        bytes(changed),
        bytes(inside),
        b"x",
        b"\x60\x05rub",
    )
    for raw in (*shown, b"\x60" * 1000, token[:200], b"\x60\x82\xff\xff" + token):
        status, answer = await served.show(raw)
        assert (status, answer["code"]) == (401, "KerberosRefused"), (raw[:20], answer)
    refused = await served.show(await served.token(), {**FORM, "client_id": ""})
    assert refused[1]["code"] == "UnsupportedGrant"

    # tickets of a rotated key open, of a password before and of the disabled do not
    await realm.services.rotate_service(identity.acceptor.services[0], own=True)
    assert (await served.show(await served.token()))[0] == 200
    await site.kit.clock.advance(2)
    await directory.set_password("ada", "quite another staple")
    status, answer = await served.show(await served.token())
    assert "changed since" in answer["error_description"]
    await directory.set_disabled("ada", True)
    status, answer = await served.show(await served.token())
    assert (status, answer["code"]) == (401, "KerberosRefused")


def _unwrapped(token: bytes) -> bytes:
    """The Kerberos token within one of SPNEGO."""
    at = token.index(bytes.fromhex("06092a864886f71201020201 00".replace(" ", "")))
    while token[at] != 0x60:
        at -= 1
    size = int.from_bytes(token[at + 2 : at + 4], "big")
    return token[at : at + 4 + size]
