"""Requests that a client sends ahead of the browser (RFC 9126): what the browser brings is a name.

The client proves itself first, and nothing of the request passes through the browser, where it
could be read or changed.  A request ends after 90 seconds; until then the page may be loaded
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.core.ids import Ids
from heliostat.identity.clients.records import Client
from heliostat.identity.names import fold
from heliostat.identity.options import IdentityOptions
from heliostat.identity.tokens.authorization import FIELDS, Authorization
from heliostat.identity.tokens.browsers import SECRET_BYTES, hashed
from heliostat.identity.tokens.pace import Pace
from heliostat.identity.tokens.records import PushedRequest, TokenKinds

URN = "urn:ietf:params:oauth:request_uri:"
LIFE_S = 90
PUSHED_A_SECOND, PUSHED_AT_ONCE = 20.0, 400
"""Of clients that need not prove themselves: anybody can send those."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What the client is told."""

    request_uri: str
    expires_in: int = LIFE_S


class PushedRequests:
    """The requests of one tenant's clients."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        authorization: Authorization,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._authorization = authorization
        self._kept = TokenKinds.of(options.tenant).pushed
        self._pace = Pace(clock, PUSHED_A_SECOND, PUSHED_AT_ONCE)

    async def push(self, client: Client, fields: Mapping[str, str]) -> Pushed:
        """Keep a request of ``client``, which has proven who it is, if it is in order.

        Raises what ``Authorization.asked`` does, ``InvalidEntity`` for one that names another,
        and ``TooManyRequests`` for a flood of them.
        """
        if "request_uri" in fields:
            raise PermanentError("InvalidEntity", "A pushed request names no other request.")
        named = {**fields, "client_id": fields.get("client_id") or client.name}
        if fold(named["client_id"]) != client.name:
            raise PermanentError("InvalidEntity", "The request is for another client.")
        await self._authorization.asked(named)
        if not client.proves_itself and not self._pace.admits():
            raise TemporaryError("TooManyRequests", "Too many programs ask without proof.")
        secret = self._ids.secret(SECRET_BYTES)
        pushed = PushedRequest(
            id=hashed(secret),
            client=client.name,
            fields={name: named[name] for name in FIELDS if named.get(name)},
            expires_ms=self._clock.now_ms() + LIFE_S * 1000,
        )
        await self._store.commit([self._kept.absent(pushed.id)], self._kept.put(pushed))
        return Pushed(URN + secret)

    async def expanded(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """The request that ``fields`` name; other requests as they are.

        Raises ``InvalidEntity`` for one that is over, or is another client's.
        """
        name = fields.get("request_uri", "")
        if not name.startswith(URN):
            return fields
        stored = await self._kept.get(self._store, hashed(name.removeprefix(URN)))
        if (
            stored is None
            or self._clock.now_ms() >= stored.value.expires_ms
            or fold(fields.get("client_id", "")) != stored.value.client
        ):
            raise PermanentError("InvalidEntity", "The program's request is over; begin again.")
        return stored.value.fields
