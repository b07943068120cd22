"""The keys that sign tokens: kept in the store, published as JWKS, rotated.

One key an algorithm signs; a rotated-out key goes on verifying until every
token it signed has expired.  Several controllers share the keys: each re-reads
them every half minute, and looks up a key id it does not know at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from joserfc.jwk import ECKey, RSAKey

from heliostat.cloudstore.contract import Change, CloudStore, PrefixUnchanged
from heliostat.core.clock import Clock
from heliostat.identity.decided import Decided, settle
from heliostat.identity.options import IdentityOptions
from heliostat.identity.records import Algorithm, SigningKey, kinds_of

RELOAD_S = 30.0
RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key, ready for use."""

    record: SigningKey
    jwk: ECKey | RSAKey

    @property
    def kid(self) -> str:
        return self.record.kid

    @property
    def algorithm(self) -> Algorithm:
        return self.record.algorithm


class SigningKeys:
    """The signing keys of a tenant."""

    def __init__(self, store: CloudStore, clock: Clock, options: IdentityOptions) -> None:
        self._store = store
        self._clock = clock
        self._lifetimes = options.lifetimes
        self._kept = kinds_of(options.tenant).signing_keys
        self._keys: Mapping[str, Key] = {}
        self._read_at: float | None = None

    async def signer(self, algorithm: Algorithm) -> Key:
        """The key that signs now; makes the first one."""
        await self._reload(RELOAD_S)
        return self._newest(algorithm) or await self.rotate(algorithm)

    async def find(self, kid: str) -> Key | None:
        """The key named ``kid``, also one that no longer signs."""
        await self._reload(RELOAD_S)
        if kid in self._keys:
            return self._keys[kid]
        stored = await self._kept.get(self._store, kid)  # another controller's newest
        return Key(stored.value, _jwk(stored.value)) if stored is not None else None

    async def jwks(self) -> dict[str, Any]:
        """Public halves of all keys that verify (RFC 7517)."""
        await self._reload(RELOAD_S)
        return {"keys": [_public(key) for key in self._keys.values()]}

    async def rotate(self, algorithm: Algorithm) -> Key:
        """Make a new signing key; the ones before it only verify from now on."""
        record = await asyncio.to_thread(_generate, algorithm, self._clock.now_ms())

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
        await self._reload(0.0)
        now_ms = self._clock.now_ms()
        oldest_ms = now_ms - int(self._lifetimes.key_rotation_s * 1000)
        for algorithm in Algorithm:
            newest = self._newest(algorithm)
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
            each.value.kid: Key(
                each.value,
                known[each.value.kid].jwk if each.value.kid in known else _jwk(each.value),
            )
            for each in stored
        }
        self._read_at = now_s


def _generate(algorithm: Algorithm, now_ms: int) -> SigningKey:
    jwk = (
        ECKey.generate_key("P-256")
        if algorithm is Algorithm.ES256
        else RSAKey.generate_key(RSA_BITS)
    )
    return SigningKey(
        kid=jwk.thumbprint(),
        algorithm=algorithm,
        private_pem=jwk.as_pem(private=True).decode(),
        created_ms=now_ms,
    )


def _jwk(record: SigningKey) -> ECKey | RSAKey:
    kind: type[ECKey] | type[RSAKey] = ECKey if record.algorithm is Algorithm.ES256 else RSAKey
    return kind.import_key(record.private_pem)


def _public(key: Key) -> dict[str, Any]:
    public = key.jwk.as_dict(private=False)
    return {**public, "kid": key.kid, "use": "sig", "alg": key.algorithm.value}
