"""When keys and certificates of accounts were last shown, to the hour.

A sign-in writes nothing of its own for it: once an hour a credential's time goes with the
commit that spends the assertion.  What was written is remembered by the process; another
controller, or a start, writes it once more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from heliostat.cloudstore.contract import Change, CloudStore
from heliostat.cloudstore.documents import Kind
from heliostat.core.clock import Clock
from heliostat.identity.service_accounts.records import CredentialUse

EVERY_MS = 3_600_000
REMEMBERED = 16_384
BATCH = 40
BY_AUTHORITY = "authority"
"""The credential that stands for every certificate which the tenant's authority has issued."""


class CredentialUses:
    """Those of one tenant."""

    def __init__(self, kind: Kind[CredentialUse], clock: Clock) -> None:
        self._kind = kind
        self._clock = clock
        self._written: OrderedDict[str, int] = OrderedDict()

    def due(self, account: str, credential: str) -> Sequence[Change]:
        """What to commit with a sign-in: mostly nothing."""
        id_, now_ms = f"{account}/{credential}", self._clock.now_ms()
        if now_ms - self._written.get(id_, -EVERY_MS) < EVERY_MS:
            return ()
        use = CredentialUse(id=id_, account=account, credential=credential, used_ms=now_ms)
        return self._kind.put(use)

    def written(self, account: str, credential: str) -> None:
        """What ``due`` gave is committed."""
        id_, now_ms = f"{account}/{credential}", self._clock.now_ms()
        if now_ms - self._written.get(id_, -EVERY_MS) < EVERY_MS:
            return
        self._written[id_] = now_ms
        self._written.move_to_end(id_)
        if len(self._written) > REMEMBERED:
            self._written.popitem(last=False)


async def last_uses(
    store: CloudStore, kind: Kind[CredentialUse], account: str, made_ms: int
) -> dict[str, int]:
    """By credential; those from before ``made_ms`` are of another account of this name."""
    found = await kind.by_index(store, "account", account)
    return {
        each.value.credential: each.value.used_ms for each in found if each.value.used_ms >= made_ms
    }


async def forget_uses(
    store: CloudStore, kind: Kind[CredentialUse], account: str, kept: frozenset[str] = frozenset()
) -> None:
    """Forget what is told of an account, but for the credentials in ``kept``."""
    found = await kind.by_index(store, "account", account)
    changes = [
        change
        for each in found
        if each.value.credential not in kept
        for change in kind.delete(each.value)
    ]
    for start in range(0, len(changes), BATCH):
        await store.commit([], changes[start : start + BATCH])
