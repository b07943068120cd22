"""Quotas: what an owner may use, what it uses, and what tenants hand to projects.

A quota has one item a key.  Every key is tracked; only keys with a limit are
enforced, and reaching a limit exactly is allowed.  Amounts are integers in base
units (see :mod:`quantity`), so a release takes back exactly what was charged.

The limit in force is the item's own and what leases add to it for a time
(:mod:`quota_lease`).  A project draws on its tenant: of a key that the project
limits, the whole limit in force, or what it uses where a lease that ended left
it above; of a key that only the tenant limits, what the project uses.  So
``tenant.used == sum(share(project, tenant))`` over its projects always holds, and
a tenant's limit can't be passed by leaving a key out of a project's limits.
All functions are pure and know no clock: what has expired was taken out before
(:func:`leasing.lapse`).  Refusals are ``QuotaError`` or ``QuotaInUse``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from heliostat.controller.model import quota_refusals as refusals
from heliostat.controller.model.names import invalid
from heliostat.controller.model.quantity import CostItem, from_base, to_base, written
from heliostat.controller.model.quota_lease import EndedLease, Grant, Loan, QuotaLease
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
    return _added(quota, _amounts(cost))


def release(quota: Quota, cost: Iterable[CostItem]) -> Quota:
    """``quota`` with ``cost`` taken back; a key neither used nor limited is dropped."""
    return _added(quota, {key: (-base, unit) for key, (base, unit) in _amounts(cost).items()})


def share(project: Quota, tenant: Quota) -> dict[str, tuple[int, Unit]]:
    """What ``project`` draws from ``tenant``, by key."""
    drawn: dict[str, tuple[int, Unit]] = {}
    for key, item in project.items.items():
        limit = project.limit_of(key)
        if limit is not None:
            drawn[key] = (max(limit, item.used), item.unit)
        elif key in tenant.items and tenant.items[key].limit is not None:
            drawn[key] = (item.used, item.unit)
    return {key: amount for key, amount in drawn.items() if amount[0]}


def settle(tenant: Quota, before: Quota, after: Quota) -> Quota:
    """The tenant's quota once its project's went from ``before`` to ``after``.

    Raises ``QuotaError`` if the tenant has not that much left.
    """
    recorded = tenant.loans.get(after.owner_id, {})
    old = {
        **share(before, tenant),
        **{key: (loan.draws, loan.unit) for key, loan in recorded.items()},
    }
    new = share(after, tenant)
    delta: dict[str, tuple[int, Unit]] = {}
    for key in {**old, **new}:
        unit = (new.get(key) or old[key])[1]
        change = new.get(key, (0, unit))[0] - old.get(key, (0, unit))[0]
        if change:
            delta[key] = (change, unit)
    return _with_loans(_added(tenant, delta), after)


def refuse_over(quota: Quota, cost: Iterable[CostItem]) -> None:
    """Raise ``QuotaError`` if a key that ``cost`` charges is above its limit already."""
    for key, (base, _) in sorted(_amounts(cost).items()):
        if base and quota.over(key):
            raise refusals.exceeded(quota, key, base)


def _with_loans(tenant: Quota, project: Quota) -> Quota:
    """``tenant`` with what leased keys of ``project`` draw."""
    loans = _loans_of(project) if project.leases else {}
    if tenant.loans.get(project.owner_id, {}) == loans:
        return tenant
    others = {id_: each for id_, each in tenant.loans.items() if id_ != project.owner_id}
    return replace(tenant, loans={**others, project.owner_id: loans} if loans else others)


def _loans_of(project: Quota) -> dict[str, Loan]:
    loans: dict[str, Loan] = {}
    for lease in project.leases.values():
        for key, leased in lease.items.items():
            item = project.items.get(key)
            if item is None or item.limit is None:
                continue  # nothing limits it any more, so the lease adds nothing
            loan = loans.get(key) or Loan(
                unit=item.unit, limit=item.limit, floor=max(item.limit, item.used)
            )
            grant = Grant(amount=leased.amount, until_ms=lease.until_ms)
            loans[key] = replace(loan, grants={**loan.grants, lease.id: grant})
    return loans


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
        _refuse_lowered(quota, after, key)
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


def drawn_by(tenant: Quota, projects: Iterable[Quota], before: Quota | None = None) -> Quota:
    """``tenant`` with its usage counted anew from its projects.

    Needed when the tenant's limits change, since they decide what is drawn.  Raises
    ``QuotaError`` for a limit below what is drawn, unless it is no lower than ``before``.
    """
    after = counted(tenant, projects)
    for key in after.items:
        _refuse_lowered(before, after, key)
    return after


def counted(tenant: Quota, projects: Iterable[Quota]) -> Quota:
    """The same without a refusal: for those who check the books."""
    sums: dict[str, tuple[int, Unit]] = {}
    loans: dict[str, dict[str, Loan]] = {}
    for project in projects:
        if held := _loans_of(project):
            loans[project.owner_id] = held
        for key, (base, unit) in share(project, tenant).items():
            sums[key] = (sums.get(key, (0, unit))[0] + base, sums.get(key, (0, unit))[1])
    items: dict[str, QuotaItem] = {}
    for key, item in tenant.items.items():
        if item.limit is not None or key in sums:
            items[key] = replace(item, used=sums.get(key, (0, item.unit))[0])
    for key, (base, unit) in sums.items():
        if key not in items:
            items[key] = QuotaItem(unit=unit, used=base)
    return tidied(replace(tenant, items=items, loans=loans))


def tidied(quota: Quota) -> Quota:
    """``quota`` that remembers the end of a lease only where usage is above the limit."""
    if not quota.ended:
        return quota
    kept = {key: each for key, each in quota.ended.items() if quota.over(key)}
    return quota if len(kept) == len(quota.ended) else replace(quota, ended=kept)


def percent_of(tenant: Quota, percent: float) -> dict[str, QuotaItem]:
    """``percent`` of each of the tenant's limits, rounded down to base units."""
    if not 0 < percent <= 100:
        raise invalid("percent", f"{percent:g} is not above 0 and at most 100")
    return {
        key: QuotaItem(unit=item.unit, limit=int(item.limit * percent / 100))
        for key, item in tenant.items.items()
        if item.limit is not None
    }


def _amounts(cost: Iterable[CostItem]) -> dict[str, tuple[int, Unit]]:
    sums: dict[str, tuple[int, Unit]] = {}
    for item in cost:
        base, unit = sums.get(item.key, (0, item.unit))
        if unit.is_size != item.unit.is_size:
            raise invalid(item.key, f"both {unit} and {item.unit} are asked for")
        sums[item.key] = (base + to_base(item.value, item.unit, item.key), unit)
    return sums


def _added(quota: Quota, amounts: Mapping[str, tuple[int, Unit]]) -> Quota:
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


def _refuse_lowered(before: Quota | None, after: Quota, key: str) -> None:
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
