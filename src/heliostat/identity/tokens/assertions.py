"""How a service account, or a client with keys, proves itself: a short JWT (RFC 7523).

It must name the client as issuer and subject, this site as audience, end within
two minutes, and be used once: its ``jti`` is kept until it would have ended.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from joserfc.jwk import ECKey, RSAKey

from heliostat.cloudstore.contract import Change, CloudStore, GuardFailed
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.clients.keys import algorithm_of
from heliostat.identity.clients.named import named_client
from heliostat.identity.clients.records import Client, Proof, clients_of
from heliostat.identity.options import SYSTEM_TENANT, IdentityOptions
from heliostat.identity.service_accounts.proof import AccountProofs
from heliostat.identity.service_accounts.records import uses_of
from heliostat.identity.service_accounts.uses import CredentialUses
from heliostat.identity.tokens import jose
from heliostat.identity.tokens.jose import Claims, Parsed, PublicKey
from heliostat.identity.tokens.opened import audiences, number, unverified
from heliostat.identity.tokens.records import Algorithm, SpentAssertion, TokenKinds

ENDPOINTS = ("token", "introspect", "revoke", "device_authorization", "par")
"""Where an assertion is shown, and what it may therefore name."""
KEYS_KEPT = 1024
"""Public keys that are kept parsed."""
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Proven(NamedTuple):
    """A client that has proven itself; ``credential`` is a service account's key or certificate,
    as ``AccountProofs`` names it (empty: another client's)."""

    client: Client
    credential: str = ""


class Assertions:
    """Checks assertions and remembers the used ones."""

    def __init__(self, store: CloudStore, clock: Clock, options: IdentityOptions) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._spent = TokenKinds.of(options.tenant).spent_assertions
        self._clients = clients_of(options.tenant)
        self._audiences = token_audiences(options)
        self._proofs = AccountProofs(store, clock, options)
        self._uses = CredentialUses(uses_of(options.tenant), clock)

    async def proven(self, assertion: str, client_id: str) -> Proven:
        """Who signed ``assertion``, and with what; raises ``InvalidClient``."""
        try:
            return await self._proven(assertion, client_id)
        except HeliostatError as error:
            if error.code in ("MalformedAuthToken", "InvalidAuthToken"):
                raise _refused("it is no assertion that can be read") from error
            raise

    async def _proven(self, assertion: str, client_id: str) -> Proven:
        read = jose.parsed(assertion)
        name = str(read.claims.get("iss", ""))
        if not name or (client_id and client_id != name):
            raise _refused("issuer and client id differ")
        client = await named_client(self._store, self._clients, name)
        if client.proof is not Proof.PRIVATE_KEY:
            raise _refused(f"{name[:80]} has no key")
        used = ""
        if client.is_service_account:
            used = await self._proofs.credential(read, client)
        else:
            _check_signature(read, client)
        claims = read.claims
        check_assertion(claims, name, self._audiences, self._limits())
        also = self._uses.due(client.name, used) if used else ()
        await self.spend(name, claims, also=also)
        if also:
            self._uses.written(client.name, used)
        return Proven(client, used)

    def _limits(self) -> tuple[float, float, float]:
        lifetimes = self._options.lifetimes
        return self._clock.now_ms() / 1000, lifetimes.assertion_s, lifetimes.tolerance_s

    async def spend(
        self, name: str, claims: Claims, *, also: Sequence[Change] = (), plan: bool = False
    ) -> None:
        """Take an assertion of ``name`` once; raises ``InvalidClient`` for one that was.

        ``also`` is committed with it.  With ``plan`` it stays good.
        """
        told = f"{name}\n{claims['jti']}".encode(errors="surrogatepass")
        digest = hashlib.sha256(told).hexdigest()
        until_s = number(claims, "exp") + self._options.lifetimes.tolerance_s
        spent = SpentAssertion(id=digest, expires_ms=int(until_s * 1000) + 1)
        kept = self._spent
        if plan:
            if await kept.get(self._store, digest) is not None:
                raise _refused("it was used before")
            return
        try:
            await self._store.commit([kept.absent(digest)], [*kept.put(spent), *also])
        except GuardFailed as error:
            raise _refused("it was used before") from error


def issuer_of(assertion: str) -> str:
    """Who an assertion says it is from; true only of one that was accepted."""
    _, claimed = unverified(assertion)
    return str(claimed.get("iss", ""))[:80]


def token_audiences(options: IdentityOptions) -> frozenset[str]:
    """What an assertion may name as audience: the issuer, or an endpoint of the tenant's.

    The endpoint without a tenant is the site's own: else an assertion for one tenant would
    be good in another where the same name has the same key.
    """
    urls = {url.rstrip("/") for url in (options.base_url, *options.other_urls)}
    endpoints = {f"{url}/openidconnect/{each}" for url in urls for each in ENDPOINTS}
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
    if "nbf" in claims and number(claims, "nbf") > now_s + tolerance_s:
        raise _refused("it does not count yet; compare the clocks")
    if expires_s > now_s + longest_s + tolerance_s:
        raise _refused(f"it lives longer than {longest_s:g} s")
    if not isinstance(jti, str) or not 8 <= len(jti) <= 256:
        raise _refused("it has no jti of 8 to 256 characters")


def _check_signature(read: Parsed, client: Client) -> None:
    """Raise ``InvalidClient`` unless one of the client's keys has signed it."""
    known = [_key_of_jwk(each) for each in client.jwks]
    named = [
        pair
        for pair, each in zip(known, client.jwks, strict=True)
        if json.loads(each)["kid"] == read.header.get("kid")
    ]
    if not any(jose.is_signed_by(read, key, algorithm) for key, algorithm in named or known):
        raise _refused("its signature is wrong")


@lru_cache(maxsize=KEYS_KEPT)
def _key_of_jwk(text: str) -> tuple[PublicKey, Algorithm]:
    jwk = json.loads(text)
    kind: type[ECKey] | type[RSAKey] = ECKey if jwk["kty"] == "EC" else RSAKey
    return kind.import_key(jwk).public_key, algorithm_of(jwk)


def _refused(why: str) -> PermanentError:
    return PermanentError("InvalidClient", f"The client assertion is refused: {why}.")
