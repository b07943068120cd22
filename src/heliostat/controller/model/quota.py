"""Quotas: what an owner may use, what it uses, and what tenants hand to projects.

A quota has one item a key.  Every key is tracked; only keys with a limit are
enforced, and reaching a limit exactly is allowed.  Amounts are integers in base
units (see :mod:`quantity`), so a release takes back exactly what was charged.

The limit in force is the item's own and what leases add to it for a time
(:mod:`quota_lease`); what projects draw on their tenant is in
:mod:`quota_delegation`.  All functions are pure and know no clock: what has
expired was taken out before (:func:`leasing.lapse`).  Refusals are ``QuotaError``
or ``QuotaInUse``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from heliostat.controller.model import quota_refusals as refusals
from heliostat.controller.model.names import invalid
from heliostat.controller.model.quantity import CostItem, from_base, to_base, written
from heliostat.controller.model.quota_lease import EndedLease, Loan, QuotaLease
from heliostat.core.errors import PermanentError
from heliostat.core.units import Unit


class OwnerKind(StrEnum):
    """Who has a quota."""

    TENANT = "tenant"
    PROJECT = "project"


class QuotaLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit as it is asked for."""

    limit: float
    unit: Unit


class QuotaItem(msgspec.Struct, frozen=True, kw_only=True):
    """``limit`` and ``used`` in base units; no limit means tracked only."""

    unit: Unit
    limit: int | None = None
    used: int = 0

    @property
    def limit_value(self) -> float | None:
        """The limit in the item's own unit."""
        return None if self.limit is None else from_base(self.limit, self.unit)

    @property
    def used_value(self) -> float:
        """The usage in the item's own unit."""
        return from_base(self.used, self.unit)


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """The quota of one tenant or project: a small document of its own.

    ``leases`` by their id.  ``ended`` names, by key, the lease whose end left usage
    above the limit, for as long as it is.  ``loans`` (tenants only) are what leased
    keys of projects draw, by project and key, so that the end of a project's lease
    shows in the tenant's usage without reading the project.
    """

    owner_kind: OwnerKind
    owner_id: str
    items: dict[str, QuotaItem] = {}
    leases: dict[str, QuotaLease] = {}
    ended: dict[str, EndedLease] = {}
    loans: dict[str, dict[str, Loan]] = {}
    schema: int = 1

    @property
    def name(self) -> str:
        """How sentences call the owner."""
        return f"{self.owner_kind} {self.owner_id}"

    def leased(self, key: str) -> int:
        """What leases add to the limit of ``key``."""
        held = (lease.items.get(key) for lease in self.leases.values())
        return sum(item.amount for item in held if item is not None)

    def limit_of(self, key: str) -> int | None:
        """The limit in force; ``None`` for a key that is only tracked."""
        item = self.items.get(key)
        if item is None or item.limit is None:
            return None
        return item.limit + self.leased(key) if self.leases else item.limit

    def over(self, key: str) -> int:
        """How much is used above the limit in force: only a lease that ended leaves such."""
        limit = self.limit_of(key)
        return 0 if limit is None else max(0, self.items[key].used - limit)


def check_limits(limits: Mapping[str, QuotaLimit]) -> dict[str, QuotaItem]:
    """The limits in base units; ``InvalidEntity`` names a key that can't be."""
    items = {}
    for key, asked in limits.items():
        if not key or "/" in key or len(key) > 128:
            raise invalid("quota", f"{key!r} is not a quota key")
        items[key] = QuotaItem(unit=asked.unit, limit=to_base(asked.limit, asked.unit, key))
    return items


def charge(quota: Quota, cost: Iterable[CostItem]) -> Quota:
    """``quota`` with ``cost`` added; raises ``QuotaError`` and has no effect if it doesn't fit."""
    return added(quota, _amounts(cost))


def release(quota: Quota, cost: Iterable[CostItem]) -> Quota:
    """``quota`` with ``cost`` taken back; a key neither used nor limited is dropped."""
    return added(quota, {key: (-base, unit) for key, (base, unit) in _amounts(cost).items()})


def refuse_over(quota: Quota, cost: Iterable[CostItem]) -> None:
    """Raise ``QuotaError`` if a key that ``cost`` charges is above its limit already."""
    for key, (base, _) in sorted(_amounts(cost).items()):
        if base and quota.over(key):
            raise refusals.exceeded(quota, key, base)


def with_limits(quota: Quota, limits: Mapping[str, QuotaItem], *, keep_others: bool) -> Quota:
    """``quota`` with ``limits``; other limits stay or go by ``keep_others``.

    Raises ``QuotaError`` for a limit below what is used already.
    """
    items: dict[str, QuotaItem] = {}
    for key, item in quota.items.items():
        kept = item if keep_others else replace(item, limit=None)
        if kept.limit is not None or kept.used:
            items[key] = kept
    for key, asked in limits.items():
        used = quota.items[key].used if key in quota.items else 0
        if used:
            _same_measure(quota, key, asked.unit)
        items[key] = QuotaItem(unit=asked.unit, limit=asked.limit, used=used)
    after = tidied(replace(quota, items=items))
    for key in limits:
        refuse_lowered(quota, after, key)
    return after


def without_limits(quota: Quota, keys: Iterable[str]) -> Quota:
    """``quota`` without limits on ``keys``; ``QuotaInUse`` while one of them is used."""
    items = dict(quota.items)
    for key in keys:
        item = items.get(key)
        if item is None or item.limit is None:
            raise invalid("quota", f"{quota.name} has no limit on {key!r}")
        if item.used:
            raise PermanentError(
                "QuotaInUse",
                f"{key} of {quota.name} is in use: {written(item.used, item.unit)}.",
                data={"key": key, "usage": item.used_value},
            )
        del items[key]
    return tidied(replace(quota, items=items))


def tidied(quota: Quota) -> Quota:
    """``quota`` that remembers the end of a lease only where usage is above the limit."""
    if not quota.ended:
        return quota
    kept = {key: each for key, each in quota.ended.items() if quota.over(key)}
    return quota if len(kept) == len(quota.ended) else replace(quota, ended=kept)


def _amounts(cost: Iterable[CostItem]) -> dict[str, tuple[int, Unit]]:
    sums: dict[str, tuple[int, Unit]] = {}
    for item in cost:
        base, unit = sums.get(item.key, (0, item.unit))
        if unit.is_size != item.unit.is_size:
            raise invalid(item.key, f"both {unit} and {item.unit} are asked for")
        sums[item.key] = (base + to_base(item.value, item.unit, item.key), unit)
    return sums


def added(quota: Quota, amounts: Mapping[str, tuple[int, Unit]]) -> Quota:
    """``quota`` with base units added or taken by key; ``QuotaError`` above a limit."""
    items = dict(quota.items)
    for key, (base, unit) in sorted(amounts.items()):
        _same_measure(quota, key, unit)
        item = items.get(key, QuotaItem(unit=unit))
        new = replace(item, used=item.used + base)
        limit = quota.limit_of(key)
        if base > 0 and limit is not None and new.used > limit:
            raise refusals.exceeded(quota, key, base)
        if new.used < 0:
            raise PermanentError(
                "InternalError", f"The usage of {key} of {quota.name} would become negative."
            )
        if new.limit is None and new.used == 0:
            items.pop(key, None)
        else:
            items[key] = new
    return tidied(replace(quota, items=items))


def refuse_lowered(before: Quota | None, after: Quota, key: str) -> None:
    """A limit below what is used is refused, unless it is on its way up to it."""
    limit = after.limit_of(key)
    if limit is None or not after.over(key):
        return
    earlier = before.limit_of(key) if before is not None else None
    if earlier is None or limit < earlier:
        raise refusals.too_low(after, key)


def _same_measure(quota: Quota, key: str, unit: Unit) -> None:
    item = quota.items.get(key)
    if item is not None and item.unit.is_size != unit.is_size:
        raise invalid(key, f"{quota.name} counts it in {item.unit}, not in {unit}")
