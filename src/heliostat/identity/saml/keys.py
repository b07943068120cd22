"""The keys that sign a tenant's SAML messages: made, published ahead, replaced, forgotten.

Service providers read metadata by hand or once a day, so the next key is in it for two
months before it signs, and the last one for a month after.
"""

from __future__ import annotations

import asyncio

from heliostat.cloudstore.contract import Change, CloudStore, PrefixUnchanged
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.decided import Decided, settle
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml.certificates import KeyPair, load_pair, new_pair
from heliostat.identity.saml.records import SamlKey, SamlKinds, key_place
from heliostat.identity.sealing import Sealing

DAY_MS = 86_400_000
SIGNS_MS = 2 * 365 * DAY_MS
"""How long a key signs."""
AHEAD_MS = 60 * DAY_MS
"""How long it is published before."""
AFTER_MS = 30 * DAY_MS
"""And after, for messages that are under way and providers that look late."""


class SamlKeys:
    """The SAML keys of one tenant."""

    def __init__(
        self, store: CloudStore, clock: Clock, ids: Ids, options: IdentityOptions, sealing: Sealing
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._options = options
        self._sealing = sealing
        self._kinds = SamlKinds.of(options.tenant)

    async def signer(self) -> KeyPair:
        """The pair that signs now; makes the first one."""
        signing = _signing(await self._all(), self._clock.now_ms())
        if signing is None:
            signing = await self._add(self._clock.now_ms(), first=True)
        return self._pair(signing)

    async def published(self) -> list[KeyPair]:
        """Those that metadata names, the one that signs now first."""
        await self.signer()
        now_ms = self._clock.now_ms()
        kept = await self._all()
        first = _signing(kept, now_ms)
        ordered = sorted(kept, key=lambda each: (each is not first, each.signs_from_ms))
        return [self._pair(each) for each in ordered]

    async def replace(self, *, plan: bool = False) -> int:
        """Make the next key now; gives when it will sign.  One that waits already is kept."""
        if not plan:
            await self.signer()
        now_ms = self._clock.now_ms()
        waiting = _waiting(await self._all(), now_ms)
        if waiting is None and not plan:
            waiting = await self._add(now_ms + AHEAD_MS)
        return waiting.signs_from_ms if waiting is not None else now_ms + AHEAD_MS

    async def maintain(self) -> None:
        """Publish the next key in time, and forget those that are over."""
        now_ms = self._clock.now_ms()
        kept = await self._all()
        signing = _signing(kept, now_ms)
        if signing is None:
            return  # nobody has used SAML here yet
        ends_ms = signing.signs_from_ms + SIGNS_MS
        if _waiting(kept, now_ms) is None and now_ms > ends_ms - AHEAD_MS:
            await self._add(max(ends_ms, now_ms + AHEAD_MS))
        over = [
            each
            for each in kept
            if each.signs_from_ms < signing.signs_from_ms
            and signing.signs_from_ms + AFTER_MS < now_ms
        ]
        changes: list[Change] = []
        for each in over:
            changes += self._kinds.keys.delete(each)
        if changes:
            await self._store.commit([], changes)

    async def _add(self, signs_from_ms: int, *, first: bool = False) -> SamlKey:
        now_ms = self._clock.now_ms()
        lifetime_s = (signs_from_ms - now_ms + SIGNS_MS + AFTER_MS + AHEAD_MS) / 1000
        private, certificate = await asyncio.to_thread(
            new_pair, f"SAML of {self._options.domain}", now_ms, lifetime_s
        )
        id_ = self._ids.new_id()
        made = SamlKey(
            id=id_,
            sealed=self._sealing.seal(private.encode(), key_place(self._options.tenant, id_)),
            certificate_pem=certificate,
            signs_from_ms=signs_from_ms,
            created_ms=now_ms,
        )
        kept = self._kinds.keys

        async def decide() -> Decided[SamlKey]:
            page = await kept.list(self._store)
            kept_now = [each.value for each in page.items]
            there = _signing(kept_now, now_ms) if first else _waiting(kept_now, now_ms)
            if there is not None:
                return Decided(there, [], [])  # another controller was quicker
            unchanged = PrefixUnchanged(kept.prefix, page.revision)
            return Decided(made, [unchanged], kept.put(made))

        return await settle(self._store, decide)

    def _pair(self, key: SamlKey) -> KeyPair:
        private = self._sealing.unseal(key.sealed, key_place(self._options.tenant, key.id))
        return load_pair(private.decode(), key.certificate_pem)

    async def _all(self) -> list[SamlKey]:
        return [each.value for each in await self._kinds.keys.all(self._store)]


def _waiting(kept: list[SamlKey], now_ms: int) -> SamlKey | None:
    """The next one, which is published and does not sign yet."""
    ahead = [each for each in kept if each.signs_from_ms > now_ms]
    return min(ahead, key=lambda each: (each.signs_from_ms, each.id), default=None)


def _signing(kept: list[SamlKey], now_ms: int) -> SamlKey | None:
    begun = [each for each in kept if each.signs_from_ms <= now_ms]
    return max(begun, key=lambda each: (each.signs_from_ms, each.id), default=None)
