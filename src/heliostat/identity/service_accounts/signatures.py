"""Whether a key has signed an assertion, in the one way in which it signs.  Pure."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from heliostat.identity.service_accounts.keys import OwnKey
from heliostat.identity.tokens import jose
from heliostat.identity.tokens.jose import Parsed
from heliostat.identity.tokens.records import Algorithm

ALGORITHMS = ("ES256", "RS256", "ES384", "EdDSA")
_P384 = ec.ECDSA(SHA384())
_COORDINATE = 48


def has_signed(key: OwnKey, token: Parsed) -> bool:
    """Whether ``key`` has signed it; another algorithm than the key's own is no signature."""
    if isinstance(key, rsa.RSAPublicKey):
        return jose.is_signed_by(token, key, Algorithm.RS256)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return _by_ed25519(key, token)
    if isinstance(key.curve, ec.SECP384R1):
        return _by_p384(key, token)
    return jose.is_signed_by(token, key, Algorithm.ES256)


def _by_p384(key: ec.EllipticCurvePublicKey, token: Parsed) -> bool:
    signature = token.signature
    named = token.header.get("alg") == "ES384" and "crit" not in token.header
    if not named or len(signature) != 2 * _COORDINATE:
        return False
    r, s = signature[:_COORDINATE], signature[_COORDINATE:]
    der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    try:
        key.verify(der, token.signed, _P384)
    except (InvalidSignature, ValueError):
        return False
    return True


def _by_ed25519(key: ed25519.Ed25519PublicKey, token: Parsed) -> bool:
    # RFC 8037 calls it EdDSA, RFC 9864 says which
    if token.header.get("alg") not in ("EdDSA", "Ed25519") or "crit" in token.header:
        return False
    try:
        key.verify(token.signature, token.signed)
    except InvalidSignature:
        return False
    return True
