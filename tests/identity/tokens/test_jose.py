"""Tokens in their compact form: what is read, what is accepted, and everything that isn't."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from heliostat.core.errors import HeliostatError
from heliostat.identity.tokens import jose
from heliostat.identity.tokens.claims import sign
from heliostat.identity.tokens.records import Algorithm
from heliostat.testing.signin import IdentityKit, code_of, sign_in

pytestmark = pytest.mark.usefixtures("rotating")

P256, RSA = ECKey.generate_key("P-256"), RSAKey.generate_key(2048)
ISSUER = "https://site.test:9000/openidconnect/heliostat.local"
STRANGER = ECKey.generate_key("P-256")
ES_HEADER, RS_HEADER = (jose.segment({"alg": each, "typ": "JWT"}) for each in ("ES256", "RS256"))


def b64(data: bytes | str | dict[str, Any]) -> str:
    text = json.dumps(data) if isinstance(data, dict) else data
    raw = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def ours(claims: dict[str, Any], rsa: bool = False) -> str:
    key = RSA.private_key if rsa else P256.private_key
    assert key is not None
    return jose.signed(RS_HEADER if rsa else ES_HEADER, claims, key)


def accepted(token: str, rsa: bool = False) -> bool:
    key, algorithm = (
        (RSA.public_key, Algorithm.RS256) if rsa else (P256.public_key, Algorithm.ES256)
    )
    return jose.is_signed_by(jose.parsed(token), key, algorithm)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=8), json_values, max_size=4), st.booleans())
def test_what_we_sign_is_what_others_and_we_read(claims: dict[str, Any], rsa: bool) -> None:
    token = ours(claims, rsa)
    assert jose.parsed(token).claims == claims
    assert accepted(token, rsa)
    assert not accepted(token, not rsa)
    key, algorithm = (RSA, "RS256") if rsa else (P256, "ES256")
    assert jwt.decode(token, key, algorithms=[algorithm]).claims == claims
    theirs = jwt.encode({"alg": algorithm}, claims, key, algorithms=[algorithm])
    assert accepted(theirs, rsa)


def hs256(secret: bytes, **header: object) -> str:
    text = f"{b64({'alg': 'HS256', **header})}.{b64({'sub': 'x'})}"
    return f"{text}.{b64(hmac.digest(secret, text.encode(), 'sha256'))}"


def with_header(**header: object) -> str:
    """Signed properly by the right key, under a header of one's own."""
    assert P256.private_key is not None
    return jose.signed(jose.segment({"alg": "ES256", **header}), {"sub": "x"}, P256.private_key)


GOOD = ours({"sub": "x"})
HEAD, BODY, SIGNATURE = GOOD.split(".")
RAW = base64.urlsafe_b64decode(SIGNATURE + "==")
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize(
    "token",
    [
        f"{b64({'alg': 'none'})}.{BODY}.",
        f"{b64({'alg': 'None'})}.{BODY}.{SIGNATURE}",
        f"{b64({})}.{BODY}.{SIGNATURE}",
        f"{HEAD}.{BODY}.",
        f"{HEAD}.{b64({'sub': 'y'})}.{SIGNATURE}",
        f"{HEAD}.{BODY}.{b64(RAW[:-1])}",
        f"{HEAD}.{BODY}.{b64(RAW + RAW)}",
        f"{HEAD}.{BODY}.{b64(bytes(64))}",
        f"{HEAD}.{BODY}.{b64(bytes(31) + b'1' + N.to_bytes(32, 'big'))}",
        hs256(P256.as_pem(private=False)),
        hs256(RSA.as_pem(private=False)),
        hs256(b""),
        with_header(alg="ES384"),
        with_header(alg=["ES256"]),
        with_header(crit=["exp"]),
        with_header(crit=[]),
        with_header(b64=False, crit=["b64"]),
        jwt.encode({"alg": "ES256", "jwk": STRANGER.as_dict(private=False)}, {}, STRANGER),
        jwt.encode({"alg": "ES256", "jku": "https://evil.example/keys"}, {}, STRANGER),
        jwt.encode({"alg": "ES256", "x5u": "https://evil.example/key", "x5c": ["x"]}, {}, STRANGER),
    ],
)
def test_forgeries(token: str) -> None:
    assert not accepted(token)
    assert not accepted(token, rsa=True)


def test_where_keys_could_be_fetched_is_never_looked_at() -> None:
    token = with_header(jku="https://evil.example/", x5u="https://evil.example/", jwk={"kty": "x"})
    assert accepted(token)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "..",
        "a.b",
        f"{HEAD}.{BODY}",
        f"{HEAD}.{BODY}.{SIGNATURE}.",
        f"{HEAD}.{BODY}.{SIGNATURE}.{SIGNATURE}.x",
        f"{HEAD}=.{BODY}.{SIGNATURE}",
        f"{HEAD}.{BODY}.{SIGNATURE} ",
        f" {HEAD}.{BODY}.{SIGNATURE}",
        f"{HEAD}.{BODY}\n.{SIGNATURE}",
        f"{HEAD}.{b64(chr(0) * 3)}.{SIGNATURE}",
        f"{HEAD}.{b64('[]')}.{SIGNATURE}",
        f"{HEAD}.{b64(GOOD)}.{SIGNATURE}",  # a token in a token
        f"{b64('7')}.{BODY}.{SIGNATURE}",
        f"{HEAD}.{b64('{' + chr(34) + 'a' + chr(34) + ':NaN}')}.{SIGNATURE}",
        f'{HEAD}.{b64(chr(123) + """"sub":"x","sub":"root"}""")}.{SIGNATURE}',
        f'{b64(chr(123) + """"alg":"ES256","alg":"none"}""")}.{BODY}.{SIGNATURE}',
        f"{HEAD}.{b64('[' * 9000)}.{SIGNATURE}",
        f"{HEAD}.{b64('é'.encode('latin-1'))}.{SIGNATURE}",
        f"{HEAD}.{'A' * 20_000}.{SIGNATURE}",
        f"{HEAD}.{BODY}.ä",
        f"{HEAD}.{BODY}.+/{SIGNATURE[2:]}",
    ],
)
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(HeliostatError) as caught:
        jose.parsed(token)
    assert caught.value.code == "MalformedAuthToken"


@given(st.text(max_size=60))
def test_whatever_comes_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(HeliostatError):
        jose.parsed(text)


async def test_a_key_of_another_tenant_signs_nothing_here(kit: IdentityKit) -> None:
    await kit.identity.tenants.create_tenant("acme.example")
    acme = (await kit.identity.realms.get("acme.example")).keys
    other = await acme.signer(Algorithm.ES256)
    token = (await sign_in(kit, "helio")).access_token
    claims = jose.parsed(token).claims
    for changes in ({}, {"tenant": "acme.example"}):
        forged = sign({**claims, **changes}, other)
        assert await code_of(kit.identity.verify(forged)) == "InvalidAuthToken"


Change = Callable[[float], dict[str, object]]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (lambda now: {"nbf": now + 29}, ""),
        (lambda now: {"nbf": now + 31}, "InvalidAuthToken"),
        (lambda now: {"nbf": "soon"}, "InvalidAuthToken"),
        (lambda now: {"iat": now + 29}, ""),
        (lambda now: {"iat": now + 31}, "InvalidAuthToken"),
        (lambda now: {"exp": now - 29}, ""),
        (lambda now: {"exp": now - 31}, "ExpiredAuthToken"),
        (lambda now: {"aud": "rs_heliostat "}, "InvalidAuthToken"),
        (lambda now: {"aud": ["rs_heliostat"]}, ""),
        (lambda now: {"aud": {"rs_heliostat": 1}}, "InvalidAuthToken"),
        (lambda now: {"iss": f"{ISSUER}/"}, "InvalidAuthToken"),
        (lambda now: {"iss": [ISSUER]}, "InvalidAuthToken"),
    ],
)  # fmt: skip
async def test_clocks_and_claims_at_their_edges(
    kit: IdentityKit, changes: Change, code: str
) -> None:
    claims = jose.parsed((await sign_in(kit, "helio")).access_token).claims
    await kit.clock.advance(100)
    key = await kit.identity.keys.signer(Algorithm.ES256)
    token = sign({**claims, **changes(kit.clock.now_ms() / 1000)}, key)
    assert await code_of(kit.identity.verify(token)) == code
