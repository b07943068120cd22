"""Verbs of quota leases: grant, extend, give back; and forgetting those that have ended.

A lease of a project is drawn from its tenant like any limit, so it can't pass the
tenant's.  Nothing waits for the forgetting: an ended lease counts for nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from heliostat.controller.model import leasing
from heliostat.controller.model.quota import OwnerKind, Quota, QuotaLimit
from heliostat.controller.model.quota_delegation import settle
from heliostat.controller.model.quota_lease import QuotaLease
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.ledger import Entry, account, rewritten, together
from heliostat.controller.workflows.requests import completed

_Change = Callable[[Quota], Quota]


async def lease_grant(
    ports: Ports,
    caller: Caller,
    owner_kind: OwnerKind,
    owner_id: str,
    items: Mapping[str, QuotaLimit],
    until_ms: int,
    reason: str = "",
) -> Admission:
    """Higher limits until ``until_ms``; ``QuotaError`` if the tenant has not that much left."""
    now_ms = ports.clock.now_ms()
    lease = QuotaLease(
        id=ports.ids.new_id(),
        items=leasing.check_lease(items, until_ms, now_ms, reason),
        until_ms=until_ms,
        reason=reason,
        requested_by=caller.subject,
        created_ms=now_ms,
    )
    change: _Change = lambda quota: leasing.grant(quota, lease)  # noqa: E731
    return await _admit(ports, caller, "CREATE_QUOTA_LEASE", owner_kind, owner_id, lease.id, change)


async def lease_extend(
    ports: Ports,
    caller: Caller,
    owner_kind: OwnerKind,
    owner_id: str,
    lease_id: str,
    until_ms: int,
) -> Admission:
    """The lease ends at ``until_ms`` instead; ``QuotaLeaseNotFound`` once it has ended."""
    leasing.check_until(until_ms, ports.clock.now_ms())
    change: _Change = lambda quota: leasing.extend(quota, lease_id, until_ms)  # noqa: E731
    return await _admit(ports, caller, "UPDATE_QUOTA_LEASE", owner_kind, owner_id, lease_id, change)


async def lease_give_back(
    ports: Ports, caller: Caller, owner_kind: OwnerKind, owner_id: str, lease_id: str
) -> Admission:
    """End the lease now; ``QuotaInUse`` while usage needs it."""
    change: _Change = lambda quota: leasing.give_back(quota, lease_id)  # noqa: E731
    return await _admit(ports, caller, "DELETE_QUOTA_LEASE", owner_kind, owner_id, lease_id, change)


async def changed_quota(
    ports: Ports, owner_kind: OwnerKind, owner_id: str, change: _Change
) -> Entry:
    """The owner's quota as ``change`` makes it, a project's settled with its tenant."""
    now_ms = ports.clock.now_ms()
    own = await account(ports.store, owner_kind, owner_id, now_ms)
    after = change(own.quota)
    if owner_kind is OwnerKind.TENANT:
        return rewritten(own, after)
    tenant_id = (await reading.project(ports.store, owner_id)).value.tenant_id
    above = await account(ports.store, OwnerKind.TENANT, tenant_id, now_ms)
    return together(rewritten(own, after), rewritten(above, settle(above.quota, own.quota, after)))


async def _admit(
    ports: Ports,
    caller: Caller,
    operation: str,
    owner_kind: OwnerKind,
    owner_id: str,
    lease_id: str,
    change: _Change,
) -> Admission:
    entry = await changed_quota(ports, owner_kind, owner_id, change)
    owner = await reading.owner_of(ports.store, str(owner_kind), owner_id)
    task = completed(
        ports,
        caller,
        operation,
        str(owner_kind),
        owner_id,
        tenant_id=owner.tenant_id,
        project_id=owner.project_id,
        resource_properties={"leaseId": lease_id},
    )
    return Admission(task, entry.guards, entry.changes, entry.charges)
