"""Codes for tokens: each good once, for who asked, with the secret behind its challenge (RFC 7636).

A code that comes again was stolen, or its tokens were: the session that its first use opened
ends (RFC 6749, 4.1.2).  So a spent code is kept until that session could have ended by itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.options import IdentityOptions
from heliostat.identity.records import Client, Code, kinds_of
from heliostat.identity.tokens.authorization import hashed
from heliostat.identity.tokens.sessions import Sessions


class Codes:
    """Redeems the codes of one tenant."""

    def __init__(
        self, store: CloudStore, clock: Clock, options: IdentityOptions, sessions: Sessions
    ) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._sessions = sessions
        self._kept = kinds_of(options.tenant).codes

    async def redeem(self, secret: str, client: Client, redirect_uri: str, verifier: str) -> Code:
        """What a code stands for; it is spent then.  Raises ``InvalidGrant``."""

        async def decide() -> Decided[tuple[Code, bool]]:
            stored = await self._kept.get(self._store, hashed(secret)) if secret else None
            if stored is None:
                raise _refused("there is none like it")
            code = stored.value
            if code.spent:
                return Decided((code, True), [], [])
            self._check(code, client, redirect_uri, verifier)
            until = self._clock.now_ms() + int(self._options.lifetimes.refresh_s * 1000)
            spent = msgspec.structs.replace(code, spent=True, expires_ms=until)
            return Decided((spent, False), [self._kept.guard(stored)], self._kept.put(spent, code))

        code, again = await settle(self._store, decide)
        if again:
            await self._end(code)
            raise _refused("it was used before, so what came of it was ended")
        return code

    async def opened(self, code: Code, session_id: str) -> None:
        """Remember which session a code has opened."""
        new = msgspec.structs.replace(code, session=session_id)
        await self._store.commit([], self._kept.put(new, code))

    async def _end(self, code: Code) -> None:
        session = await self._sessions.find(code.session)
        if session is not None:
            await self._sessions.end(session)

    def _check(self, code: Code, client: Client, redirect_uri: str, verifier: str) -> None:
        if self._clock.now_ms() >= code.expires_ms:
            raise _refused("it has expired")
        if code.client != client.name:
            raise _refused("it was given to another client")
        if code.redirect_uri != redirect_uri:
            raise _refused("redirect_uri is another than the one it was sent to")
        digest = hashlib.sha256(verifier.encode(errors="replace")).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if not hmac.compare_digest(challenge, code.challenge):
            raise _refused("code_verifier does not match its challenge")


def _refused(why: str) -> PermanentError:
    return PermanentError("InvalidGrant", f"The code is not accepted: {why}.")
