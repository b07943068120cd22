"""How much ACME a tenant may have: accounts, orders, names that wait for proof, orders an hour.

Counted in the store, so for all controllers together; several at once may each find room for the
last one.  An hour slides: what the last full one had counts by how much of it still is within
sixty minutes.
"""

from __future__ import annotations

import math

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.identity.acme.problems import Problem
from heliostat.identity.acme.records import EVERYBODY, HOUR_MS, AcmeKinds, hour_of
from heliostat.identity.authority.options import AcmeOptions

UPKEEP_S = 3600
"""What has ended is forgotten once an hour."""


class Bounds:
    """Of one tenant."""

    def __init__(self, store: CloudStore, clock: Clock, options: AcmeOptions, tenant: str) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._kinds = AcmeKinds.of(tenant)

    async def refuse_account(self) -> None:
        """Raises ``Problem`` where there are as many accounts as may be."""
        prefix, most = self._kinds.accounts.index_prefix("status", "valid"), self._options.accounts
        if await self._count(prefix, most) >= most:
            raise Problem("rateLimited", f"A domain has {most} accounts here.", UPKEEP_S)

    async def refuse_order(self, account: str, names: int, an_hour: int) -> None:
        """Raises ``Problem`` for an order of so many names that would be too many, or too soon."""
        await self._refuse_hour(account, an_hour, "An account orders")
        await self._refuse_hour(EVERYBODY, self._options.orders_an_hour, "A domain orders")
        orders, pending = self._options.orders, self._options.pending
        if await self._count(self._kinds.orders.entries_prefix("account"), orders) >= orders:
            raise Problem("rateLimited", f"A domain has {orders} orders a week here.", UPKEEP_S)
        if await self._waiting(pending) + names > pending:
            told = f"Orders of a domain that wait have {pending} names here."
            raise Problem("rateLimited", told, UPKEEP_S)

    async def _refuse_hour(self, account: str, most: int, whose: str) -> None:
        now_ms = self._clock.now_ms()
        before, now = [
            await self._count(self._hour(account, ms), most) for ms in (now_ms - HOUR_MS, now_ms)
        ]
        if wait_s := wait_of(before, now, most, now_ms):
            raise Problem("rateLimited", f"{whose} {most} times an hour here.", wait_s)

    def _hour(self, account: str, ms: int) -> str:
        return self._kinds.orders.index_prefix("hour", hour_of(account, ms))

    async def _waiting(self, most: int) -> int:
        """Names in orders that got no certificate yet: how many stands in each one's entry."""
        prefix, after = self._kinds.orders.entries_prefix("pending"), None
        count = 0
        while count < most:
            page = await self._store.list(prefix, after=after)
            keys = [each.key.removeprefix(prefix) for each in page.items]
            count, after = count + sum(int(key.partition("/")[0]) for key in keys), page.after
            if after is None:
                break
        return count

    async def _count(self, prefix: str, most: int) -> int:
        """Entries below a prefix, up to ``most``: entries of indexes, which have no content."""
        count, after = 0, None
        while count < most:
            page = await self._store.list(prefix, limit=min(1000, most - count), after=after)
            count, after = count + len(page.items), page.after
            if after is None:
                break
        return count


def wait_of(before: int, now: int, most: int, now_ms: int) -> int:
    """Seconds until one more is within ``most`` an hour (0: it is); pure.

    ``before`` were in the last full hour, ``now`` in this one.
    """
    passed = (now_ms % HOUR_MS) / HOUR_MS
    if now + math.ceil(before * (1 - passed)) < most:
        return 0
    room = 1 - (most - 1 - now) / before if now < most else 2 - (most - 1) / now
    return max(1, math.ceil((room - passed) * HOUR_MS / 1000) + 1)
