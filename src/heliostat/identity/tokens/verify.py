"""From an ``Authorization`` header to a principal.

Every request passes here.  A verified token is remembered for ``REMEMBERED_S`` (a
bounded number of them), since checking a signature costs more than the rest of a
small request: a signing key that was withdrawn counts no longer than that.  Whether the
token's session, its person and the tenant are still there is looked at every ``LOOKED_S``:
that long counts a token of somebody who has signed out, has another password, or is
disabled or deleted.  Tokens carry their groups: a membership changed after sign-in counts
from the next refresh on.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import NamedTuple

from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.identity.principal import Principal, principal_of
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms
from heliostat.identity.tokens import jose
from heliostat.identity.tokens.claims import TokenClass
from heliostat.identity.tokens.holds import Hold, hold_of
from heliostat.identity.tokens.opened import audiences, invalid, number, proven
from heliostat.identity.tokens.scopes import API_SERVERS

REMEMBERED = 4096
REMEMBERED_S = 30.0
LOOKED_S = 5.0
"""A program that calls without pause costs two look-ups in this time; a thief has it at most."""


class _Remembered(NamedTuple):
    principal: Principal
    tenant: str
    hold: Hold
    expires_s: float
    look_s: float


class Verifier:
    """Checks access tokens for the API, whichever tenant's."""

    def __init__(self, realms: Realms, clock: Clock) -> None:
        self._realms = realms
        self._clock = clock
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()

    async def verify_header(self, authorization: str | None) -> Principal:
        """The principal of an ``Authorization`` header's value.

        Raises ``MissingAuthToken`` without one, else as ``verify``.
        """
        return await self.verify(bearer_of(authorization))

    async def verify(self, bearer: str) -> Principal:
        """The principal that an access token proves.

        Raises ``MalformedAuthToken`` (not a token), ``InvalidAuthToken`` (not for us)
        or ``ExpiredAuthToken`` (refresh it).
        """
        digest = hashlib.sha256(bearer.encode(errors="surrogateescape")).digest()
        now_s = self._clock.now_ms() / 1000
        known = self._remembered.get(digest)
        if known is not None and now_s < known.expires_s:
            if now_s >= known.look_s:
                await self._look_again(digest, known, now_s)
            self._remembered.move_to_end(digest)
            return known.principal
        read = jose.parsed(bearer)
        tenant = str(read.claims.get("tenant", ""))
        realm = await self._realm(tenant)
        claims = await proven(read, realm.keys, realm.options, TokenClass.ACCESS, now_s)
        client = str(claims.get("client_id", ""))
        if API_SERVERS.isdisjoint(audiences(claims) - {client}):  # its own name is no permission
            raise invalid("it was not asked for this API; ask with scope rs_esxcloud")
        hold = hold_of(claims)
        await realm.holds.refuse_ended(hold)
        groups = claims.get("groups", [])
        if not isinstance(groups, list):
            raise invalid("its groups are no list")
        principal = principal_of(
            str(claims["sub"]),
            frozenset(group for group in groups if isinstance(group, str)),
            client,
            realm.options.domain,
            is_system=realm.is_system,
        )
        expires_s = min(number(claims, "exp"), now_s + REMEMBERED_S)
        look_s = now_s + LOOKED_S
        self._remember(digest, _Remembered(principal, tenant, hold, expires_s, look_s))
        return principal

    async def _realm(self, tenant: str) -> Realm:
        realm = await self._realms.find(tenant)
        if realm is None:
            raise invalid("it belongs to no tenant of this site")
        return realm

    async def _look_again(self, digest: bytes, known: _Remembered, now_s: float) -> None:
        """Whether what a remembered token hangs on is still there."""
        try:
            await (await self._realm(known.tenant)).holds.refuse_ended(known.hold)
        except PermanentError:
            self._remembered.pop(digest, None)
            raise
        self._remember(digest, known._replace(look_s=now_s + LOOKED_S))

    def _remember(self, digest: bytes, verified: _Remembered) -> None:
        self._remembered[digest] = verified
        self._remembered.move_to_end(digest)
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)


def bearer_of(authorization: str | None) -> str:
    """The token in ``Bearer TOKEN``; raises ``MissingAuthToken``, ``MalformedAuthToken``."""
    if authorization is None or not authorization.strip():
        raise PermanentError("MissingAuthToken", "The request carries no token.")
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.casefold() != "bearer" or not token.strip():
        raise PermanentError(
            "MalformedAuthToken", "The Authorization header is not of the form Bearer TOKEN."
        )
    return token.strip()
