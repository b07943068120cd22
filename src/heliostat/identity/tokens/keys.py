"""The keys that sign tokens: kept sealed in the store, published as JWKS, rotated.

One key an algorithm signs; a rotated-out key goes on verifying until every
token it signed has expired.  Several controllers share the keys: each re-reads
them every half minute, and looks up a key id it does not know at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from joserfc.jwk import ECKey, RSAKey

from heliostat.cloudstore.contract import Change, CloudStore, GuardFailed, PrefixUnchanged
from heliostat.core.clock import Clock
from heliostat.identity.decided import Decided, settle
from heliostat.identity.options import IdentityOptions
from heliostat.identity.sealing import Sealing
from heliostat.identity.tokens.jose import PrivateKey, PublicKey, segment
from heliostat.identity.tokens.records import Algorithm, SigningKey, TokenKinds

RELOAD_S = 30.0
RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key, ready for use: parsed once, with the header of what it signs."""

    record: SigningKey
    jwk: ECKey | RSAKey
    private: PrivateKey
    public: PublicKey
    header: bytes

    @property
    def kid(self) -> str:
        return self.record.kid

    @property
    def algorithm(self) -> Algorithm:
        return self.record.algorithm


class SigningKeys:
    """The signing keys of a tenant."""

    def __init__(
        self, store: CloudStore, clock: Clock, options: IdentityOptions, sealing: Sealing
    ) -> None:
        self._store = store
        self._clock = clock
        self._sealing = sealing
        self._tenant = options.tenant
        self._lifetimes = options.lifetimes
        self._kept = TokenKinds.of(options.tenant).signing_keys
        self._keys: Mapping[str, Key] = {}
        self._signers: Mapping[Algorithm, Key | None] = {}
        self._read_at: float | None = None
        self._making = asyncio.Lock()

    async def signer(self, algorithm: Algorithm) -> Key:
        """The key that signs now; makes the first one."""
        await self._reload(RELOAD_S)
        return self._signers.get(algorithm) or await self._first(algorithm)

    async def _first(self, algorithm: Algorithm) -> Key:
        """Many may ask for the first key at once; one of them makes it."""
        async with self._making:
            return self._signers.get(algorithm) or await self.rotate(algorithm)

    async def find(self, kid: str) -> Key | None:
        """The key named ``kid``, also one that no longer signs."""
        await self._reload(RELOAD_S)
        if kid in self._keys:
            return self._keys[kid]
        stored = await self._kept.get(self._store, kid)  # another controller's newest
        return self._opened(stored.value) if stored is not None else None

    async def jwks(self) -> dict[str, Any]:
        """Public halves of all keys that verify (RFC 7517), as of now.

        Programs ask for what they were just shown: another controller's newest, too.
        """
        await self._reload(0.0)
        return {"keys": [_public(key) for key in self._keys.values()]}

    async def rotate(self, algorithm: Algorithm) -> Key:
        """Make a new signing key; the ones before it only verify from now on."""
        kid, pem = await asyncio.to_thread(_generate, algorithm)
        record = SigningKey(
            kid=kid,
            algorithm=algorithm,
            sealed=self._sealing.seal(pem, place(self._tenant, kid)),
            created_ms=self._clock.now_ms(),
        )

        async def decide() -> Decided[None]:
            page = await self._kept.list(self._store)
            changes = self._kept.put(record)
            for each in page.items:
                if each.value.algorithm is algorithm and not each.value.retired_ms:
                    retired = msgspec.structs.replace(each.value, retired_ms=record.created_ms)
                    changes += self._kept.put(retired, each.value)
            unchanged = PrefixUnchanged(self._kept.prefix, page.revision)
            return Decided(None, [unchanged], changes)

        await settle(self._store, decide)
        await self._reload(0.0)
        return self._keys[record.kid]

    async def maintain(self) -> None:
        """Rotate keys that are old, and drop those whose tokens have all expired."""
        await seal_at_rest(self._store, self._sealing, self._tenant)
        await self._reload(0.0)
        now_ms = self._clock.now_ms()
        oldest_ms = now_ms - int(self._lifetimes.key_rotation_s * 1000)
        for algorithm in Algorithm:
            newest = self._signers.get(algorithm)
            if newest is not None and newest.record.created_ms < oldest_ms:
                await self.rotate(algorithm)
        longest_s = max(self._lifetimes.refresh_s, self._lifetimes.access_s)
        gone_ms = now_ms - int((longest_s + self._lifetimes.tolerance_s + RELOAD_S) * 1000)
        changes: list[Change] = []
        for key in self._keys.values():
            if 0 < key.record.retired_ms < gone_ms:
                changes += self._kept.delete(key.record)
        if changes:
            await self._store.commit([], changes[:50])
            await self._reload(0.0)

    def _newest(self, algorithm: Algorithm) -> Key | None:
        signing = [
            key
            for key in self._keys.values()
            if key.algorithm is algorithm and not key.record.retired_ms
        ]
        return max(signing, key=lambda key: (key.record.created_ms, key.kid), default=None)

    async def _reload(self, older_than_s: float) -> None:
        now_s = self._clock.monotonic_s()
        if self._read_at is not None and now_s - self._read_at < older_than_s:
            return
        stored = await self._kept.all(self._store)
        known = self._keys
        self._keys = {
            each.value.kid: (
                replace(known[each.value.kid], record=each.value)
                if each.value.kid in known
                else self._opened(each.value)
            )
            for each in stored
        }
        self._signers = {each: self._newest(each) for each in Algorithm}
        self._read_at = now_s

    def _opened(self, record: SigningKey) -> Key:
        return _key(record, _private_pem(record, self._sealing, self._tenant))


async def seal_at_rest(store: CloudStore, sealing: Sealing, tenant: str) -> int:
    """Seal keys that lie in the clear or under an older sealing key; gives how many."""
    kept, count = TokenKinds.of(tenant).signing_keys, 0
    for stored in await kept.all(store):
        old = stored.value
        if old.sealed and sealing.is_current(old.sealed):
            continue
        pem = _private_pem(old, sealing, tenant)
        sealed = sealing.seal(pem, place(tenant, old.kid))
        new = msgspec.structs.replace(old, private_pem="", sealed=sealed, schema=2)
        try:
            await store.commit([kept.guard(stored)], kept.put(new, old))
        except GuardFailed:
            continue  # rotated, or sealed by another controller, at this moment
        count += 1
    return count


def _generate(algorithm: Algorithm) -> tuple[str, bytes]:
    """A fresh key's id and its private half."""
    jwk = (
        ECKey.generate_key("P-256")
        if algorithm is Algorithm.ES256
        else RSAKey.generate_key(RSA_BITS)
    )
    return jwk.thumbprint(), jwk.as_pem(private=True)


def place(tenant: str, kid: str) -> str:
    """What a sealed key is bound to."""
    return f"signing-key/{tenant}/{kid}"


def _private_pem(record: SigningKey, sealing: Sealing, tenant: str) -> bytes:
    """Raises ``SealBroken``."""
    if not record.sealed:
        return record.private_pem.encode()
    return sealing.unseal(record.sealed, place(tenant, record.kid))


def _key(record: SigningKey, private_pem: bytes) -> Key:
    kind: type[ECKey] | type[RSAKey] = ECKey if record.algorithm is Algorithm.ES256 else RSAKey
    jwk = kind.import_key(private_pem)
    if jwk.private_key is None:
        raise ValueError(f"{record.kid} is no private key")
    header = segment({"alg": record.algorithm.value, "kid": record.kid, "typ": "JWT"})
    return Key(record, jwk, jwk.private_key, jwk.public_key, header)


def _public(key: Key) -> dict[str, Any]:
    public = key.jwk.as_dict(private=False)
    return {**public, "kid": key.kid, "use": "sig", "alg": key.algorithm.value}
