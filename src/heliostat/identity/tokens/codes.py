"""Codes for tokens: each good once, for who asked, with the secret behind its challenge (RFC 7636).

A code that comes again was stolen, or its tokens were: the session that its first use opened
ends (RFC 6749, 4.1.2).  So a spent code is kept until that session could have ended by itself,
and spending one, opening its session and finding its browser still signed in are one commit.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.identity.clients.records import Client
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.options import IdentityOptions
from heliostat.identity.tokens.browsers import hashed
from heliostat.identity.tokens.records import Code, Session, TokenKinds
from heliostat.identity.tokens.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A code just spent, whom it is about, and the session that it has opened, if any."""

    code: Code
    person: Person
    session: Session | None


Opens = Callable[[Code], Awaitable[tuple[Person, Session | None]]]
"""Says whom a code is about and what session it opens; raises ``InvalidGrant``."""


class Codes:
    """Redeems the codes of one tenant."""

    def __init__(
        self, store: CloudStore, clock: Clock, options: IdentityOptions, sessions: Sessions
    ) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._sessions = sessions
        kinds = TokenKinds.of(options.tenant)
        self._kept = kinds.codes
        self._browsers = kinds.browsers
        self._opened = kinds.sessions

    async def redeem(
        self, secret: str, client: Client, redirect_uri: str, verifier: str, opens: Opens
    ) -> Redeemed:
        """What a code stands for; it is spent then.

        Raises ``InvalidGrant``, also where ``opens`` does: then the code is as it was.
        """

        async def decide() -> Decided[tuple[Code, Redeemed | None]]:
            stored = await self._kept.get(self._store, hashed(secret)) if secret else None
            if stored is None:
                raise _refused("there is none like it")
            code = stored.value
            if code.spent:
                return Decided((code, None), [], [])
            self._check(code, client, redirect_uri, verifier)
            browser = await self._browsers.get(self._store, code.browser)
            if browser is None:
                raise _refused("the browser that it came by is signed out")
            person, session = await opens(code)
            until = self._clock.now_ms() + int(self._options.lifetimes.refresh_s * 1000)
            opened = session.id if session is not None else ""
            spent = msgspec.structs.replace(code, spent=True, session=opened, expires_ms=until)
            changes = self._kept.put(spent, code)
            if session is not None:
                changes += self._opened.put(session)
            guards = [self._kept.guard(stored), self._browsers.guard(browser)]
            return Decided((spent, Redeemed(spent, person, session)), guards, changes)

        code, redeemed = await settle(self._store, decide)
        if redeemed is None:
            await self._end(code)
            raise _refused("it was used before, so what came of it was ended")
        return redeemed

    async def _end(self, code: Code) -> None:
        session = await self._sessions.find(code.session)
        if session is not None:
            await self._sessions.end(session)

    def _check(self, code: Code, client: Client, redirect_uri: str, verifier: str) -> None:
        if self._clock.now_ms() >= code.expires_ms:
            raise _refused("it has expired")
        if code.client != client.name or code.client_made_ms not in (0, client.created_ms):
            raise _refused("it was given to another client")
        if code.redirect_uri != redirect_uri:
            raise _refused("redirect_uri is another than the one it was sent to")
        digest = hashlib.sha256(verifier.encode(errors="replace")).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if not hmac.compare_digest(challenge, code.challenge):
            raise _refused("code_verifier does not match its challenge")


def _refused(why: str) -> PermanentError:
    return PermanentError("InvalidGrant", f"The code is not accepted: {why}.")
