"""What programs are told when a session of theirs ends (OpenID Connect Back-Channel Logout 1.0).

The notice is committed together with the end of the session, so neither is without the other,
whoever is killed when.  ``Departing`` delivers it later, from any controller.
"""

from __future__ import annotations

from collections.abc import Iterable

from heliostat.cloudstore.contract import Change, CloudStore
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.clients.records import Client, clients_of
from heliostat.identity.options import IdentityOptions
from heliostat.identity.tokens.records import Departure, Session, TokenKinds

KEPT_MS = 24 * 3600 * 1000
"""A program that can't be reached for a day is not told any more; its tokens have ended."""


class Departures:
    """Makes the notices of one tenant."""

    def __init__(self, store: CloudStore, clock: Clock, ids: Ids, options: IdentityOptions) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._options = options
        self._kept = TokenKinds.of(options.tenant).departures
        self._clients = clients_of(options.tenant)

    async def of(self, sessions: Iterable[Session]) -> list[Change]:
        """What to commit with the end of ``sessions``, for clients that want to be told."""
        changes: list[Change] = []
        now_ms = self._clock.now_ms()
        for session in sessions:
            client = await self._client(session)
            if client is None or not client.backchannel_logout_uri:
                continue
            departure = Departure(
                id=self._ids.new_id(),
                domain=self._options.domain,
                client=client.name,
                session=session.id,
                user=session.user,
                due_ms=now_ms,
                expires_ms=now_ms + KEPT_MS,
            )
            changes += self._kept.put(departure)
        return changes

    async def frames(self, sessions: Iterable[Session]) -> list[tuple[Client, Session]]:
        """The clients that want browsers to tell them, each with one of its sessions."""
        found: dict[str, tuple[Client, Session]] = {}
        for session in sessions:
            client = await self._client(session)
            if client is not None and client.frontchannel_logout_uri:
                found.setdefault(client.name, (client, session))
        return [*found.values()]

    async def _client(self, session: Session) -> Client | None:
        stored = await self._clients.get(self._store, session.client)
        return stored.value if stored is not None else None


def wants_to_be_told(client: Client) -> bool:
    """Whether a sign-in has to be remembered for that, also one without a refresh token."""
    return bool(client.frontchannel_logout_uri or client.backchannel_logout_uri)
