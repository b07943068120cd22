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
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract import Person
from heliostat.identity.options import IdentityOptions
from heliostat.identity.records import Client, Session, kinds_of
from heliostat.identity.tokens.claims import new_jti
from heliostat.identity.tokens.opened import Claims


class Sessions:
    """The sessions of a tenant's users."""

    def __init__(self, store: CloudStore, clock: Clock, ids: Ids, options: IdentityOptions) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._options = options
        self._kept = kinds_of(options.tenant).sessions

    async def open(self, person: Person, client: Client, scope: str, browser: str = "") -> Session:
        """Begin a session after a right password, perhaps in a browser's session."""
        session = Session(
            id=self._ids.new_id(),
            user=person.key,
            stamp=person.stamp,
            client=client.name,
            scope=scope,
            current=new_jti(self._ids),
            browser=browser,
            expires_ms=self._clock.now_ms() + int(self._options.lifetimes.refresh_s * 1000),
        )
        await self._store.commit([self._kept.absent(session.id)], self._kept.put(session))
        return session

    async def resume(self, claims: Claims, client: Client) -> Session:
        """The session of a refresh token, moved on to its next token if the client rotates.

        Raises ``InvalidGrant``; a token used twice ends its session.
        """

        async def decide() -> Decided[Session | None]:
            stored = await self._kept.get(self._store, str(claims.get("sid", "")))
            if stored is None or self._clock.now_ms() >= stored.value.expires_ms:
                raise _invalid("the session has ended")
            session = stored.value
            if session.client != client.name:
                raise _invalid("the token was given to another client")
            if claims.get("jti") != session.current:
                return Decided(None, [self._kept.guard(stored)], self._kept.delete(session))
            if not client.rotate_refresh:
                return Decided(session, [], [])
            moved = msgspec.structs.replace(session, current=new_jti(self._ids))
            return Decided(moved, [self._kept.guard(stored)], self._kept.put(moved, session))

        session = await settle(self._store, decide)
        if session is None:
            raise _invalid("the token was used before, so the session was ended")
        return session

    async def find(self, id_: str) -> Session | None:
        """A session that goes on; ``None`` for one that has ended."""
        stored = await self._kept.get(self._store, id_) if id_ else None
        if stored is None or self._clock.now_ms() >= stored.value.expires_ms:
            return None
        return stored.value

    async def end_all_of(self, browser: str) -> None:
        """End what was opened from a browser's session."""
        for stored in await self._kept.by_index(self._store, "browser", browser):
            await self.end(stored.value)

    async def end(self, session: Session) -> None:
        """End a session; its refresh token is worthless from now on."""
        await self._store.commit([], self._kept.delete(session))


def _invalid(why: str) -> PermanentError:
    return PermanentError("InvalidGrant", f"The refresh token is not accepted: {why}.")
