"""Signing in: forms as they travel, sessions that are renewed once, keys that sign."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from heliostat.client import signing
from heliostat.client.client import Client
from heliostat.client.config import Config, ConfigFile, Profile
from heliostat.client.credentials import FixedToken, ServiceAccount, Session, Tokens
from heliostat.client.keyfile import read_key, write_key
from heliostat.client.sessions import ProfileTokens
from heliostat.client.target import Target
from heliostat.client.tokens import ServiceKey, endpoint_of
from heliostat.core.errors import HeliostatError
from heliostat.testing import answers
from heliostat.testing.recorder import RecordingController, recording_controller
from heliostat.wire.system import AuthInfo

AUTH = {"endpoint": "", "port": 0, "domain": "heliostat.local"}
TOKEN_PATH = "POST /openidconnect/token/heliostat.local"


@pytest.fixture
def controller() -> Iterator[RecordingController]:
    with recording_controller() as running:
        running.answer("GET /v1/system/auth", AUTH)
        running.answer("GET /v1/tenants", answers.page())
        yield running


def grant(access: str, refresh: str = "", expires_in: int = 3600) -> dict[str, object]:
    return {
        "access_token": access,
        "refresh_token": refresh,
        "expires_in": expires_in,
        "token_type": "Bearer",
    }


def form(controller: RecordingController, index: int = 0) -> dict[str, str]:
    return dict(parse_qsl(controller.calls(TOKEN_PATH)[index].body.decode()))


def profile_tokens(folder: Path, tokens: Tokens) -> ProfileTokens:
    file = ConfigFile(folder / "config.toml")
    profile = Profile(
        access_token=tokens.access,
        refresh_token=tokens.refresh,
        expires_at_s=tokens.expires_at_s,
    )
    file.write(Config(profiles={"default": profile}))
    return ProfileTokens(file, "default")


def test_a_password_is_traded_for_tokens(controller: RecordingController) -> None:
    controller.answer(TOKEN_PATH, grant("a", "r"))
    with Client(controller.url) as client:
        got = client.token_service.by_password("ann@heliostat.local", "s&cret=")
    assert (got.access_token, got.refresh_token) == ("a", "r")
    assert form(controller) == {
        "grant_type": "password",
        "username": "ann@heliostat.local",
        "password": "s&cret=",
        "scope": "openid offline_access rs_esxcloud at_groups",
    }
    assert "authorization" not in controller.calls(TOKEN_PATH)[0].headers


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": "invalid_grant", "error_description": "Wrong password."}, "InvalidGrant"),
        (
            {"error": "invalid_grant", "code": "InvalidLoginCredentials", "hint": "h"},
            "InvalidLoginCredentials",
        ),
        ({"error": "unauthorized_client"}, "UnsupportedGrant"),
        ({"error": "something_else"}, "InvalidAnswer"),
        ({"code": "TooManyRequests", "message": "Slow down."}, "TooManyRequests"),
    ],
)
def test_refusals_of_the_token_service(
    controller: RecordingController, body: dict[str, str], code: str
) -> None:
    controller.answer(TOKEN_PATH, body, status=400)
    with Client(controller.url) as client, pytest.raises(HeliostatError) as caught:
        client.token_service.by_password("ann", "x")
    assert caught.value.code == code


def test_a_session_is_renewed_and_kept(controller: RecordingController, tmp_path: Path) -> None:
    controller.answer(TOKEN_PATH, grant("new", "r2"))
    controller.refuse("GET /v1/users", 401, "ExpiredAuthToken")
    controller.answer("GET /v1/users", answers.page())
    store = profile_tokens(tmp_path, Tokens("old", "r1"))
    with Client(controller.url, Session(store)) as client:
        assert [*client.users.list()] == []
    kept = store.load()
    assert kept is not None
    assert (kept.access, kept.refresh) == ("new", "r2")
    assert form(controller)["refresh_token"] == "r1"


def test_a_session_about_to_end_is_renewed_first(
    controller: RecordingController, tmp_path: Path
) -> None:
    controller.answer(TOKEN_PATH, grant("new", "r2"))
    store = profile_tokens(tmp_path, Tokens("old", "r1", expires_at_s=1000.0))
    with Client(controller.url, Session(store, now_s=lambda: 980.0)) as client:
        assert [*client.tenants.list()] == []
    assert controller.calls("GET /v1/tenants")[0].headers["authorization"] == "Bearer new"


def test_two_processes_refresh_once(controller: RecordingController, tmp_path: Path) -> None:
    controller.answer(TOKEN_PATH, grant("new", "r2"))
    store = profile_tokens(tmp_path, Tokens("old", "r1"))
    with Client(controller.url) as client:
        first, second = Session(store), Session(store)
        assert first.renew(client.token_service)
        assert second.renew(client.token_service)
        assert second.bearer(client.token_service) == "new"
    assert len(controller.calls(TOKEN_PATH)) == 1


def test_a_session_that_ended_is_an_expired_token(
    controller: RecordingController, tmp_path: Path
) -> None:
    controller.answer(TOKEN_PATH, {"error": "invalid_grant"}, status=400)
    controller.refuse("GET /v1/users", 401, "ExpiredAuthToken")
    store = profile_tokens(tmp_path, Tokens("old", "r1"))
    with (
        Client(controller.url, Session(store)) as client,
        pytest.raises(HeliostatError, match="ExpiredAuthToken"),
    ):
        [*client.users.list()]


def test_a_fixed_token_is_sent_as_it_is(controller: RecordingController) -> None:
    with Client(controller.url, FixedToken("t")) as client:
        [*client.tenants.list()]
    assert controller.seen[0].headers["authorization"] == "Bearer t"


def test_where_the_token_service_is() -> None:
    told = AuthInfo(endpoint="site", port=9000, domain="d")
    path = "/openidconnect/token/d"
    cases = {
        "https://10.0.0.1:9000": path,
        "unix:/s": path,
        "https://site": f"https://site:9000{path}",
    }
    for target, url in cases.items():
        endpoint = endpoint_of(Target.parse(target), told)
        assert (endpoint.url, endpoint.audience) == (url, f"https://site:9000{path}")


def _openssl() -> signing.KeyTool:
    return signing._Openssl("openssl")


@pytest.mark.parametrize("tool", [signing._Cryptography, _openssl])
def test_a_service_account_signs_in_with_its_key(
    controller: RecordingController,
    tool: type[signing.KeyTool],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = tool()
    monkeypatch.setattr("heliostat.client.tokens.key_tool", lambda: made)
    controller.answer(TOKEN_PATH, grant("machine"))
    private = made.new_key()
    write_key(tmp_path / "key.json", ServiceKey("ci", private))
    assert (tmp_path / "key.json").stat().st_mode & 0o777 == 0o600
    with Client(controller.url, ServiceAccount(read_key(tmp_path / "key.json"))) as client:
        [*client.tenants.list()]
        [*client.tenants.list()]
    assert len(controller.calls(TOKEN_PATH)) == 1
    sent = form(controller)
    assert sent["grant_type"] == "client_credentials"
    claims = _verified(sent["client_assertion"], made.public_key(private))
    assert claims["iss"] == claims["sub"] == "ci"
    assert claims["aud"] == f"{controller.url}/openidconnect/token/heliostat.local"
    assert claims["exp"] - claims["iat"] <= 120


def test_a_bare_pem_file_needs_the_client_id(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("-----BEGIN PRIVATE KEY-----\n")
    assert read_key(path, "ci").client_id == "ci"
    with pytest.raises(HeliostatError, match=r"key\.pem"):
        read_key(path)


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(HeliostatError) as caught:
        signing.signature(signing._Cryptography(), "no key", "ES256", b"data")
    assert caught.value.code == "InvalidSetting"


def test_nothing_that_signs_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> object:
        raise ImportError

    monkeypatch.setattr("heliostat.client.signing.shutil.which", lambda _name: None)
    monkeypatch.setattr("heliostat.client.signing.importlib.import_module", missing)
    with pytest.raises(HeliostatError, match="openssl") as caught:
        signing.key_tool()
    assert caught.value.code == "NotConfigured"


def _verified(token: str, public_pem: str) -> Any:
    head, claims, signature = token.split(".")
    raw = _decoded(signature)
    assert len(raw) == 64
    numbers = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key = load_pem_public_key(public_pem.encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    der = utils.encode_dss_signature(*numbers)
    key.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    assert json.loads(_decoded(head))["alg"] == "ES256"
    return json.loads(_decoded(claims))


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
