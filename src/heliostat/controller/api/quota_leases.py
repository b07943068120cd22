"""Leases of quota, of tenants and projects."""

from __future__ import annotations

from datetime import datetime

from heliostat.controller.api.call import Call
from heliostat.controller.api.handler import Decides, Handler, Reads
from heliostat.controller.api.quotas import read_limits, show_leases
from heliostat.controller.model.names import invalid
from heliostat.controller.model.quota import OwnerKind
from heliostat.controller.workflows import quota_lease as verbs
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.controller.workflows.ledger import account
from heliostat.wire import quota_leases as wire

LAST_MS = 253_402_300_799_999
"""The end of the year 9999, the last that RFC 3339 can write."""


def read_until(until: int | str | None, for_s: float | None, now_ms: int) -> int:
    """The end of a lease in ms; ``InvalidEntity`` unless exactly one of both says it."""
    if (until is None) == (for_s is None):
        raise invalid("until", "give either until or for, and not both")
    if for_s is not None:
        if not 0 < for_s < 1e12:
            raise invalid("for", f"{for_s:g} s is no time from now")
        return now_ms + round(for_s * 1000)
    if isinstance(until, int):
        if not 0 <= until <= LAST_MS:
            raise invalid("until", f"{until} is no time in milliseconds since 1970")
        return until
    try:
        moment = datetime.fromisoformat(until or "")
    except ValueError as error:
        raise invalid("until", f"{until!r} is no RFC 3339 time") from error
    if moment.tzinfo is None:
        raise invalid("until", f"{until!r} names no zone; write e.g. 2030-01-31T18:00:00Z")
    return round(moment.timestamp() * 1000)


def _handlers(owner: OwnerKind, title: str) -> dict[str, Handler]:
    async def show(call: Call) -> wire.QuotaLeaseList:
        found = await account(call.store, owner, call.id, call.ports.clock.now_ms())
        return wire.QuotaLeaseList(items=show_leases(found.quota))

    async def create(call: Call, caller: Caller) -> Admission:
        body: wire.QuotaLeaseSpec = call.body
        until_ms = read_until(body.until, body.for_s, call.ports.clock.now_ms())
        items = read_limits(body.items)
        return await verbs.lease_grant(
            call.ports, caller, owner, call.id, items, until_ms, body.reason
        )

    async def update(call: Call, caller: Caller) -> Admission:
        body: wire.QuotaLeaseExtension = call.body
        until_ms = read_until(body.until, body.for_s, call.ports.clock.now_ms())
        lease_id = call.params["lease"]
        return await verbs.lease_extend(call.ports, caller, owner, call.id, lease_id, until_ms)

    async def delete(call: Call, caller: Caller) -> Admission:
        lease_id = call.params["lease"]
        return await verbs.lease_give_back(call.ports, caller, owner, call.id, lease_id)

    return {
        f"create{title}QuotaLease": Decides(create),
        f"list{title}QuotaLeases": Reads(show),
        f"update{title}QuotaLease": Decides(update),
        f"delete{title}QuotaLease": Decides(delete),
    }


HANDLERS: dict[str, Handler] = {
    **_handlers(OwnerKind.TENANT, "Tenant"),
    **_handlers(OwnerKind.PROJECT, "Project"),
}
