"""What is done with leases of quota: grant, extend, give back, and let lapse.

A lease counts until its time and not a millisecond longer, whether anybody
cleaned up or not: every decision first takes out what has expired
(:func:`lapse`), each document by itself.  A tenant's document knows until when
its projects' leases draw on it, so both stay in step without being read together.
Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from heliostat.controller.model import quota_refusals as refusals
from heliostat.controller.model.names import invalid
from heliostat.controller.model.quantity import to_base, written
from heliostat.controller.model.quota import Quota, QuotaLimit, tidied
from heliostat.controller.model.quota_lease import EndedLease, LeasedItem, Loan, QuotaLease
from heliostat.core.errors import PermanentError

MAX_LEASES = 32
MAX_REASON_LENGTH = 200
LONGEST_MS = 366 * 24 * 3600 * 1000


def lapse(quota: Quota, now_ms: int) -> Quota:
    """``quota`` without what has expired at ``now_ms``; the same object if nothing has."""
    return _lapsed_loans(_lapsed_leases(quota, now_ms), now_ms)


def grant(quota: Quota, lease: QuotaLease) -> Quota:
    """``quota`` with the lease; only keys with a limit can be leased."""
    if len(quota.leases) >= MAX_LEASES:
        raise invalid("items", f"{quota.name} has {MAX_LEASES} leases already")
    for key, leased in lease.items.items():
        item = quota.items.get(key)
        if item is None or item.limit is None:
            raise invalid(
                f"items.{key}", f"{quota.name} has no limit on it, so a lease would add nothing"
            )
        if item.unit.is_size != leased.unit.is_size:
            raise invalid(f"items.{key}", f"it is counted in {item.unit}, not in {leased.unit}")
    return tidied(replace(quota, leases={**quota.leases, lease.id: lease}))


def extend(quota: Quota, lease_id: str, until_ms: int) -> Quota:
    """The lease ends at ``until_ms`` instead, which may be sooner."""
    lease = replace(held(quota, lease_id), until_ms=until_ms, warned=False)
    return replace(quota, leases={**quota.leases, lease_id: lease})


def give_back(quota: Quota, lease_id: str) -> Quota:
    """End the lease now; ``QuotaInUse`` while usage needs it."""
    lease = held(quota, lease_id)
    after = without(quota, lease_id)
    for key in lease.items:
        if over := after.over(key):
            raise PermanentError(
                "QuotaInUse",
                f"The lease {lease_id} of {quota.name} is in use: without it, "
                f"{written(over, quota.items[key].unit)} of {key} would be above the limit.",
                data=refusals.figures(after, key, 0),
            )
    return tidied(after)


def held(quota: Quota, lease_id: str) -> QuotaLease:
    """The lease; ``QuotaLeaseNotFound``, also once it has ended."""
    lease = quota.leases.get(lease_id)
    if lease is None:
        raise PermanentError(
            "QuotaLeaseNotFound", f"{quota.name} has no lease {lease_id!r}, or it has ended."
        )
    return lease


def without(quota: Quota, lease_id: str) -> Quota:
    return replace(
        quota, leases={id_: each for id_, each in quota.leases.items() if id_ != lease_id}
    )


def needed(quota: Quota, lease_id: str) -> dict[str, int]:
    """What would be above the limit of each key, in base units, if the lease ended now."""
    after = without(quota, lease_id)
    over = {key: after.over(key) for key in quota.leases[lease_id].items}
    return {key: amount for key, amount in over.items() if amount}


def check_lease(
    asked: Mapping[str, QuotaLimit], until_ms: int, now_ms: int, reason: str
) -> dict[str, LeasedItem]:
    """The items in base units; ``InvalidEntity`` names what can't be."""
    check_until(until_ms, now_ms)
    if not asked:
        raise invalid("items", "a lease adds to one key at least")
    if len(reason) > MAX_REASON_LENGTH or not (reason.isprintable() or not reason):
        raise invalid("reason", f"it has at most {MAX_REASON_LENGTH} printable characters")
    items = {}
    for key, item in asked.items():
        amount = to_base(item.limit, item.unit, f"items.{key}")
        if not amount:
            raise invalid(f"items.{key}", "a lease of nothing is none")
        items[key] = LeasedItem(unit=item.unit, amount=amount)
    return items


def check_until(until_ms: int, now_ms: int) -> None:
    if until_ms <= now_ms:
        raise invalid("until", f"{refusals.moment(until_ms)} is not in the future")
    if until_ms - now_ms > LONGEST_MS:
        raise invalid("until", "a lease is for a year at most; beyond that, change the limit")


def _lapsed_leases(quota: Quota, now_ms: int) -> Quota:
    if not quota.leases:
        return quota
    over = sorted(
        (each for each in quota.leases.values() if each.is_over(now_ms)),
        key=lambda each: (each.until_ms, each.id),
    )
    if not over:
        return quota
    ended = dict(quota.ended)
    for lease in over:
        for key, item in lease.items.items():
            ended[key] = EndedLease(
                lease_id=lease.id,
                unit=item.unit,
                amount=item.amount,
                ended_ms=lease.until_ms,
                reason=lease.reason,
            )
    live = {id_: each for id_, each in quota.leases.items() if not each.is_over(now_ms)}
    return tidied(replace(quota, leases=live, ended=ended))


def _lapsed_loans(quota: Quota, now_ms: int) -> Quota:
    """Loans without grants stay until their project's own document is settled."""
    if not quota.loans:
        return quota
    items, loans, changed = dict(quota.items), dict(quota.loans), False
    for project_id, by_key in quota.loans.items():
        for key, loan in by_key.items():
            after = _lapsed(loan, now_ms)
            if after is loan:
                continue
            changed = True
            loans[project_id] = {**loans[project_id], key: after}
            used = items[key].used - loan.draws + after.draws
            items[key] = replace(items[key], used=used)
            if not used and items[key].limit is None:
                del items[key]
    return tidied(replace(quota, items=items, loans=loans)) if changed else quota


def _lapsed(loan: Loan, now_ms: int) -> Loan:
    live = {id_: each for id_, each in loan.grants.items() if each.until_ms > now_ms}
    return loan if len(live) == len(loan.grants) else replace(loan, grants=live)
