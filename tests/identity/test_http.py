"""The token endpoint over HTTP, driven by requests shaped like existing clients' own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from joserfc import jwt
from joserfc.jwk import KeySet

from heliostat.identity.tokens.endpoints import routes
from heliostat.identity.tokens.opened import unverified
from heliostat.testing.signin import PASSWORD, IdentityKit

DOMAIN = "heliostat.local"
SCOPE = "openid offline_access rs_esxcloud at_groups"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def http(kit: IdentityKit) -> AsyncIterator[httpx.AsyncClient]:
    app = web.Application()
    app.add_routes(routes(kit.identity))
    async with (
        TestServer(app) as server,
        httpx.AsyncClient(base_url=str(server.make_url("/")), trust_env=False) as client,
    ):
        yield client


async def post(http: httpx.AsyncClient, body: str | bytes, path: str = "") -> httpx.Response:
    return await http.post(f"/openidconnect/token{path}", content=body, headers=FORM)


def password_form(user: str, password: str) -> str:
    """The body as existing command lines write it: nothing is escaped, not even spaces."""
    return f"grant_type=password&username={user}&password={password}&scope={SCOPE}"


async def test_the_existing_command_lines_sign_in_and_refresh(
    kit: IdentityKit, http: httpx.AsyncClient
) -> None:
    answer = await post(http, password_form(f"administrator@{DOMAIN}", kit.admin_password))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    tokens = answer.json()
    assert tokens.keys() == {
        "access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token",
    }  # fmt: skip
    assert tokens["expires_in"] == 3600
    assert isinstance(tokens["expires_in"], int)
    header, claims = unverified(tokens["access_token"])
    assert header["alg"] == "RS256"
    assert isinstance(claims["aud"], list)
    assert isinstance(claims["iat"], int)
    assert (await kit.identity.verify(tokens["access_token"])).is_system_admin
    form = f"grant_type=refresh_token&refresh_token={tokens['refresh_token']}"
    for _ in range(2):
        again = (await post(http, form)).json()
        assert "refresh_token" not in again
        assert (await kit.identity.verify(again["access_token"])).is_system_admin


async def test_the_tenant_may_be_last_in_the_path(
    kit: IdentityKit, http: httpx.AsyncClient
) -> None:
    form = password_form("administrator", kit.admin_password)
    assert (await post(http, form, f"/{DOMAIN.upper()}")).status_code == 200
    refused = await post(http, form, "/elsewhere")
    assert (refused.status_code, refused.json()["error"]) == (404, "invalid_request")


async def test_a_form_that_never_ends_is_given_up(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heliostat.identity.tokens.forms.BODY_TIMEOUT_S", 0.05)

    url = http.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        b"POST /openidconnect/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant_type="
    )
    status = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    await writer.wait_closed()
    assert status.split()[1] == b"400"


@pytest.mark.parametrize(
    ("body", "status", "error", "code"),
    [
        (password_form("administrator", "wrong"), 400, "invalid_grant", "InvalidLoginCredentials"),
        (password_form("nobody", "wrong"), 400, "invalid_grant", "InvalidLoginCredentials"),
        ("grant_type=refresh_token&refresh_token=x", 400, "invalid_grant", "InvalidGrant"),
        ("grant_type=magic", 400, "unsupported_grant_type", "UnsupportedGrant"),
        ("grant_type=client_credentials", 400, "unauthorized_client", "UnsupportedGrant"),
        ("grant_type=password&client_id=no", 401, "invalid_client", "InvalidClient"),
        ("grant_type=password&scope=root", 400, "invalid_scope", "InvalidScope"),
        ("grant_type=password&grant_type=password", 400, "invalid_request", "InvalidEntity"),
        ("", 400, "invalid_request", "InvalidEntity"),
        ("username=x", 400, "invalid_request", "InvalidEntity"),
        (b"grant_type=password&username=%ff%fe", 400, "invalid_request", "InvalidEntity"),
        (b"grant_type=\xff", 400, "invalid_request", "InvalidEntity"),
        ("&".join(f"a{n}=b" for n in range(100)), 400, "invalid_request", "InvalidEntity"),
        ("grant_type=" + "x" * 70_000, 413, "invalid_request", "RequestTooLarge"),
    ],
)
async def test_refusals_follow_oauth_and_carry_our_code(
    http: httpx.AsyncClient, body: str | bytes, status: int, error: str, code: str
) -> None:
    answer = await post(http, body)
    told = answer.json()
    assert (answer.status_code, told["error"], told["code"]) == (status, error, code)
    assert told["error_description"].endswith(".")
    assert told["hint"]
    assert answer.headers["Cache-Control"] == "no-store"


async def test_only_forms_are_read(http: httpx.AsyncClient) -> None:
    answer = await http.post("/openidconnect/token", json={"grant_type": "password"})
    assert answer.status_code == 400
    assert (await http.get("/openidconnect/token")).status_code == 405


async def test_a_body_without_a_length_is_cut_off_at_the_limit(http: httpx.AsyncClient) -> None:
    def endless() -> Iterator[bytes]:
        yield from (b"x" * 4096 for _ in range(100))

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in endless():
            yield chunk

    answer = await http.post("/openidconnect/token", content=chunks(), headers=FORM)
    assert answer.status_code == 413


async def test_a_locked_account_is_told_nothing_more(
    kit: IdentityKit, http: httpx.AsyncClient
) -> None:
    await kit.identity.directory.create_user("alice", PASSWORD)
    answers = [await post(http, password_form("alice", "wrong")) for _ in range(5)]
    answers.append(await post(http, password_form("alice", PASSWORD)))
    answers.append(await post(http, password_form("nobody", PASSWORD)))
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1


async def test_tokens_verify_with_what_discovery_publishes(
    kit: IdentityKit, http: httpx.AsyncClient
) -> None:
    for path in ("", f"/{DOMAIN}"):
        url = f"/openidconnect{path}/.well-known/openid-configuration"
        found = (await http.get(url)).json()
        assert found["issuer"] == f"https://site.test:9000/openidconnect/{DOMAIN}"
        assert found["token_endpoint"].endswith(f"/openidconnect/token/{DOMAIN}")
    keys_path = found["jwks_uri"].removeprefix("https://site.test:9000")
    form = password_form("administrator", kit.admin_password)
    await kit.identity.directory.allow_password_grant("helio", True)
    for client in ("", "&client_id=helio"):
        token = (await post(http, form + client)).json()["id_token"]
        for path in (keys_path, "/openidconnect/jwks"):
            keys = KeySet.import_key_set((await http.get(path)).json())
            claims = jwt.decode(token, keys, algorithms=["ES256", "RS256"]).claims
            assert claims["iss"] == found["issuer"]
    for path in ("/openidconnect/jwks/no", "/openidconnect/no/.well-known/openid-configuration"):
        assert (await http.get(path)).status_code == 404


async def test_trusted_roots_as_existing_clients_download_them(
    kit: IdentityKit, http: httpx.AsyncClient
) -> None:
    (root,) = (await http.get("/afd/vecs/ssl")).json()
    assert root.keys() == {"encoded"}
    certificate = x509.load_pem_x509_certificate(root["encoded"].encode())
    certificate.verify_directly_issued_by(certificate)


async def test_a_unix_socket_proves_its_owner(kit: IdentityKit, tmp_path: Path) -> None:
    async def whoami(request: web.Request) -> web.Response:
        principal = kit.identity.peer(request.transport)
        return web.Response(text=principal.subject if principal else "nobody")

    app = web.Application()
    app.router.add_get("/", whoami)
    runner = web.AppRunner(app)
    await runner.setup()
    path = str(tmp_path / "s")
    await web.UnixSite(runner, path).start()
    transport = httpx.AsyncHTTPTransport(uds=path)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.get("/")).text.startswith("local:")
    await runner.cleanup()
    async with TestServer(app) as server, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(str(server.make_url("/")))).text == "nobody"
    assert kit.identity.peer(None) is None
