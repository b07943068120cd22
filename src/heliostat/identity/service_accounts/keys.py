"""Public keys of service accounts: read from PEM or JWK, judged, and named.  Pure.

RSA of 2048 bits or more, P-256, P-384 and Ed25519.  A key is called by its thumbprint
(RFC 7638), so whoever has the key knows its name, and it can't be there twice.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from heliostat.core.errors import PermanentError
from heliostat.identity.authority.public_keys import weakness
from heliostat.identity.clients.keys import RSA_BITS, bits_of
from heliostat.identity.service_accounts.records import AccountKey

LONGEST = 16_384
PARSED = 1024
"""Keys that are kept parsed."""
OwnKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})
_ALGORITHMS = {"secp256r1": "ES256", "secp384r1": "ES384"}
_HINT = "Make one with `helio service-account key add ACCOUNT --key-file FILE`."


def read_key(text: str) -> AccountKey:
    """A public key in PEM or as a JWK, checked; raises ``InvalidEntity``."""
    if len(text) > LONGEST:
        raise refused("it is too long")
    jwk = _jwk(text) if text.lstrip().startswith("{") else None
    key = _of_jwk(jwk) if jwk is not None else _of_pem(text)
    made = key_of(key)
    named = jwk.get("alg", made.algorithm) if jwk is not None else made.algorithm
    if named != made.algorithm and (named, made.algorithm) != ("Ed25519", "EdDSA"):
        raise refused(f"it says {str(named)[:20]!r}, and such a key signs with {made.algorithm}")
    return made


def key_of(key: object) -> AccountKey:
    """A public key with its name and algorithm; raises ``InvalidEntity`` for a weak one."""
    if (why := weakness(key)) or not isinstance(key, OwnKey):
        raise refused(why)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return AccountKey(kid=_thumbprint(pem, key), public_pem=pem, algorithm=algorithm_of(key))


def algorithm_of(key: OwnKey) -> str:
    """The one way in which a key signs (RFC 7518, 3.1; RFC 8037, 3.1)."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _ALGORITHMS[key.curve.name]
    return "RS256" if isinstance(key, rsa.RSAPublicKey) else "EdDSA"


@lru_cache(maxsize=PARSED)
def parsed_key(pem: str) -> OwnKey:
    """A key that was checked when it was kept."""
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, OwnKey):
        raise PermanentError("StoreCorrupt", "A service account has a key of an unknown kind.")
    return key


@lru_cache(maxsize=PARSED)
def kept_key(pem: str) -> AccountKey:
    """The key of an account from when each had one, which was P-256."""
    return key_of(load_pem_public_key(pem.encode()))


def refused(why: str) -> PermanentError:
    return PermanentError("InvalidEntity", f"The key is refused: {why}.", hint=_HINT)


def _of_pem(text: str) -> object:
    if "PRIVATE KEY" in text:
        raise refused("it is a private key; send the public half only, and make a new one")
    try:
        return load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise refused("it is no public key in PEM form, nor a JWK") from error


def _jwk(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refused("it is no JWK that can be read") from error
    if not isinstance(document, dict):
        raise refused("it is no JWK that can be read")
    keys = document.get("keys")
    if isinstance(keys, list) and len(keys) == 1 and isinstance(keys[0], dict):
        return keys[0]
    if keys is not None:
        raise refused("it is a set of keys; add them one by one")
    return document


def _of_jwk(jwk: dict[str, Any]) -> object:
    if not _PRIVATE.isdisjoint(jwk):
        raise refused("a private key is in it; send the public half only, and make a new one")
    if jwk.get("use", "sig") != "sig":
        raise refused("it is not for signatures")
    kinds: dict[object, type[ECKey] | type[RSAKey] | type[OKPKey]] = {
        "EC": ECKey,
        "RSA": RSAKey,
        "OKP": OKPKey,
    }
    kind = kinds.get(jwk.get("kty")) if isinstance(jwk.get("kty"), str) else None
    if kind is None:
        raise refused("its kty is none of EC, RSA and OKP")
    try:
        if kind is RSAKey and (bits := bits_of(str(jwk["n"]))) not in RSA_BITS:
            raise refused(f"its RSA key has {bits} bits; {RSA_BITS.start} to {RSA_BITS[-1]} do")
        return kind.import_key(jwk).public_key
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise refused("it is no JWK that can be read") from error


def _thumbprint(pem: str, key: OwnKey) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return ECKey.import_key(pem).thumbprint()
    if isinstance(key, rsa.RSAPublicKey):
        return RSAKey.import_key(pem).thumbprint()
    return OKPKey.import_key(pem).thumbprint()
