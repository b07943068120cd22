"""Corners where readers of tokens differ: every row is refused, or accepted, on purpose."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

from heliostat.core.errors import HeliostatError
from heliostat.identity.tokens import jose
from heliostat.identity.tokens.keys import Key
from heliostat.identity.tokens.records import Algorithm
from heliostat.testing.robot import Robot
from heliostat.testing.signin import IdentityKit, code_of, sign_in

KEY = ec.generate_private_key(ec.SECP256R1())
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
GOOD = jose.signed(jose.segment({"alg": "ES256"}), {"sub": "x"}, KEY)
SIGNED, _, SIGNATURE = GOOD.rpartition(".")
RAW = base64.urlsafe_b64decode(SIGNATURE + "==")
R, S = int.from_bytes(RAW[:32], "big"), int.from_bytes(RAW[32:], "big")


def accepted(signature: bytes) -> bool:
    token = f"{SIGNED}.{jose.encoded(signature).decode()}"
    return jose.is_signed_by(jose.parsed(token), KEY.public_key(), Algorithm.ES256)


def pair(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@pytest.mark.parametrize(
    ("signature", "good"),
    [
        (RAW, True),
        (pair(R, N - S), True),  # the other root: RFC 7518 does not ask for the lower one
        (pair(0, S), False),
        (pair(R, 0), False),
        (pair(N, S), False),
        (pair(R, N), False),
        (pair(S, R), False),
        (pair(2**256 - 1, S), False),
        (encode_dss_signature(R, S), False),
        (b"", False),
        (RAW[:63], False),
        (RAW[:32], False),
        (b"\0" + RAW, False),
        (RAW + b"\0", False),
        (bytes(32) + RAW, False),
    ],
)
def test_signatures(signature: bytes, good: bool) -> None:
    assert accepted(signature) == good


def test_one_spelling_of_every_signature() -> None:
    """The last character of 64 bytes carries four bits that mean nothing: they must be none."""
    read = [f"{GOOD[:-1]}{chr(each)}" for each in ALPHABET if readable(f"{GOOD[:-1]}{chr(each)}")]
    assert GOOD in read
    assert len({jose.parsed(each).signature for each in read}) == len(read) == 4


@pytest.mark.parametrize(
    ("text", "good"), [("e30", True), ("e31", False), ("e3", False), ("e30A", False), ("e", False)]
)
def test_one_spelling_of_every_part(text: str, good: bool) -> None:
    assert readable(f"{text}.e30.AAAA") == good
    assert readable(f"e30.{text}.AAAA") == good


def readable(token: str) -> bool:
    with contextlib.suppress(HeliostatError):
        return bool(jose.parsed(token))
    return False


@pytest.mark.parametrize(
    "claims",
    [
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":[{"b":1,"b":2}]}',
        b'{"\\u0061":1,"a":2}',
        b'{"a":' + b'{"a":' * 3000 + b"1" + b"}" * 3001,
        b'{"a":' + b"9" * 5000 + b"}",
        b'\xef\xbb\xbf{"a":1}',
        b"\xff\xfe{}",
        b'{"a":"\x01"}',
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":1} {"a":2}',
        b'{"a":01}',
        b"",
        b"null",
        b'"x"',
    ],
)
def test_claims_that_readers_may_read_differently(claims: bytes) -> None:
    assert not readable(f"e30.{jose.encoded(claims).decode()}.AAAA")


def written(header: dict[str, Any], claims: dict[str, Any], key: Key) -> str:
    """Signed as other programs may write it: any number, any text."""
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)
    parts = (jose.encoded(json.dumps(each).encode()) for each in (header, claims))
    text = b".".join(parts)
    r, s = decode_dss_signature(key.private.sign(text, ec.ECDSA(SHA256())))
    return (text + b"." + jose.encoded(pair(r, s))).decode()


async def verdict(kit: IdentityKit, header: dict[str, Any], **claims: object) -> str:
    """What the API says to a token of ours, signed by our key, changed so."""
    key = await kit.identity.keys.signer(Algorithm.ES256)
    told = jose.parsed((await sign_in(kit)).access_token).claims
    whole = {"alg": "ES256", "kid": key.kid, "typ": "JWT", **header}
    changed = {name: value for name, value in {**told, **claims}.items() if value is not None}
    return await code_of(kit.identity.verify(written(whole, changed, key)))


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "nobody",
        "../../user/system/administrator",
        "%2e%2e%2fuser",
        "/v1/user/system/administrator",
        "\0",
        "a\0b",
        "é",
        "\ud800",
        "а" * 43,  # noqa: RUF001 - Cyrillic
        "k" * 10_000,
        7,
        None,
        True,
        ["x"],
        {"x": 1},
        "' OR 1=1 --",
    ],
)
async def test_names_of_keys(kit: IdentityKit, kid: object) -> None:
    assert await verdict(kit, {"kid": kid}) == "InvalidAuthToken"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, ""),
        ({"typ": "at+jwt"}, ""),  # what it is for is in its claims, which we made
        ({"typ": "logout+jwt"}, ""),
        ({"jku": "https://evil.example", "x5u": "https://evil.example", "jwk": {}}, ""),
        ({"zip": "DEF"}, ""),
        ({"alg": "none"}, "InvalidAuthToken"),
        ({"alg": "HS256"}, "InvalidAuthToken"),
        ({"alg": "RS256"}, "InvalidAuthToken"),
        ({"alg": "es256"}, "InvalidAuthToken"),
        ({"alg": None}, "InvalidAuthToken"),
        ({"crit": ["b64"], "b64": False}, "InvalidAuthToken"),
        ({"crit": None}, "InvalidAuthToken"),
    ],
)
async def test_headers(kit: IdentityKit, header: dict[str, Any], code: str) -> None:
    assert await verdict(kit, header) == code


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": 9e12}, ""),
        ({"exp": 1.5}, "ExpiredAuthToken"),
        ({"exp": -1}, "ExpiredAuthToken"),
        ({"exp": 10**400}, "InvalidAuthToken"),
        ({"exp": "9999999999"}, "InvalidAuthToken"),
        ({"exp": True}, "InvalidAuthToken"),
        ({"exp": [9999999999]}, "InvalidAuthToken"),
        ({"exp": None}, "InvalidAuthToken"),
        ({"iat": None}, "InvalidAuthToken"),
        ({"iat": 10**400}, "InvalidAuthToken"),
        ({"nbf": 10**400}, "InvalidAuthToken"),
        ({"sub": 7}, "InvalidAuthToken"),
        ({"sub": ["administrator@heliostat.local"]}, "InvalidAuthToken"),
        ({"aud": []}, "InvalidAuthToken"),
        ({"aud": [["rs_heliostat"]]}, "InvalidAuthToken"),
        ({"aud": None}, "InvalidAuthToken"),
        ({"token_class": "id_token"}, "InvalidAuthToken"),
        ({"token_class": "refresh_token"}, "InvalidAuthToken"),
        ({"token_class": ["access_token"]}, "InvalidAuthToken"),
        ({"token_type": "DPoP"}, "InvalidAuthToken"),
        ({"tenant": "acme.example"}, "InvalidAuthToken"),
    ],
)
async def test_claims_of_our_own_key(kit: IdentityKit, claims: dict[str, Any], code: str) -> None:
    assert await verdict(kit, {}, **claims) == code


@pytest.mark.parametrize("kind", ["id_token", "refresh_token"])
async def test_no_other_token_calls_the_api(kit: IdentityKit, kind: str) -> None:
    token = getattr(await sign_in(kit), kind)
    assert token
    assert await code_of(kit.identity.verify(token)) == "InvalidAuthToken"


async def test_an_access_token_is_no_assertion(robot: Robot) -> None:
    answer = await robot.sign_in(robot.assertion())
    assert "differ" in await robot.refused(answer.access_token)
