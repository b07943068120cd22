"""Quotas: what an owner may use, what it uses, and what tenants hand to projects.

A quota has one item a key.  Every key is tracked; only keys with a limit are
enforced, and reaching a limit exactly is allowed.  Amounts are integers in base
units (see :mod:`quantity`), so a release takes back exactly what was charged.

A project draws on its tenant: of a key that the project limits, the whole limit;
of a key that only the tenant limits, what the project uses.  So
``tenant.used == sum(share(project, tenant))`` over its projects always holds, and
a tenant's limit can't be passed by leaving a key out of a project's limits.
All functions are pure; refusals are ``QuotaError`` or ``QuotaInUse``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from heliostat.controller.model.names import invalid
from heliostat.controller.model.quantity import CostItem, from_base, to_base, written
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
    """The quota of one tenant or project: a small document of its own."""

    owner_kind: OwnerKind
    owner_id: str
    items: dict[str, QuotaItem] = {}
    schema: int = 1


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
        if item.limit is not None:
            drawn[key] = (item.limit, item.unit)
        elif key in tenant.items and tenant.items[key].limit is not None:
            drawn[key] = (item.used, item.unit)
    return {key: amount for key, amount in drawn.items() if amount[0]}


def settle(tenant: Quota, before: Quota, after: Quota) -> Quota:
    """The tenant's quota once its project's went from ``before`` to ``after``.

    Raises ``QuotaError`` if the tenant has not that much left.
    """
    old, new = share(before, tenant), share(after, tenant)
    delta: dict[str, tuple[int, Unit]] = {}
    for key in {**old, **new}:
        unit = (new.get(key) or old[key])[1]
        change = new.get(key, (0, unit))[0] - old.get(key, (0, unit))[0]
        if change:
            delta[key] = (change, unit)
    return _added(tenant, delta)


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
        new = QuotaItem(unit=asked.unit, limit=asked.limit, used=used)
        if asked.limit is not None and used > asked.limit:
            raise _too_low(quota, key, new)
        items[key] = new
    return replace(quota, items=items)


def without_limits(quota: Quota, keys: Iterable[str]) -> Quota:
    """``quota`` without limits on ``keys``; ``QuotaInUse`` while one of them is used."""
    items = dict(quota.items)
    for key in keys:
        item = items.get(key)
        if item is None or item.limit is None:
            raise invalid("quota", f"{_owner(quota)} has no limit on {key!r}")
        if item.used:
            raise PermanentError(
                "QuotaInUse",
                f"{key} of {_owner(quota)} is in use: {written(item.used, item.unit)}.",
                data={"key": key, "usage": item.used_value},
            )
        del items[key]
    return replace(quota, items=items)


def drawn_by(tenant: Quota, projects: Iterable[Quota]) -> Quota:
    """``tenant`` with its usage counted anew from its projects.

    Needed when the tenant's limits change, since they decide what is drawn.
    """
    sums: dict[str, tuple[int, Unit]] = {}
    for project in projects:
        for key, (base, unit) in share(project, tenant).items():
            sums[key] = (sums.get(key, (0, unit))[0] + base, sums.get(key, (0, unit))[1])
    items: dict[str, QuotaItem] = {}
    for key, item in tenant.items.items():
        if item.limit is not None or key in sums:
            items[key] = replace(item, used=sums.get(key, (0, item.unit))[0])
    for key, (base, unit) in sums.items():
        if key not in items:
            items[key] = QuotaItem(unit=unit, used=base)
    counted = replace(tenant, items=items)
    for key, item in items.items():
        if item.limit is not None and item.used > item.limit:
            raise _too_low(counted, key, item)
    return counted


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
        if base > 0 and new.limit is not None and new.used > new.limit:
            raise _exceeded(quota, key, item, base)
        if new.used < 0:
            raise PermanentError(
                "InternalError", f"The usage of {key} of {_owner(quota)} would become negative."
            )
        if new.limit is None and new.used == 0:
            items.pop(key, None)
        else:
            items[key] = new
    return replace(quota, items=items)


def _same_measure(quota: Quota, key: str, unit: Unit) -> None:
    item = quota.items.get(key)
    if item is not None and item.unit.is_size != unit.is_size:
        raise invalid(key, f"{_owner(quota)} counts it in {item.unit}, not in {unit}")


def _exceeded(quota: Quota, key: str, item: QuotaItem, asked: int) -> PermanentError:
    unit, limit = item.unit, item.limit or 0
    return PermanentError(
        "QuotaError",
        f"The quota of {_owner(quota)} does not allow this: {key} has a limit of "
        f"{written(limit, unit)}, {written(item.used, unit)} used, {written(asked, unit)} asked.",
        data=_figures(key, item, asked),
    )


def _too_low(quota: Quota, key: str, item: QuotaItem) -> PermanentError:
    limit, unit = item.limit or 0, item.unit
    return PermanentError(
        "QuotaError",
        f"The limit of {key} of {_owner(quota)} can't be {written(limit, unit)}: "
        f"{written(item.used, unit)} are used already.",
        data=_figures(key, item, 0),
    )


def _figures(key: str, item: QuotaItem, asked: int) -> dict[str, str | float]:
    unit = item.unit
    return {
        "key": key,
        "unit": str(unit),
        "limit": from_base(item.limit or 0, unit),
        "usage": from_base(item.used, unit),
        "newUsage": from_base(item.used + asked, unit),
        "asked": from_base(asked, unit),
    }


def _owner(quota: Quota) -> str:
    return f"{quota.owner_kind} {quota.owner_id}"
