"""A person's recovery codes as they are kept: made, made anew, spent one by one.

What is kept of a code is worth nothing without the site's key; a spent one is gone in the commit
with what was read.
"""

from __future__ import annotations

import msgspec

from heliostat.cloudstore.contract import Change, CloudStore
from heliostat.cloudstore.documents import Kind, Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.decided import Decided, settle
from heliostat.identity.factors.records import Factor, FactorKind
from heliostat.identity.factors.recovery import new_codes, plain
from heliostat.identity.names import fold
from heliostat.identity.sealing import Sealing
from heliostat.identity.steps.proofs import Proof


class RecoveryCodes:
    """Those of one tenant's people, among their factors in ``kept``."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        kept: Kind[Factor],
        sealing: Sealing,
        tenant: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._kept = kept
        self._sealing = sealing
        self._tenant = tenant

    async def renew(self, user: str) -> tuple[str, ...]:
        """Fresh recovery codes instead of those before; raises ``FactorNotFound``."""
        codes = new_codes(self._ids.secret)

        async def decide() -> Decided[tuple[str, ...]]:
            before = await self._of(user)
            if not before:
                raise PermanentError("FactorNotFound", "There is no second factor to recover.")
            changes: list[Change] = []
            for each in before:
                changes += self._kept.delete(each.value)
            changes += self._kept.put(self.fresh(fold(user), codes))
            return Decided(codes, [self._kept.guard(each) for each in before], changes)

        return await settle(self._store, decide)

    def fresh(self, user: str, codes: tuple[str, ...]) -> Factor:
        """What to keep of new ``codes``."""
        return Factor(
            id=self._ids.new_id(),
            user=user,
            kind=FactorKind.RECOVERY,
            name="Recovery codes",
            created_ms=self._clock.now_ms(),
            codes=tuple(self._kept_codes(user, code)[0] for code in codes),
        )

    def _kept_codes(self, user: str, code: str) -> tuple[str, ...]:
        """What is kept of a recovery code, worth nothing without the site's key; the first is of
        the key of now, others are of those before."""
        return self._sealing.proofs("recovery", self._tenant, user, plain(code))

    async def spend(self, user: str, code: str) -> Proof | None:
        """What a typed code proves; it is gone then."""
        typed = set(self._kept_codes(user, code))

        async def decide() -> Decided[Proof | None]:
            for each in await self._of(user):
                if not typed.isdisjoint(each.value.codes):
                    left = tuple(kept for kept in each.value.codes if kept not in typed)
                    now_ms = self._clock.now_ms()
                    new = msgspec.structs.replace(each.value, codes=left, used_ms=now_ms)
                    changes = self._kept.put(new, each.value)
                    return Decided(Proof.RECOVERY, [self._kept.guard(each)], changes)
            return Decided(None, [], [])

        return await settle(self._store, decide)

    async def _of(self, user: str) -> list[Stored[Factor]]:
        found = await self._kept.by_index(self._store, "user", fold(user))
        return [each for each in found if each.value.kind is FactorKind.RECOVERY]
