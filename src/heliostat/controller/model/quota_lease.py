"""Leases of quota: limits that are higher for a time ("200 vCPU until 18:00").

Documents only; what is done with them is in :mod:`leasing`.  A lease is part of
its owner's quota document, so whoever reads the quota reads its leases.
"""

from __future__ import annotations

import msgspec

from heliostat.core.units import Unit


class LeasedItem(msgspec.Struct, frozen=True, kw_only=True):
    """How much a lease adds to one key, in base units."""

    unit: Unit
    amount: int


class QuotaLease(msgspec.Struct, frozen=True, kw_only=True):
    """Adds ``items`` to the limits until ``until_ms``, at which moment it is gone.

    ``warned``: somebody was told that it ends soon while it is in use.
    """

    id: str
    items: dict[str, LeasedItem]
    until_ms: int
    reason: str = ""
    requested_by: str = ""
    created_ms: int = 0
    warned: bool = False

    def is_over(self, now_ms: int) -> bool:
        return self.until_ms <= now_ms


class EndedLease(msgspec.Struct, frozen=True, kw_only=True):
    """The lease whose end left usage above the limit of a key, for the sentence that says so."""

    lease_id: str
    unit: Unit
    amount: int
    ended_ms: int
    reason: str = ""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What one lease of a project draws from its tenant, and until when."""

    amount: int
    until_ms: int


class Loan(msgspec.Struct, frozen=True, kw_only=True):
    """What a leased key of a project draws: its limit and the grants, at least ``floor``.

    ``floor`` is what it draws without any grant: its limit, or its usage above it.
    """

    unit: Unit
    limit: int
    floor: int
    grants: dict[str, Grant] = {}

    @property
    def draws(self) -> int:
        return max(self.limit + sum(each.amount for each in self.grants.values()), self.floor)
