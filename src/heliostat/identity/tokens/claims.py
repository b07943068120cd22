"""What stands in the three tokens, and their signing.

All are JWTs: the access token for the API, the id token for the client, the
refresh token for this server alone (its ``sid`` and ``jti`` are checked against
the session in the store).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from heliostat.core.ids import Ids
from heliostat.identity.options import IdentityOptions
from heliostat.identity.steps.proofs import amr, assurance
from heliostat.identity.tokens import jose
from heliostat.identity.tokens.keys import Key
from heliostat.identity.tokens.scopes import Scope


class TokenClass(StrEnum):
    """What a token is for (claim ``token_class``)."""

    ACCESS = "access_token"
    ID = "id_token"
    REFRESH = "refresh_token"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom tokens are about; ``groups`` as ``DOMAIN\\name``, ``stamp`` as ``holds`` tells it."""

    subject: str
    groups: tuple[str, ...]
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class SignInEvent:
    """What tokens tell of a browser's sign-in.

    ``at_s`` is when the first of ``proofs`` (``steps.proofs``) was given.
    """

    nonce: str
    at_s: int
    proofs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Occasion:
    """What one sign-in's tokens have in common; ``session`` is empty without a refresh token.

    ``life_s`` is that of access and id tokens (0: the tenant's).  ``exchanged`` tokens may say
    who acts, and are of a session that another client has opened.
    """

    bearer: Bearer
    client: str
    scope: Scope
    now_s: int
    session: str = ""
    event: SignInEvent | None = None
    life_s: int = 0
    exchanged: bool = False
    act: dict[str, Any] | None = None


def access_claims(occasion: Occasion, options: IdentityOptions, jti: str) -> dict[str, Any]:
    """Claims for the API: the audience lists the resource servers asked for."""
    claims = _claims(occasion, options, TokenClass.ACCESS, jti)
    claims["aud"] = [claims["aud"], *occasion.scope.resource_servers]
    if occasion.exchanged:
        claims["exchanged"] = True
    if occasion.act is not None:
        claims["act"] = occasion.act
    if occasion.bearer.stamp and not occasion.session:
        claims["stamp"] = occasion.bearer.stamp
    if occasion.scope.groups_in_access:
        claims["groups"] = list(occasion.bearer.groups)
    if occasion.event is not None:
        claims |= _event_claims(occasion.event)
    return claims


def id_claims(occasion: Occasion, options: IdentityOptions, jti: str) -> dict[str, Any]:
    """Claims for the client about the person."""
    claims = _claims(occasion, options, TokenClass.ID, jti)
    if occasion.bearer.given_name:
        claims["given_name"] = occasion.bearer.given_name
    if occasion.bearer.family_name:
        claims["family_name"] = occasion.bearer.family_name
    if occasion.bearer.email and occasion.scope.email:
        claims["email"] = occasion.bearer.email
    if occasion.event is not None:
        claims |= _event_claims(occasion.event)
        if occasion.event.nonce:
            claims["nonce"] = occasion.event.nonce
    if occasion.scope.groups_in_id:
        claims["groups"] = list(occasion.bearer.groups)
    return claims


def refresh_claims(
    occasion: Occasion, options: IdentityOptions, jti: str, expires_s: int
) -> dict[str, Any]:
    """Claims for this server's own next visit; the end is the session's."""
    claims = _claims(occasion, options, TokenClass.REFRESH, jti)
    claims["exp"] = expires_s
    return claims


def sign(claims: dict[str, Any], key: Key) -> str:
    """The signed token; the header names the key."""
    return jose.signed(key.header, claims, key.private)


def new_jti(ids: Ids) -> str:
    return ids.secret(16)


def _event_claims(event: SignInEvent) -> dict[str, Any]:
    """When and how somebody signed in; resource servers may ask for more (RFC 9470)."""
    claims: dict[str, Any] = {"auth_time": event.at_s}
    if event.proofs:
        claims |= {"acr": assurance(event.proofs).value, "amr": amr(event.proofs)}
    return claims


def _claims(
    occasion: Occasion, options: IdentityOptions, token: TokenClass, jti: str
) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "iss": options.issuer,
        "sub": occasion.bearer.subject,
        "aud": occasion.client or occasion.bearer.subject,
        "iat": occasion.now_s,
        "exp": occasion.now_s + (occasion.life_s or int(options.lifetimes.access_s)),
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
