"""Browsers in which somebody has signed in, and the programs that were signed in from them.

A browser is known by the hash of its cookie, which is new with every proof.  Sessions of
programs remember their browser, so that signing out finds them.
"""

from __future__ import annotations

import hashlib

import msgspec

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml.records import SamlKinds
from heliostat.identity.tokens.departures import Departures
from heliostat.identity.tokens.records import BrowserSession, Session, TokenKinds

SECRET_BYTES = 32
BATCH = 20
"""Programs signed out in one commit: four changes each, and a notice."""


class Browsers:
    """The browsers of one tenant's people."""

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
        self._kinds = TokenKinds.of(options.tenant)
        self._participants = SamlKinds.of(options.tenant).participants

    async def open(
        self, person: Person, before: str, proofs: tuple[str, ...], signed_in_ms: int = 0
    ) -> tuple[BrowserSession, str]:
        """A session of somebody who has shown ``proofs``, and its cookie.

        ``before`` is the browser's cookie until now: the same person's programs stay with the
        new session, so that signing out ends them; somebody else's are signed out.
        ``signed_in_ms`` is when the first proof was given (0: now), from which it counts.
        """
        cookie = self._ids.secret(SECRET_BYTES)
        now_ms = signed_in_ms or self._clock.now_ms()
        browser = BrowserSession(
            id=hashed(cookie),
            user=person.key,
            stamp=person.stamp,
            signed_in_ms=now_ms,
            expires_ms=now_ms + int(self._options.lifetimes.browser_s * 1000),
            proofs=proofs,
        )
        await self._store.commit(
            [self._kinds.browsers.absent(browser.id)], self._kinds.browsers.put(browser)
        )
        old = await self.find(before)
        if old is not None:
            if old.user == browser.user:
                await self._carry(old, browser)
            await self._leave(old, browser if old.user == browser.user else None)
        return browser, cookie

    async def find(self, cookie: str) -> BrowserSession | None:
        """The session that a cookie stands for, while it lasts."""
        stored = await self._kinds.browsers.get(self._store, hashed(cookie)) if cookie else None
        if stored is None or self._clock.now_ms() >= stored.value.expires_ms:
            return None
        return stored.value

    async def programs(self, browser: BrowserSession) -> list[Session]:
        """The sessions of programs that were signed in from it."""
        found = await self._kinds.sessions.by_index(self._store, "browser", browser.id)
        return [each.value for each in found]

    async def end(self, browser: BrowserSession) -> None:
        """Sign a browser out, and every program that was signed in from it.

        The browser goes in the last commit, so who is killed between is still asked again.
        """
        await self._leave(browser, None)

    async def _carry(self, old: BrowserSession, heir: BrowserSession) -> None:
        """Service providers of SAML stay with the new session, too, one by one."""
        kept = self._participants
        for stored in await kept.by_index(self._store, "browser", old.id):
            moved = msgspec.structs.replace(stored.value, browser=heir.id)
            await self._store.commit([], kept.put(moved, stored.value))

    async def _leave(self, browser: BrowserSession, heir: BrowserSession | None) -> None:
        """End a browser's session; its programs' sessions end, too, or become those of ``heir``."""
        sessions = self._kinds.sessions

        async def decide() -> Decided[bool]:
            page = await sessions.list_by_index(self._store, "browser", browser.id, limit=BATCH)
            guards: list[Guard] = [
                sessions.index_unchanged("browser", browser.id, page.revision),
                *map(sessions.guard, page.items),
            ]
            changes: list[Change] = []
            for each in page.items:
                if heir is None:
                    changes += sessions.delete(each.value)
                    changes += await self._departures.of([each.value])
                else:
                    moved = msgspec.structs.replace(each.value, browser=heir.id)
                    changes += sessions.put(moved, each.value)
            if page.after is None:
                changes += self._kinds.browsers.delete(browser)
            return Decided(page.after is not None, guards, changes)

        while await settle(self._store, decide):
            pass


def hashed(secret: str) -> str:
    """What is kept of a secret of ours: it is random, so a plain hash does."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
