"""Opening a token: structure, key, signature and claims, with the exact reason it fails.

The errors are those of the API (``MalformedAuthToken``, ``InvalidAuthToken``,
``ExpiredAuthToken``): existing clients refresh silently on the last one only.
"""

from __future__ import annotations

from heliostat.core.errors import PermanentError
from heliostat.identity.options import IdentityOptions
from heliostat.identity.tokens import jose
from heliostat.identity.tokens.claims import TokenClass
from heliostat.identity.tokens.jose import Claims, Parsed
from heliostat.identity.tokens.keys import SigningKeys

MAX_KEY_ID = 128


async def opened(
    token: str, keys: SigningKeys, options: IdentityOptions, expected: TokenClass, now_s: float
) -> Claims:
    """The claims of a token of ours of the ``expected`` class, still valid at ``now_s``."""
    return await proven(jose.parsed(token), keys, options, expected, now_s)


async def proven(
    read: Parsed, keys: SigningKeys, options: IdentityOptions, expected: TokenClass, now_s: float
) -> Claims:
    """``opened`` for one that was read already."""
    kid = read.header.get("kid")
    key = await keys.find(kid) if isinstance(kid, str) and _is_key_id(kid) else None
    if key is None:
        raise invalid("none of this site's keys has signed it")
    if not jose.is_signed_by(read, key.public, key.algorithm):
        raise invalid("its signature is wrong")
    claims = read.claims
    _check(claims, options, expected, now_s)
    return claims


def _is_key_id(kid: str) -> bool:
    return kid.isascii() and len(kid) <= MAX_KEY_ID


def unverified(token: str) -> tuple[Claims, Claims]:
    """Header and claims as they stand, proven by nothing; raises ``MalformedAuthToken``."""
    read = jose.parsed(token)
    return read.header, read.claims


def number(claims: Claims, name: str) -> float:
    """A time in seconds since the epoch; raises ``InvalidAuthToken`` if it is not there."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"it has no {name}")
    try:
        return float(value)
    except OverflowError as error:
        raise invalid(f"its {name} is no time") from error


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
    if "nbf" in claims and number(claims, "nbf") > now_s + tolerance_s:
        raise invalid("it does not count yet; compare the clocks")
    if number(claims, "iat") > now_s + tolerance_s:
        raise invalid("it was issued in the future; compare the clocks")
    if number(claims, "exp") <= now_s - tolerance_s:
        raise PermanentError("ExpiredAuthToken", "The token has expired.")
