"""Nonces that need no memory until they are used: time, randomness and our proof of both.

A used one is a document until it would have ended, so that any controller refuses it the
second time.
"""

from __future__ import annotations

import hashlib
import hmac

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.acme.messages import decoded, encoded
from heliostat.identity.acme.problems import Problem
from heliostat.identity.acme.records import AcmeKinds, SpentNonce
from heliostat.identity.sealing import Sealing

LIFETIME_MS = 3_600_000
_TIME_BYTES = 6
_RANDOM_BYTES = 12
_SAID_LENGTH = 24
"""Characters of both in base64url: no padding between them and the proof."""


class Nonces:
    """Of one tenant."""

    def __init__(
        self, store: CloudStore, clock: Clock, ids: Ids, sealing: Sealing, tenant: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._sealing = sealing
        self._tenant = tenant
        self._kind = AcmeKinds.of(tenant).nonces

    def new(self) -> str:
        """One that is good once, within an hour: base64url, as RFC 8555 (6.5.1) wants."""
        random = hashlib.sha256(self._ids.secret(_RANDOM_BYTES).encode()).digest()
        raw = self._clock.now_ms().to_bytes(_TIME_BYTES) + random[:_RANDOM_BYTES]
        said = encoded(raw)
        return said + self._proof(said)

    def check(self, nonce: str) -> SpentNonce:
        """What spending it will keep; raises ``Problem`` for one not ours, or that has ended.

        Looks at no memory: whoever is refused anyway makes us write nothing.
        """
        said, proof = nonce[:_SAID_LENGTH], nonce[_SAID_LENGTH:]
        if not hmac.compare_digest(self._proof(said).encode(), proof.encode(errors="replace")):
            raise Problem("badNonce", "The nonce is not from here.")
        ends_ms = int.from_bytes(decoded(said)[:_TIME_BYTES]) + LIFETIME_MS
        if self._clock.now_ms() > ends_ms:
            raise Problem("badNonce", "The nonce has ended.")
        return SpentNonce(id=said, expires_ms=ends_ms)

    async def spend(self, nonce: str) -> None:
        """As ``check``; raises ``Problem`` for one that was used, too."""
        spent = self.check(nonce)
        try:
            await self._store.commit([self._kind.absent(spent.id)], self._kind.put(spent))
        except GuardFailed as error:
            raise Problem("badNonce", "The nonce was used before.") from error

    def _proof(self, said: str) -> str:
        return self._sealing.proof("acme-nonce", self._tenant, said)
