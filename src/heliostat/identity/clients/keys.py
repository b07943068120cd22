"""Public keys that clients sign their assertions with (RFC 7517).  Pure.

P-256 and RSA, for ES256 and RS256.  A set is given as JSON and kept key by key in one
spelling; nothing is fetched from an address, and private halves are refused.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from heliostat.core.errors import PermanentError
from heliostat.identity.tokens.records import Algorithm

MOST = 8
LONGEST = 16_384
RSA_BITS = range(2048, 8193)
_PUBLIC = ("kty", "crv", "x", "y", "n", "e")
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})


def checked_jwks(text: str) -> tuple[str, ...]:
    """The keys of a JWK set, each as JSON; raises ``InvalidEntity``."""
    if not text.strip():
        return ()
    try:
        document = json.loads(text) if len(text) <= LONGEST else None
    except (ValueError, RecursionError):
        document = None
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not all(isinstance(each, dict) for each in keys):
        raise _refused('it is no JWK set, {"keys": [...]}')
    if not 0 < len(keys) <= MOST:
        raise _refused(f"it has {len(keys)} keys, and may have 1 to {MOST}")
    checked = tuple(map(_checked, keys))
    names = [json.loads(each)["kid"] for each in checked]
    if len(set(names)) < len(names):
        raise _refused("two of its keys have the same kid")
    return checked


def algorithm_of(jwk: dict[str, Any]) -> Algorithm:
    """The one algorithm that a kept key is good for."""
    return Algorithm.ES256 if jwk.get("kty") == "EC" else Algorithm.RS256


def _checked(jwk: dict[str, Any]) -> str:
    if not _PRIVATE.isdisjoint(jwk):
        raise _refused("a private key is in it; send the public half only, and make a new one")
    if jwk.get("use", "sig") != "sig":
        raise _refused("a key in it is not for signatures")
    key = _imported(jwk)
    public = key.as_dict(private=False)
    needed: dict[str, Any] = {
        name: public[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in public
    }
    algorithm = algorithm_of(needed)
    if jwk.get("alg", algorithm) != algorithm:
        raise _refused(f"only ES256 and RS256 are understood, not {str(jwk['alg'])[:20]!r}")
    kid = jwk.get("kid")
    named = kid if isinstance(kid, str) and 0 < len(kid) <= 128 else key.thumbprint()
    return json.dumps({**needed, "kid": named}, sort_keys=True, separators=(",", ":"))


def _imported(jwk: dict[str, Any]) -> ECKey | RSAKey:
    try:
        if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256":
            return ECKey.import_key(jwk)
        if jwk.get("kty") == "RSA" and bits_of(str(jwk.get("n", ""))) in RSA_BITS:
            return RSAKey.import_key(jwk)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise _refused("a key in it can't be read") from error
    raise _refused("its keys must be P-256, or RSA of 2048 bits or more")


def bits_of(text: str) -> int:
    """The length of a number as a JWK writes it."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return int.from_bytes(data, "big").bit_length()


def _refused(why: str) -> PermanentError:
    return PermanentError("InvalidEntity", f"jwks is refused: {why}.")
