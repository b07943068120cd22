"""Quota changes of one operation: what to guard, what to write, what to tell.

A project's usage may draw on its tenant (see :mod:`model.quota`), so both
documents are read and guarded; the tenant's is written only if it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.quantity import CostItem, from_base
from heliostat.controller.model.quota import OwnerKind, Quota, charge, release, settle
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import QuotaCharge
from heliostat.controller.workflows.kinds import QUOTAS


@dataclass(frozen=True, slots=True)
class Entry:
    """A part of a commit that changes quotas."""

    guards: tuple[Guard, ...] = ()
    changes: tuple[Change, ...] = ()
    charges: tuple[QuotaCharge, ...] = ()


def rewritten(stored: Stored[Quota], after: Quota) -> Entry:
    """The quota as ``after``; only guarded if it stays the same."""
    before, kind = stored.value, QUOTAS[stored.value.owner_kind]
    guards = (kind.guard(stored),)
    if after == before:
        return Entry(guards)
    return Entry(guards, tuple(kind.put(after, before)), charges_between(before, after))


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
                    limit=item.limit_value,
                    used=from_base(used, item.unit),
                    asked=from_base(asked, item.unit),
                )
            )
    return tuple(charges)


async def charge_project(
    store: CloudStore, tenant_id: str, project_id: str, cost: Iterable[CostItem]
) -> Entry:
    """``cost`` charged to the project; raises ``QuotaError``."""
    items = tuple(cost)
    return await _changed(store, tenant_id, project_id, lambda quota: charge(quota, items))


async def release_project(
    store: CloudStore, tenant_id: str, project_id: str, cost: Iterable[CostItem]
) -> Entry:
    """``cost`` given back by the project."""
    items = tuple(cost)
    return await _changed(store, tenant_id, project_id, lambda quota: release(quota, items))


async def _changed(
    store: CloudStore, tenant_id: str, project_id: str, change: Callable[[Quota], Quota]
) -> Entry:
    project = await reading.quota(store, OwnerKind.PROJECT, project_id)
    tenant = await reading.quota(store, OwnerKind.TENANT, tenant_id)
    after = change(project.value)
    tenant_after = settle(tenant.value, project.value, after)
    return together(rewritten(project, after), rewritten(tenant, tenant_after))
