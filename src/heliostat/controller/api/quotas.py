"""Quotas of tenants and projects."""

from __future__ import annotations

from collections.abc import Mapping

from heliostat.controller.api.call import Call
from heliostat.controller.api.handler import Decides, Handler, Reads
from heliostat.controller.model.leasing import lapse, needed
from heliostat.controller.model.names import invalid
from heliostat.controller.model.quantity import CostItem, from_base
from heliostat.controller.model.quota import OwnerKind, Quota, QuotaLimit
from heliostat.controller.workflows import quota as verbs
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.core.units import Unit
from heliostat.wire import quotas as wire

OVER = "OVER"


def show_quota(stored: Quota | None, now_ms: int) -> wire.Quota:
    """The limited keys, and apart from them the merely tracked ones; as they count now."""
    if stored is None:
        return wire.Quota(quota_items={})
    quota = lapse(stored, now_ms)
    limited: dict[str, wire.QuotaItem] = {}
    tracked: dict[str, wire.TrackedItem] = {}
    for key, item in sorted(quota.items.items()):
        limit = quota.limit_of(key)
        if limit is None:
            tracked[key] = wire.TrackedItem(usage=item.used_value, unit=item.unit.value)
        else:
            limited[key] = wire.QuotaItem(
                limit=from_base(limit, item.unit),
                usage=item.used_value,
                unit=item.unit.value,
                leased=from_base(quota.leased(key), item.unit) or None,
                over=from_base(quota.over(key), item.unit) or None,
            )
    return wire.Quota(
        quota_items=limited,
        tracked=tracked,
        leases=show_leases(quota),
        state=OVER if any(item.over for item in limited.values()) else "",
    )


def show_leases(quota: Quota) -> list[wire.QuotaLease]:
    """The leases in a quota, the one that ends next first; ``quota`` holds none that has ended."""
    ordered = sorted(quota.leases.values(), key=lambda each: (each.until_ms, each.id))
    shown = []
    for lease in ordered:
        use = needed(quota, lease.id)
        items = {
            key: wire.LeasedAmount(
                limit=from_base(item.amount, item.unit),
                unit=item.unit.value,
                in_use=from_base(use.get(key, 0), item.unit) or None,
            )
            for key, item in sorted(lease.items.items())
        }
        shown.append(
            wire.QuotaLease(
                id=lease.id,
                items=items,
                until=lease.until_ms,
                created_time=lease.created_ms,
                requested_by=lease.requested_by,
                reason=lease.reason,
            )
        )
    return shown


def show_cost(cost: tuple[CostItem, ...]) -> list[wire.QuotaLineItem]:
    """What something costs, line by line."""
    return [
        wire.QuotaLineItem(key=item.key, value=item.value, unit=item.unit.value) for item in cost
    ]


def read_unit(text: str, field: str) -> Unit:
    """The unit named ``text``; ``InvalidEntity`` naming ``field`` otherwise."""
    try:
        return Unit(text)
    except ValueError as error:
        known = ", ".join(Unit)
        raise invalid(f"{field}.unit", f"{text!r} is none of {known}") from error


def read_limits(items: Mapping[str, wire.QuotaItemSpec] | None) -> dict[str, QuotaLimit]:
    """Limits asked for; the usage that clients send along is not theirs to say."""
    return {
        key: QuotaLimit(limit=item.limit, unit=read_unit(item.unit, key))
        for key, item in (items or {}).items()
    }


def read_spec(spec: wire.QuotaSpec | None) -> dict[str, QuotaLimit] | None:
    """Limits of something that is created; clients send an empty quota for none."""
    if spec is None or not spec.quota_items:
        return None
    return read_limits(spec.quota_items)


def _handlers(owner: OwnerKind, title: str) -> dict[str, Handler]:
    async def show(call: Call) -> wire.Quota:
        quota = (await reading.quota(call.store, owner, call.id)).value
        return show_quota(quota, call.ports.clock.now_ms())

    async def put(call: Call, caller: Caller) -> Admission:
        limits = read_limits(call.body)
        return await verbs.quota_set(call.ports, caller, owner, call.id, limits)

    async def patch(call: Call, caller: Caller) -> Admission:
        limits = read_limits(call.body)
        return await verbs.quota_update(call.ports, caller, owner, call.id, limits)

    async def exclude(call: Call, caller: Caller) -> Admission:
        return await verbs.quota_exclude(call.ports, caller, owner, call.id, list(call.body or {}))

    return {
        f"get{title}Quota": Reads(show),
        f"set{title}Quota": Decides(put),
        f"update{title}Quota": Decides(patch),
        f"exclude{title}Quota": Decides(exclude),
    }


HANDLERS: dict[str, Handler] = {
    **_handlers(OwnerKind.TENANT, "Tenant"),
    **_handlers(OwnerKind.PROJECT, "Project"),
}
