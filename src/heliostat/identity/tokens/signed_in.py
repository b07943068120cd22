"""Who is signed in where: the sessions of a tenant's people, listed and ended.

A browser's session holds those of the programs that were signed in from it, and ending it ends
them.  Programs that want to be told of it are (``departures``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind, Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.options import IdentityOptions
from heliostat.identity.sources.router import Everybody
from heliostat.identity.tokens.browsers import Browsers
from heliostat.identity.tokens.records import BrowserSession, Session, TokenKinds
from heliostat.identity.tokens.sessions import Sessions

BROWSER = "browser"
PROGRAM = "program"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session; ``browser`` is the id of the browser's that a program's belongs to."""

    id: str
    what: str
    subject: str
    begun_ms: int
    expires_ms: int
    client: str = ""
    scope: str = ""
    browser: str = ""

    @property
    def name(self) -> str:
        """Lists are in the order of names."""
        return f"{self.subject} {self.id}"


class SessionsAtHand:
    """The verbs on sessions."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        options: IdentityOptions,
        sessions: Sessions,
        browsers: Browsers,
        people: Everybody,
    ) -> None:
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._browsers = browsers
        self._people = people
        self._kinds = TokenKinds.of(options.tenant)

    async def list_sessions(self, user: str = "") -> Sequence[SignedIn]:
        """Sessions that go on, of everybody or of ``user`` in any spelling."""
        kinds, now_ms = self._kinds, self._clock.now_ms()
        programs = await self._of(kinds.sessions, user)
        browsers = await self._of(kinds.browsers, user)
        found = [await self._browser(each.value) for each in browsers]
        found += [await self._program(each.value) for each in programs]
        return sorted((each for each in found if now_ms < each.expires_ms), key=_by_name)

    async def end_session(self, id_: str, *, plan: bool = False) -> SignedIn:
        """End one, and with a browser's those of its programs; raises ``SessionNotFound``."""
        program = await self._kinds.sessions.get(self._store, id_) if _is_id(id_) else None
        if program is not None:
            if not plan:
                await self._sessions.end(program.value)
            return await self._program(program.value)
        browser = await self._kinds.browsers.get(self._store, id_) if _is_id(id_) else None
        if browser is None:
            raise PermanentError("SessionNotFound", f"There is no session {id_[:80]}.")
        if not plan:
            await self._browsers.end(browser.value)
        return await self._browser(browser.value)

    async def end_sessions(self, user: str, *, plan: bool = False) -> Sequence[SignedIn]:
        """End all of a user's; gives what there was."""
        found = await self.list_sessions(user)
        if plan:
            return found
        for each in sorted(found, key=lambda each: each.what != BROWSER):
            try:
                await self.end_session(each.id)
            except PermanentError as error:
                if error.code != "SessionNotFound":  # it went with its browser
                    raise
        return found

    async def end_stale(self, user: str = "") -> int:
        """End sessions of whoever may not go on with them, and tell programs; gives how many.

        That is who was disabled or deleted, or has another password.  Nobody gets tokens of
        such a session anyhow: this is for programs that want to be told.  ``user`` is whose
        (empty: everybody's).
        """
        kinds, count = self._kinds, 0
        stamps: dict[str, str | None] = {}
        ends = ((kinds.browsers, self._browsers.end), (kinds.sessions, self._sessions.end))
        for kind, end in ends:
            for stored in await self._of(kind, user):
                session = stored.value
                if session.user not in stamps:
                    stamps[session.user] = await self._stamp(session.user, session.stamp)
                if session.stamp != stamps[session.user]:
                    await end(session)
                    count += 1
        return count

    async def _of(self, kind: Kind[Any], user: str) -> Sequence[Stored[Any]]:
        if not user:
            return await kind.all(self._store)
        return await kind.by_index(self._store, "user", await self._people.key_of(user))

    async def _stamp(self, key: str, known: str) -> str | None:
        """What sessions of somebody must have; as ``known`` where nobody can tell now."""
        try:
            person = await self._people.person(key)
        except HeliostatError:
            return known
        return person.stamp if person is not None else None

    async def _program(self, session: Session) -> SignedIn:
        return SignedIn(
            id=session.id,
            what=PROGRAM,
            subject=await self._people.called(session.user),
            begun_ms=session.begun_ms,
            expires_ms=session.expires_ms,
            client=session.client,
            scope=session.scope,
            browser=session.browser,
        )

    async def _browser(self, browser: BrowserSession) -> SignedIn:
        return SignedIn(
            id=browser.id,
            what=BROWSER,
            subject=await self._people.called(browser.user),
            begun_ms=browser.signed_in_ms,
            expires_ms=browser.expires_ms,
        )


def _by_name(session: SignedIn) -> str:
    return session.name


def _is_id(text: str) -> bool:
    return text.isascii() and text.replace("-", "").isalnum() and len(text) <= 64
