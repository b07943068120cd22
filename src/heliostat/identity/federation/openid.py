"""What an OpenID provider says of itself and of people, believed only as far as it is proven.

Metadata and keys are kept for a while; an unknown key is looked up again at most once a
minute.  Id tokens must be signed with an asymmetric key of the provider, for us, for this
request (OpenID Connect Core, 3.1.3.7); tokens that are encrypted or unsigned are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from heliostat.core.clock import Clock
from heliostat.core.counting import counted
from heliostat.core.errors import HeliostatError
from heliostat.identity.federation.depth import INNERMOST, Depth
from heliostat.identity.federation.outbound import OK, Outbound, invalid
from heliostat.identity.federation.records import OidcSettings
from heliostat.identity.federation.token_checks import check_id_token, check_logout_token
from heliostat.identity.tokens import jose

ALGORITHMS = (
    *("ES256", "ES384", "ES512"),
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
)
"""Asymmetric ones only: with a shared secret, whoever checks could also sign."""
METADATA_S = 3_600.0
KEYS_AGAIN_S = 60.0
_KINDS = {"E": "EC", "R": "RSA", "P": "RSA"}
_SCOPE_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(slots=True)
class Known:
    """What was read of a provider, and when (seconds)."""

    metadata: Mapping[str, Any]
    depth: Depth
    read_s: float
    keys: list[dict[str, Any]] = field(default_factory=list)
    keys_read_s: float = -KEYS_AGAIN_S


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that a browser was sent with."""

    redirect_uri: str
    nonce: str
    verifier: str


class OpenIdProvider:
    """One provider, by its settings; kept between requests for what is ``known`` of it."""

    def __init__(self, settings: OidcSettings, outbound: Outbound, clock: Clock) -> None:
        self.settings = settings
        self._outbound = outbound
        self._clock = clock
        self._known: Known | None = None

    async def known(self) -> Known:
        """Its metadata; raises ``ProviderUnreachable``, ``ProviderInvalid``."""
        now_s = self._clock.now_ms() / 1000
        if self._known is not None and now_s < self._known.read_s + METADATA_S:
            return self._known
        url = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        # where it lies is bounded for all by the operator; where it leads, by where it lies
        answer = await self._outbound.get(url, within=INNERMOST, ca_pem=self.settings.ca_pem)
        if answer.status != OK:
            raise invalid(f"{url} answers {answer.status}")
        if answer.body.get("issuer") != self.settings.issuer:
            raise invalid(f"it says it is {str(answer.body.get('issuer'))[:80]!r}")
        for name in _SCOPE_ENDPOINTS:
            self._outbound.checked(str(answer.body.get(name, "")), answer.depth)
        self._known = Known(answer.body, answer.depth, now_s)
        return self._known

    async def probed(self) -> str:
        """Read the metadata again, and say what it is; raises as ``known``."""
        self._known = None
        metadata = (await self.known()).metadata
        return f"{metadata['issuer']} sends people to {metadata['authorization_endpoint']}."

    async def probed_keys(self) -> str:
        """Read the keys, and say how many of them could sign; raises as ``known``."""
        known = await self.known()
        await self._read_keys(known)
        usable = sum(each.get("kty") in _KINDS.values() for each in known.keys)
        if not usable:
            raise invalid("none of its keys could have signed anything for us")
        return f"{counted(usable, 'key')} may sign."

    async def address(self, fields: Mapping[str, str]) -> str:
        """Where to send a browser with ``fields``."""
        endpoint = str((await self.known()).metadata["authorization_endpoint"])
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(fields, quote_via=quote)}"

    async def refuse_other_issuer(self, told: str | None) -> None:
        """Against answers of one provider for another's requests (RFC 9207)."""
        known = await self.known()
        promised = known.metadata.get("authorization_response_iss_parameter_supported") is True
        if (told is None and promised) or (told is not None and told != self.settings.issuer):
            raise invalid("the answer comes from another provider than was asked")

    async def claims(
        self, code: str, sent: Sent, authentication: tuple[Mapping[str, str], Mapping[str, str]]
    ) -> dict[str, Any]:
        """What the provider says of who has signed in, for a code.

        ``authentication`` are further fields and headers that say who we are.  Raises
        ``ProviderUnreachable``, ``ProviderInvalid``.
        """
        known = await self.known()
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": sent.redirect_uri,
            "code_verifier": sent.verifier,
        }
        further, headers = authentication
        answer = await self._outbound.post(
            str(known.metadata["token_endpoint"]),
            {**fields, **further},
            within=known.depth,
            ca_pem=self.settings.ca_pem,
            headers=headers,
        )
        if answer.status != OK:
            told = str(answer.body.get("error", answer.status))[:80]
            raise invalid(f"it takes the code for nothing ({told})")
        claims = await self._verified(str(answer.body.get("id_token", "")), sent.nonce)
        return {**await self._userinfo(known, answer.body, claims), **claims}

    async def departed(self, token: str) -> dict[str, Any]:
        """Who has signed out at the provider, from a logout token (Back-Channel Logout, 2.6).

        Raises ``ProviderUnreachable``, ``ProviderInvalid``.
        """
        claims = await self._signed(token)
        check_logout_token(claims, self.settings, self._clock.now_ms() / 1000)
        return claims

    async def way_out(self) -> str:
        """Where people sign out at the provider; empty where it has no such place."""
        known = await self.known()
        endpoint = known.metadata.get("end_session_endpoint")
        if not isinstance(endpoint, str) or self._outbound.fault(endpoint, known.depth):
            return ""
        asks = urlencode({"client_id": self.settings.client_id})
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{asks}"

    async def _verified(self, token: str, nonce: str) -> dict[str, Any]:
        claims = await self._signed(token)
        check_id_token(claims, self.settings, nonce, self._clock.now_ms() / 1000)
        return claims

    async def _signed(self, token: str) -> dict[str, Any]:
        try:
            header = jose.parsed(token).header
        except HeliostatError as error:
            raise invalid("it sends no token that can be read") from error
        known = await self.known()
        algorithm = _algorithm(header, known.metadata)
        key = await self._key(known, header.get("kid"), algorithm)
        try:
            return jwt.decode(token, key, algorithms=[algorithm]).claims
        except (JoseError, ValueError) as error:
            raise invalid("its token's signature is wrong") from error

    async def _key(self, known: Known, kid: object, algorithm: str) -> Any:
        found = _matching(known.keys, kid, algorithm)
        now_s = self._clock.now_ms() / 1000
        if found is None and now_s >= known.keys_read_s + KEYS_AGAIN_S:
            await self._read_keys(known)
            found = _matching(known.keys, kid, algorithm)
        if found is None:
            raise invalid("none of its keys has signed the id token")
        try:
            return JWKRegistry.import_key(found)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise invalid("one of its keys can't be read") from error

    async def _read_keys(self, known: Known) -> None:
        known.keys_read_s = self._clock.now_ms() / 1000
        answer = await self._outbound.get(
            str(known.metadata["jwks_uri"]), within=known.depth, ca_pem=self.settings.ca_pem
        )
        keys = answer.body.get("keys")
        known.keys = [e for e in keys if isinstance(e, dict)] if isinstance(keys, list) else []

    async def _userinfo(
        self, known: Known, tokens: Mapping[str, Any], claims: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Further claims, from where most providers keep them; those of the same subject only."""
        endpoint, bearer = known.metadata.get("userinfo_endpoint"), tokens.get("access_token")
        if not isinstance(endpoint, str) or not isinstance(bearer, str):
            return {}
        answer = await self._outbound.get(
            endpoint, within=known.depth, ca_pem=self.settings.ca_pem, bearer=bearer
        )
        if answer.status != OK or answer.body.get("sub") != claims["sub"]:
            raise invalid("its userinfo is about somebody else")
        return answer.body


def _algorithm(header: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    told = metadata.get("id_token_signing_alg_values_supported", ["RS256"])
    named = header.get("alg")
    if not isinstance(told, list) or named not in told or named not in ALGORITHMS:
        raise invalid(f"its id token is signed with {str(named)[:20]!r}")
    return str(named)


def _matching(keys: list[dict[str, Any]], kid: object, algorithm: str) -> dict[str, Any] | None:
    """The key of that id; without an id, the only one of that kind."""
    fitting = [
        each
        for each in keys
        if each.get("kty") == _KINDS[algorithm[0]]
        and each.get("use", "sig") == "sig"
        and each.get("alg", algorithm) == algorithm
        and (kid is None or each.get("kid") == kid)
    ]
    return fitting[0] if len(fitting) == 1 or (fitting and kid is not None) else None
