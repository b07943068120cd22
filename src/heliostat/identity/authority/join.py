"""One-time tokens with which an agent joins: no password, no blind trust.

What stands in a token is told in ``core.join_token``.  The store keeps only the
hash of its secret; redeeming deletes it in a compare-and-set, so of two that try
one wins.  It ends after an hour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.cloudstore.documents import Kind
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.core.join_token import JoinToken, encode
from heliostat.identity.authority.issuer import Authority

LIFETIME_S = 3600.0
SECRET_BYTES = 32


class JoinRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A join token that nobody has used yet; ``id`` is the hash of its secret."""

    id: str
    host_id: str
    expires_ms: int
    schema: int = 1


JOIN_RECORDS = Kind("join", JoinRecord)


@dataclass(frozen=True, slots=True)
class IssuedJoin:
    """A new token, and when it ends."""

    token: str
    expires_ms: int


Revoked = Callable[[], Awaitable[str]]


async def nothing_revoked() -> str:
    """For who keeps no revocation lists."""
    return ""


class Joins:
    """Issues and redeems join tokens; ``url`` is where agents dial in."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        authority: Authority,
        url: str,
        revoked: Revoked = nothing_revoked,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._authority = authority
        self._url = url
        self._revoked = revoked

    async def issue(self, host_id: str) -> IssuedJoin:
        """A token with which one agent may join as ``host_id``, once."""
        await self._authority.refresh()
        secret = self._ids.secret(SECRET_BYTES)
        expires_ms = self._clock.now_ms() + int(LIFETIME_S * 1000)
        record = JoinRecord(id=_hash(secret), host_id=host_id, expires_ms=expires_ms)
        await self._store.commit([JOIN_RECORDS.absent(record.id)], JOIN_RECORDS.put(record))
        token = JoinToken(
            url=self._url,
            ca=self._authority.anchor_pem,
            fingerprint=self._authority.fingerprint,
            host=host_id,
            secret=secret,
        )
        return IssuedJoin(encode(token), expires_ms)

    async def redeem(self, secret: str, csr_pem: str) -> dict[str, str]:
        """``{certificate, ca}`` for a secret and a signing request; the secret is then spent.

        Raises ``InvalidToken`` (wrong, used or expired) and ``InvalidEntity`` (the
        request is bad; the secret stays good).
        """
        stored = await JOIN_RECORDS.get(self._store, _hash(secret))
        if stored is None or self._clock.now_ms() >= stored.value.expires_ms:
            raise _refused()
        host_id = stored.value.host_id
        certificate = await self._authority.sign_csr(csr_pem, host_id=host_id)
        try:
            guard = JOIN_RECORDS.guard(stored)
            await self._store.commit([guard], JOIN_RECORDS.delete(stored.value))
        except GuardFailed as error:
            raise _refused() from error
        trust = await self._authority.trust_of(host_id)
        return {"certificate": certificate, "ca": trust["ca"]}

    async def renew(self, host_id: str, csr_pem: str) -> dict[str, str]:
        """``{certificate, ca}`` for an agent that has shown its certificate for ``host_id``.

        Raises ``InvalidEntity`` (the request is bad).
        """
        certificate = await self._authority.sign_csr(csr_pem, host_id=host_id)
        return {"certificate": certificate, "ca": self._authority.ca_pem}

    async def trust(self, host_id: str) -> dict[str, str]:
        """``{ca, issuer, crls}``: what a host is to trust now, and who certifies hosts.

        ``crls`` are the revocation lists (PEM) of whoever certifies.
        """
        return {**await self._authority.trust_of(host_id), "crls": await self._revoked()}


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _refused() -> PermanentError:
    return PermanentError("InvalidToken", "The join token is wrong, was used, or has expired.")
