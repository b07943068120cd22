"""What projects draw on their tenant.

Of a key that the project limits, the whole limit in force, or what it uses where
a lease that ended left it above; of a key that only the tenant limits, what the
project uses.  So ``tenant.used == sum(share(project, tenant))`` over its projects
always holds, and a tenant's limit can't be passed by leaving a key out of a
project's limits.  Pure; refusals are ``QuotaError``.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from heliostat.controller.model.names import invalid
from heliostat.controller.model.quota import (
    Quota,
    QuotaItem,
    added,
    refuse_lowered,
    tidied,
)
from heliostat.controller.model.quota_lease import Grant, Loan
from heliostat.core.units import Unit


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
    return _with_loans(added(tenant, delta), after)


def drawn_by(tenant: Quota, projects: Iterable[Quota], before: Quota | None = None) -> Quota:
    """``tenant`` with its usage counted anew from its projects.

    Needed when the tenant's limits change, since they decide what is drawn.  Raises
    ``QuotaError`` for a limit below what is drawn, unless it is no lower than ``before``.
    """
    after = counted(tenant, projects)
    for key in after.items:
        refuse_lowered(before, after, key)
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


def percent_of(tenant: Quota, percent: float) -> dict[str, QuotaItem]:
    """``percent`` of each of the tenant's limits, rounded down to base units."""
    if not 0 < percent <= 100:
        raise invalid("percent", f"{percent:g} is not above 0 and at most 100")
    return {
        key: QuotaItem(unit=item.unit, limit=int(item.limit * percent / 100))
        for key, item in tenant.items.items()
        if item.limit is not None
    }


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
