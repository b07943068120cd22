"""Challenges for passkeys: nothing is kept of one until it is used, so asking costs nothing.

A challenge is random, says when it ends, and carries this site's proof of it; used ones are
remembered until then, so each is good once, whichever controller made it.
"""

from __future__ import annotations

import hashlib
import hmac

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.options import IdentityOptions
from heliostat.identity.sealing import Sealing
from heliostat.identity.tokens.records import SpentAssertion, TokenKinds

LASTS_S = 600
_RANDOM_BYTES = 18


class Challenges:
    """Those of one tenant."""

    def __init__(
        self, store: CloudStore, clock: Clock, ids: Ids, options: IdentityOptions, sealing: Sealing
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._tenant = options.tenant
        self._sealing = sealing
        self._spent = TokenKinds.of(options.tenant).spent_assertions

    def new(self, purpose: str) -> bytes:
        """A challenge for ``purpose``: what is asked, and of whom or of which form."""
        random = self._ids.secret(_RANDOM_BYTES)
        until_s = str(self._clock.now_ms() // 1000 + LASTS_S)
        proof = self._sealing.proof(*self._said(purpose, random, until_s))
        return f"{random}.{until_s}.{proof}".encode()

    async def spend(self, challenge: bytes, purpose: str) -> None:
        """Use a challenge up; raises ``SecondFactorWrong`` for one that is not of ``purpose``,
        has ended, or was used."""
        random, _, rest = challenge.decode(errors="replace").partition(".")
        until_s, _, proof = rest.partition(".")
        said = self._said(purpose, random, until_s)
        if not any(
            hmac.compare_digest(each.encode(), proof.encode())
            for each in self._sealing.proofs(*said)
        ):
            raise _refused("it answers another question")
        if int(until_s) * 1000 <= self._clock.now_ms():
            raise _refused("the page was open for too long")
        digest = hashlib.sha256(b"challenge\n" + challenge).hexdigest()
        spent = SpentAssertion(id=digest, expires_ms=int(until_s) * 1000 + 1)
        try:
            await self._store.commit([self._spent.absent(digest)], self._spent.put(spent))
        except GuardFailed as error:
            raise _refused("it was used before") from error

    def _said(self, purpose: str, random: str, until_s: str) -> tuple[str, ...]:
        return "challenge", self._tenant, purpose, random, until_s


def _refused(why: str) -> PermanentError:
    return PermanentError("SecondFactorWrong", f"The passkey's answer is not accepted: {why}.")
