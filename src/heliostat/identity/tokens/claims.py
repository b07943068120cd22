"""What stands in the three tokens, and their signing.

All are JWTs: the access token for the API, the id token for the client, the
refresh token for this server alone (its ``sid`` and ``jti`` are checked against
the session in the store).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from joserfc import jwt

from heliostat.core.ids import Ids
from heliostat.identity.options import IdentityOptions
from heliostat.identity.tokens.keys import Key
from heliostat.identity.tokens.scopes import Scope


class TokenClass(StrEnum):
    """What a token is for (claim ``token_class``)."""

    ACCESS = "access_token"
    ID = "id_token"
    REFRESH = "refresh_token"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom tokens are about; ``groups`` as ``DOMAIN\\name``."""

    subject: str
    groups: tuple[str, ...]
    given_name: str = ""
    family_name: str = ""


@dataclass(frozen=True, slots=True)
class SignInEvent:
    """What an id token tells of a browser's sign-in; ``at_s`` is when the password was given."""

    nonce: str
    at_s: int


@dataclass(frozen=True, slots=True)
class Occasion:
    """What one sign-in's tokens have in common; ``session`` is empty without a refresh token."""

    bearer: Bearer
    client: str
    scope: Scope
    now_s: int
    session: str = ""
    event: SignInEvent | None = None


def access_claims(occasion: Occasion, options: IdentityOptions, jti: str) -> dict[str, Any]:
    """Claims for the API: the audience lists the resource servers asked for."""
    claims = _claims(occasion, options, TokenClass.ACCESS, jti, options.lifetimes.access_s)
    claims["aud"] = [claims["aud"], *occasion.scope.resource_servers]
    if occasion.scope.groups_in_access:
        claims["groups"] = list(occasion.bearer.groups)
    return claims


def id_claims(occasion: Occasion, options: IdentityOptions, jti: str) -> dict[str, Any]:
    """Claims for the client about the person."""
    claims = _claims(occasion, options, TokenClass.ID, jti, options.lifetimes.access_s)
    if occasion.bearer.given_name:
        claims["given_name"] = occasion.bearer.given_name
    if occasion.bearer.family_name:
        claims["family_name"] = occasion.bearer.family_name
    if occasion.event is not None:
        claims["auth_time"] = occasion.event.at_s
        if occasion.event.nonce:
            claims["nonce"] = occasion.event.nonce
    if occasion.scope.groups_in_id:
        claims["groups"] = list(occasion.bearer.groups)
    return claims


def refresh_claims(
    occasion: Occasion, options: IdentityOptions, jti: str, expires_s: int
) -> dict[str, Any]:
    """Claims for this server's own next visit; the end is the session's."""
    claims = _claims(occasion, options, TokenClass.REFRESH, jti, 0.0)
    claims["exp"] = expires_s
    return claims


def sign(claims: dict[str, Any], key: Key) -> str:
    """The signed token; the header names the key."""
    header = {"alg": key.algorithm.value, "kid": key.kid, "typ": "JWT"}
    return jwt.encode(header, claims, key.jwk, algorithms=[key.algorithm.value])


def new_jti(ids: Ids) -> str:
    return ids.secret(16)


def _claims(
    occasion: Occasion, options: IdentityOptions, token: TokenClass, jti: str, lifetime_s: float
) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "iss": options.issuer,
        "sub": occasion.bearer.subject,
        "aud": occasion.client or occasion.bearer.subject,
        "iat": occasion.now_s,
        "exp": occasion.now_s + int(lifetime_s),
        "jti": jti,
        "scope": str(occasion.scope),
        "tenant": options.domain,
        "token_class": token.value,
        "token_type": "Bearer",
    }
    if occasion.client:
        claims["client_id"] = occasion.client
    if occasion.session:
        claims["sid"] = occasion.session
    return claims
