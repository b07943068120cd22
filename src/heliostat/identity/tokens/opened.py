"""Opening a token: structure, key, signature and claims, with the exact reason it fails.

The errors are those of the API (``MalformedAuthToken``, ``InvalidAuthToken``,
``ExpiredAuthToken``): existing clients refresh silently on the last one only.
"""

from __future__ import annotations

import json
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from heliostat.core.errors import PermanentError
from heliostat.identity.options import IdentityOptions
from heliostat.identity.tokens.claims import TokenClass
from heliostat.identity.tokens.keys import SigningKeys

MAX_TOKEN_BYTES = 16_384
MAX_KEY_ID = 128
Claims = dict[str, Any]


async def opened(
    token: str, keys: SigningKeys, options: IdentityOptions, expected: TokenClass, now_s: float
) -> Claims:
    """The claims of a token of ours of the ``expected`` class, still valid at ``now_s``."""
    header, _ = unverified(token)
    kid = header.get("kid")
    key = await keys.find(kid) if isinstance(kid, str) and _is_key_id(kid) else None
    if key is None:
        raise invalid("none of this site's keys has signed it")
    try:
        claims = jwt.decode(token, key.jwk, algorithms=[key.algorithm.value]).claims
    except (JoseError, ValueError) as error:
        raise invalid("its signature is wrong") from error
    _check(claims, options, expected, now_s)
    return claims


def _is_key_id(kid: str) -> bool:
    return kid.isascii() and len(kid) <= MAX_KEY_ID


def unverified(token: str) -> tuple[Claims, Claims]:
    """Header and claims as they stand, proven by nothing; raises ``MalformedAuthToken``."""
    if len(token) > MAX_TOKEN_BYTES:
        raise _malformed("it is too long")
    try:
        parts = jws.extract_compact(token.encode("ascii"))
        claims = json.loads(parts.payload)
    except (JoseError, ValueError, RecursionError) as error:
        raise _malformed("it is no JSON web token") from error
    if not isinstance(claims, dict):
        raise _malformed("its claims are no JSON object")
    return dict(parts.headers()), claims


def number(claims: Claims, name: str) -> float:
    """A time in seconds since the epoch; raises ``InvalidAuthToken`` if it is not there."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"it has no {name}")
    return float(value)


def audiences(claims: Claims) -> frozenset[str]:
    """The ``aud`` claim, which is one name or a list of them."""
    value = claims.get("aud")
    values = value if isinstance(value, list) else [value]
    return frozenset(each for each in values if isinstance(each, str))


def invalid(why: str) -> PermanentError:
    return PermanentError("InvalidAuthToken", f"The token is not valid here: {why}.")


def _check(claims: Claims, options: IdentityOptions, expected: TokenClass, now_s: float) -> None:
    if claims.get("iss") != options.issuer:
        raise invalid(f"it was issued by {str(claims.get('iss'))[:200]!r}, not {options.issuer}")
    if claims.get("tenant") != options.domain:
        raise invalid("it belongs to another tenant")
    if claims.get("token_class") != expected.value:
        raise invalid(f"it is no {expected.value.replace('_', ' ')}")
    if claims.get("token_type") != "Bearer" or not isinstance(claims.get("sub"), str):
        raise invalid("it is no bearer token of a user")
    tolerance_s = options.lifetimes.tolerance_s
    if number(claims, "iat") > now_s + tolerance_s:
        raise invalid("it was issued in the future; compare the clocks")
    if number(claims, "exp") <= now_s - tolerance_s:
        raise PermanentError("ExpiredAuthToken", "The token has expired.")


def _malformed(why: str) -> PermanentError:
    return PermanentError("MalformedAuthToken", f"The token can't be read: {why}.")
