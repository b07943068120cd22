"""How a service account proves itself: a short JWT under its own key (RFC 7523).

It must name the account as issuer and subject, this site as audience, end within
two minutes, and be used once: its ``jti`` is kept until it would have ended.
"""

from __future__ import annotations

import hashlib

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.directory.clients import named_client
from heliostat.identity.options import SYSTEM_TENANT, IdentityOptions
from heliostat.identity.records import Client, SpentAssertion, kinds_of
from heliostat.identity.tokens.opened import Claims, audiences, number, unverified

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Assertions:
    """Checks assertions and remembers the used ones."""

    def __init__(self, store: CloudStore, clock: Clock, options: IdentityOptions) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._kinds = kinds_of(options.tenant)

    async def client(self, assertion: str, client_id: str) -> Client:
        """The service account that signed ``assertion``; raises ``InvalidClient``."""
        try:
            return await self._client(assertion, client_id)
        except HeliostatError as error:
            if error.code in ("MalformedAuthToken", "InvalidAuthToken"):
                raise _refused("it is no assertion that can be read") from error
            raise

    async def _client(self, assertion: str, client_id: str) -> Client:
        _, claimed = unverified(assertion)
        name = str(claimed.get("iss", ""))
        if not name or (client_id and client_id != name):
            raise _refused("issuer and client id differ")
        client = await named_client(self._store, self._kinds.clients, name)
        if not client.is_service_account:
            raise _refused(f"{name[:80]} has no key")
        claims = _verified(assertion, client)
        check_assertion(claims, name, token_audiences(self._options), self._limits())
        await self._spend(name, claims)
        return client

    def _limits(self) -> tuple[float, float, float]:
        lifetimes = self._options.lifetimes
        return self._clock.now_ms() / 1000, lifetimes.assertion_s, lifetimes.tolerance_s

    async def _spend(self, name: str, claims: Claims) -> None:
        digest = hashlib.sha256(f"{name}\n{claims['jti']}".encode()).hexdigest()
        until_s = number(claims, "exp") + self._options.lifetimes.tolerance_s
        spent = SpentAssertion(id=digest, expires_ms=int(until_s * 1000) + 1)
        try:
            kept = self._kinds.spent_assertions
            await self._store.commit([kept.absent(digest)], kept.put(spent))
        except GuardFailed as error:
            raise _refused("it was used before") from error


def issuer_of(assertion: str) -> str:
    """Who an assertion says it is from; true only of one that was accepted."""
    _, claimed = unverified(assertion)
    return str(claimed.get("iss", ""))[:80]


def token_audiences(options: IdentityOptions) -> frozenset[str]:
    """What an assertion may name as audience: the issuer, or the tenant's token endpoint.

    The endpoint without a tenant is the site's own: else an assertion for one tenant would
    be good in another where the same name has the same key.
    """
    urls = {url.rstrip("/") for url in (options.base_url, *options.other_urls)}
    endpoints = {f"{url}/openidconnect/token" for url in urls}
    named = {f"{each}/{options.domain}" for each in endpoints}
    return frozenset(
        {options.issuer, *named, *(endpoints if options.tenant == SYSTEM_TENANT else ())}
    )


def check_assertion(
    claims: Claims,
    name: str,
    expected: frozenset[str],
    limits: tuple[float, float, float],
) -> None:
    """Check the claims; ``limits`` are now, longest life and tolerance, in seconds."""
    now_s, longest_s, tolerance_s = limits
    expires_s = number(claims, "exp")
    jti = claims.get("jti")
    if claims.get("iss") != name or claims.get("sub") != name:
        raise _refused("issuer and subject must both be the client id")
    if audiences(claims).isdisjoint(expected):
        raise _refused(f"its audience is none of {', '.join(sorted(expected))}")
    if not now_s - tolerance_s < expires_s:
        raise _refused("it has expired")
    if expires_s > now_s + longest_s + tolerance_s:
        raise _refused(f"it lives longer than {longest_s:g} s")
    if not isinstance(jti, str) or not 8 <= len(jti) <= 256:
        raise _refused("it has no jti of 8 to 256 characters")


def _verified(assertion: str, client: Client) -> Claims:
    try:
        key = ECKey.import_key(client.public_key_pem)
        return jwt.decode(assertion, key, algorithms=["ES256"]).claims
    except (JoseError, ValueError) as error:
        raise _refused("its signature is wrong") from error


def _refused(why: str) -> PermanentError:
    return PermanentError("InvalidClient", f"The client assertion is refused: {why}.")
