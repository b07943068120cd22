"""Sign-ins that last: refresh tokens, and what ends them.

A session holds the ``jti`` of its one valid refresh token.  For clients that
rotate, each refresh replaces it, and a token that comes back a second time
shows that it was copied: the whole session ends.  A session ends on its own
eight hours after the password, or when the user's ``stamp`` has changed (new
password, disabled, deleted and made again).
"""

from __future__ import annotations

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.clients.records import Client
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.options import IdentityOptions
from heliostat.identity.tokens.claims import new_jti
from heliostat.identity.tokens.departures import Departures
from heliostat.identity.tokens.jose import Claims
from heliostat.identity.tokens.records import Session, TokenKinds
from heliostat.identity.tokens.scopes import Scope, narrowed


class Sessions:
    """The sessions of a tenant's users."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        departures: Departures,
    ) -> None:
        self._departures = departures
        self._store = store
        self._clock = clock
        self._ids = ids
        self._options = options
        self._kept = TokenKinds.of(options.tenant).sessions

    async def open(self, person: Person, client: Client, scope: str) -> Session:
        """Begin a session after a right password."""
        session = self.begun(person, client, scope, self._clock.now_ms())
        await self._store.commit([self._kept.absent(session.id)], self._kept.put(session))
        return session

    def begun(
        self,
        person: Person,
        client: Client,
        scope: str,
        signed_in_ms: int,
        browser: str = "",
        *,
        refreshes: bool = True,
    ) -> Session:
        """A session for whoever commits it, counted from its password; perhaps of a browser.

        One that does not refresh is only there to be ended.
        """
        tenants = int(self._options.lifetimes.refresh_s)
        return Session(
            id=self._ids.new_id(),
            user=person.key,
            stamp=person.stamp,
            client=client.name,
            client_made_ms=client.created_ms,
            scope=scope,
            current=new_jti(self._ids) if refreshes else "",
            browser=browser,
            begun_ms=self._clock.now_ms(),
            expires_ms=signed_in_ms + min(client.refresh_s or tenants, tenants) * 1000,
        )

    async def resume(self, claims: Claims, client: Client, asked: str) -> tuple[Session, Scope]:
        """The session of a refresh token, moved on to its next token if the client rotates.

        The scope is what was granted and the client still may have, or the part of it that is
        ``asked``.  Raises
        ``InvalidGrant``, and ``InvalidScope`` before anything moves; a token used twice
        ends its session.
        """

        async def decide() -> Decided[tuple[Session, Scope] | None]:
            stored = await self._kept.get(self._store, str(claims.get("sid", "")))
            if stored is None or self._clock.now_ms() >= stored.value.expires_ms:
                raise _invalid("the session has ended")
            session = stored.value
            if not is_of(session, client):
                raise _invalid("the token was given to another client")
            if claims.get("jti") != session.current:
                gone = [*self._kept.delete(session), *await self._departures.of([session])]
                return Decided(None, [self._kept.guard(stored)], gone)
            kept = Scope(tuple(each for each in session.scope.split() if each in client.scopes))
            scope = narrowed(kept, asked)
            if not client.rotate_refresh:
                return Decided((session, scope), [], [])
            moved = msgspec.structs.replace(session, current=new_jti(self._ids))
            changes = self._kept.put(moved, session)
            return Decided((moved, scope), [self._kept.guard(stored)], changes)

        resumed = await settle(self._store, decide)
        if resumed is None:
            raise _invalid("the token was used before, so the session was ended")
        return resumed

    async def find(self, id_: str) -> Session | None:
        """A session that goes on; ``None`` for one that has ended."""
        stored = await self._kept.get(self._store, id_) if id_ else None
        if stored is None or self._clock.now_ms() >= stored.value.expires_ms:
            return None
        return stored.value

    async def end(self, session: Session) -> None:
        """End a session; its refresh token is worthless from now on, and its program is told."""
        told = await self._departures.of([session])
        await self._store.commit([], [*self._kept.delete(session), *told])


def is_of(session: Session, client: Client) -> bool:
    """Whether ``client`` is the one that opened the session, not another made with its name."""
    return session.client == client.name and session.client_made_ms in (0, client.created_ms)


def _invalid(why: str) -> PermanentError:
    return PermanentError("InvalidGrant", f"The refresh token is not accepted: {why}.")
