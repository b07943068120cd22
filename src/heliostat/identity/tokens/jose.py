"""Signed JSON web tokens in their compact form (RFC 7515, 7519).  Pure.

Every token of sign-in is made and opened here, on ``cryptography`` directly: keys are parsed
once by whoever holds them, and what is signed is what is read, with one reading of JSON for
header and claims alike.  Strict where the specifications leave a choice: no name twice, no
``crit``, no key that the token itself brings (``jwk``, ``jku``, ``x5u`` are never looked at),
and the algorithm is the key's, whatever the header says.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64encode
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

from heliostat.core.errors import PermanentError
from heliostat.identity.tokens.records import Algorithm

MAX_TOKEN_BYTES = 16_384
HEADERS = 256
"""Headers that are remembered as they were read: a site's tokens have a handful."""
Claims = dict[str, Any]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_COORDINATE = 32
_ECDSA = ec.ECDSA(SHA256())
_PKCS1 = padding.PKCS1v15()
_SHA256 = SHA256()
_encode = msgspec.json.Encoder().encode
_URL = bytes.maketrans(b"-_", b"+/")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LAST = (_ALPHABET, b"", _ALPHABET[::16], _ALPHABET[::4])
"""How a text of so many characters more than fours may end, so that bytes have one spelling."""


class Parsed(NamedTuple):
    """A token that could be read; ``signed`` is what its ``signature`` is over."""

    header: Claims
    claims: Claims
    signed: bytes
    signature: bytes


def parsed(token: str) -> Parsed:
    """Header and claims as they stand, proven by nothing; raises ``MalformedAuthToken``."""
    if len(token) > MAX_TOKEN_BYTES:
        raise _malformed("it is too long")
    try:
        signed, _, signature = token.encode("ascii").rpartition(b".")
        header, _, claims = signed.partition(b".")
        read = Parsed(_header(header), _object(claims), signed, _bytes(signature))
    except (ValueError, RecursionError) as error:
        raise _malformed("it is no JSON web token") from error
    if not isinstance(read.header, dict) or not isinstance(read.claims, dict):
        raise _malformed("its header or claims are no JSON object")
    return read


def is_signed_by(token: Parsed, key: PublicKey, algorithm: Algorithm) -> bool:
    """Whether ``key`` has signed it, in its own way and with nothing that must be understood."""
    if token.header.get("alg") != algorithm.value or "crit" in token.header:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(token.signature, token.signed, _PKCS1, _SHA256)
        else:
            key.verify(_der(token.signature), token.signed, _ECDSA)
    except (InvalidSignature, ValueError):
        return False
    return True


def signed(header: bytes, claims: Claims, key: PrivateKey) -> str:
    """The token; ``header`` is a segment as ``segment`` makes it, and must fit the key."""
    text = header + b"." + segment(claims)
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(text, _PKCS1, _SHA256)
    else:
        r, s = decode_dss_signature(key.sign(text, _ECDSA))
        signature = r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")
    return (text + b"." + encoded(signature)).decode("ascii")


def segment(value: Claims) -> bytes:
    """A JSON object as a part of a token."""
    return encoded(_encode(value))


def encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _bytes(text: bytes) -> bytes:
    """base64url without padding, and nothing but that."""
    if b"+" in text or b"/" in text or b"=" in text:
        raise ValueError("not base64url")
    if text[-1:] not in _LAST[len(text) % 4]:
        raise ValueError("bits at the end that mean nothing")
    padded = text.translate(_URL) + b"=" * (-len(text) % 4)
    return binascii.a2b_base64(padded, strict_mode=True)


@lru_cache(maxsize=HEADERS)
def _header(text: bytes) -> Any:
    """There are few, and nobody changes what is read of one."""
    return _object(text)


def _object(text: bytes) -> Any:
    return _decoder.decode(_bytes(text).decode())


def _unique(pairs: list[tuple[str, Any]]) -> Claims:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number in JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_number)


def _der(signature: bytes) -> bytes:
    if len(signature) != 2 * _COORDINATE:
        raise ValueError("no signature of P-256")
    r, s = signature[:_COORDINATE], signature[_COORDINATE:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


def _malformed(why: str) -> PermanentError:
    return PermanentError("MalformedAuthToken", f"The token can't be read: {why}.")
