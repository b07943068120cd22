"""Quota changes of one operation: what to guard, what to write, what to tell.

A project's usage may draw on its tenant (see :mod:`model.quota`), so both
documents are read and guarded; the tenant's is written only if it changes.  Leases
that have ended are taken out of both before anything is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.leasing import lapse
from heliostat.controller.model.quantity import CostItem, from_base
from heliostat.controller.model.quota import OwnerKind, Quota, charge, refuse_over, release
from heliostat.controller.model.quota_delegation import settle
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import QuotaCharge
from heliostat.controller.workflows.kinds import QUOTAS
from heliostat.core.units import Unit


@dataclass(frozen=True, slots=True)
class Account:
    """A quota as it is stored, and as it counts now: without leases that have ended."""

    stored: Stored[Quota]
    quota: Quota


async def account(store: CloudStore, owner: OwnerKind, id_: str, now_ms: int) -> Account:
    """The quota of a tenant or project; ``TenantNotFound`` or ``ProjectNotFound``."""
    stored = await reading.quota(store, owner, id_)
    return Account(stored, lapse(stored.value, now_ms))


@dataclass(frozen=True, slots=True)
class Entry:
    """A part of a commit that changes quotas."""

    guards: tuple[Guard, ...] = ()
    changes: tuple[Change, ...] = ()
    charges: tuple[QuotaCharge, ...] = ()


def rewritten(account: Account, after: Quota) -> Entry:
    """The quota as ``after``; only guarded if it stays the same."""
    before, kind = account.stored.value, QUOTAS[after.owner_kind]
    guards = (kind.guard(account.stored),)
    if after == before:
        return Entry(guards)
    charges = charges_between(account.quota, after)
    return Entry(guards, tuple(kind.put(after, before)), charges)


def together(*entries: Entry) -> Entry:
    """Several entries as one."""
    return Entry(
        tuple(guard for entry in entries for guard in entry.guards),
        tuple(change for entry in entries for change in entry.changes),
        tuple(each for entry in entries for each in entry.charges),
    )


def charges_between(before: Quota, after: Quota) -> tuple[QuotaCharge, ...]:
    """What the usage of each key changes by."""
    charges = []
    for key in sorted({**before.items, **after.items}):
        old, new = before.items.get(key), after.items.get(key)
        item = new or old
        used = old.used if old else 0
        asked = (new.used if new else 0) - used
        if item is not None and asked:
            charges.append(
                QuotaCharge(
                    owner_kind=str(before.owner_kind),
                    owner_id=before.owner_id,
                    key=key,
                    unit=str(item.unit),
                    limit=_in_unit(after.limit_of(key), item.unit),
                    used=from_base(used, item.unit),
                    asked=from_base(asked, item.unit),
                )
            )
    return tuple(charges)


async def charge_project(
    store: CloudStore, tenant_id: str, project_id: str, cost: Iterable[CostItem], now_ms: int
) -> Entry:
    """``cost`` charged to the project; raises ``QuotaError``.

    Also where only its tenant is above a limit: what a lease lent is not used anew.
    """
    items = tuple(cost)

    def charged(quota: Quota, above: Quota) -> Quota:
        after = charge(quota, items)
        refuse_over(above, items)
        return after

    return await _changed(store, tenant_id, project_id, now_ms, charged)


async def release_project(
    store: CloudStore, tenant_id: str, project_id: str, cost: Iterable[CostItem], now_ms: int
) -> Entry:
    """``cost`` given back by the project."""
    items = tuple(cost)
    return await _changed(
        store, tenant_id, project_id, now_ms, lambda quota, _above: release(quota, items)
    )


async def _changed(
    store: CloudStore,
    tenant_id: str,
    project_id: str,
    now_ms: int,
    change: Callable[[Quota, Quota], Quota],
) -> Entry:
    project = await account(store, OwnerKind.PROJECT, project_id, now_ms)
    tenant = await account(store, OwnerKind.TENANT, tenant_id, now_ms)
    after = change(project.quota, tenant.quota)
    tenant_after = settle(tenant.quota, project.quota, after)
    return together(rewritten(project, after), rewritten(tenant, tenant_after))


def _in_unit(base: int | None, unit: Unit) -> float | None:
    return None if base is None else from_base(base, unit)
