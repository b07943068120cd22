"""What must stand in a provider's signed tokens.  Pure.

OpenID Connect Core 1.0, 3.1.3.7, and Back-Channel Logout 1.0, 2.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from heliostat.identity.federation.outbound import invalid
from heliostat.identity.federation.records import OidcSettings

LONGEST_SUBJECT = 255
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TOKEN_S = 300.0
"""Age of a logout token that still counts; used ones are remembered for twice as long."""
LATEST_S = 2**53
TOLERANCE_S = 60.0
"""Clock difference between the provider and us that is forgiven."""


def check_id_token(
    claims: Mapping[str, Any], settings: OidcSettings, nonce: str, now_s: float
) -> None:
    """Check the claims of a signed id token; raises ``ProviderInvalid``."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    party = claims.get("azp")
    subject, until_s = claims.get("sub"), claims.get("exp")
    issued_s, begun_s = claims.get("iat"), claims.get("nbf", 0)
    if claims.get("iss") != settings.issuer:
        raise invalid("its id token is another's")
    if settings.client_id not in audiences:
        raise invalid("its id token is for somebody else")
    if (len(audiences) > 1 or party is not None) and party != settings.client_id:
        raise invalid("its id token was asked for by somebody else")
    if not _is_number(until_s) or until_s + TOLERANCE_S <= now_s:
        raise invalid("its id token has expired")
    if not _is_number(begun_s) or begun_s - TOLERANCE_S > now_s:
        raise invalid("its id token does not count yet")
    if not _is_number(issued_s) or issued_s - TOLERANCE_S > now_s:
        raise invalid("its id token is of the future")
    if not nonce or claims.get("nonce") != nonce:
        raise invalid("its id token answers another request")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise invalid("its id token names nobody")


def check_logout_token(claims: Mapping[str, Any], settings: OidcSettings, now_s: float) -> None:
    """Check the claims of a signed logout token; raises ``ProviderInvalid``."""
    audience, events = claims.get("aud"), claims.get("events")
    issued_s, until_s = claims.get("iat"), claims.get("exp", now_s + 1)
    if claims.get("iss") != settings.issuer:
        raise invalid("its token is another's")
    if settings.client_id not in (audience if isinstance(audience, list) else [audience]):
        raise invalid("its token is for somebody else")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT), dict):
        raise invalid("its token says nothing of signing out")
    if "nonce" in claims:
        raise invalid("its token is an id token")
    if not _is_number(issued_s) or abs(now_s - issued_s) > LOGOUT_TOKEN_S:
        raise invalid("its token is not of now")
    if not _is_number(until_s) or until_s + TOLERANCE_S <= now_s:
        raise invalid("its token has expired")
    if not isinstance(claims.get("jti"), str) or not isinstance(claims.get("sub"), str):
        raise invalid("its token names nobody, or has no jti")


def _is_number(value: object) -> TypeGuard[float]:
    """A time: JSON has whole numbers that no float holds, and one overflows to infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < LATEST_S
