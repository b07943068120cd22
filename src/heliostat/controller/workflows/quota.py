"""Verbs of quotas: set (replace), update (merge), exclude (remove limits).

A change of a project's limits is drawn from its tenant; a change of a tenant's
limits counts anew what its projects draw, under guards on all their quotas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from heliostat.cloudstore.contract import Guard
from heliostat.controller.model.quota import (
    OwnerKind,
    Quota,
    QuotaLimit,
    check_limits,
    with_limits,
    without_limits,
)
from heliostat.controller.model.quota_delegation import drawn_by, settle
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.kinds import PROJECTS, QUOTAS
from heliostat.controller.workflows.ledger import Entry, account, rewritten, together
from heliostat.controller.workflows.requests import completed

_Change = Callable[[Quota], Quota]


async def quota_set(
    ports: Ports,
    caller: Caller,
    owner_kind: OwnerKind,
    owner_id: str,
    items: Mapping[str, QuotaLimit],
) -> Admission:
    """Replace all limits, none below what is used; a key left out is only tracked from then on."""
    limits = check_limits(items)
    return await _admit(
        ports,
        caller,
        "SET_QUOTA",
        owner_kind,
        owner_id,
        lambda quota: with_limits(quota, limits, keep_others=False),
    )


async def quota_update(
    ports: Ports,
    caller: Caller,
    owner_kind: OwnerKind,
    owner_id: str,
    items: Mapping[str, QuotaLimit],
) -> Admission:
    """Add or change limits; the others stay."""
    limits = check_limits(items)
    return await _admit(
        ports,
        caller,
        "UPDATE_QUOTA",
        owner_kind,
        owner_id,
        lambda quota: with_limits(quota, limits, keep_others=True),
    )


async def quota_exclude(
    ports: Ports, caller: Caller, owner_kind: OwnerKind, owner_id: str, items: Iterable[str]
) -> Admission:
    """Remove the limits of keys that are not used; ``QuotaInUse``."""
    keys = tuple(items)
    return await _admit(
        ports,
        caller,
        "DELETE_QUOTA",
        owner_kind,
        owner_id,
        lambda quota: without_limits(quota, keys),
    )


async def _admit(
    ports: Ports,
    caller: Caller,
    operation: str,
    owner_kind: OwnerKind,
    owner_id: str,
    change: _Change,
) -> Admission:
    if owner_kind is OwnerKind.TENANT:
        tenant_id, project_id = owner_id, ""
        entry = await _tenant(ports, owner_id, change)
    else:
        project = (await reading.project(ports.store, owner_id)).value
        tenant_id, project_id = project.tenant_id, owner_id
        entry = await _project(ports, project.tenant_id, owner_id, change)
    task = completed(
        ports,
        caller,
        operation,
        str(owner_kind),
        owner_id,
        tenant_id=tenant_id,
        project_id=project_id,
    )
    return Admission(task, entry.guards, entry.changes, entry.charges)


async def _project(ports: Ports, tenant_id: str, project_id: str, change: _Change) -> Entry:
    now_ms = ports.clock.now_ms()
    quota = await account(ports.store, OwnerKind.PROJECT, project_id, now_ms)
    above = await account(ports.store, OwnerKind.TENANT, tenant_id, now_ms)
    after = change(quota.quota)
    settled = settle(above.quota, quota.quota, after)
    return together(rewritten(quota, after), rewritten(above, settled))


async def _tenant(ports: Ports, tenant_id: str, change: _Change) -> Entry:
    since, now_ms = await ports.store.revision(), ports.clock.now_ms()
    quota = await account(ports.store, OwnerKind.TENANT, tenant_id, now_ms)
    below = []
    guards: list[Guard] = [PROJECTS.index_unchanged("tenant", tenant_id, since)]
    for project_id in await PROJECTS.ids_by_index(ports.store, "tenant", tenant_id):
        project = await account(ports.store, OwnerKind.PROJECT, project_id, now_ms)
        below.append(project.quota)
        guards.append(QUOTAS[OwnerKind.PROJECT].guard(project.stored))
    after = drawn_by(change(quota.quota), below, quota.quota)
    return together(Entry(tuple(guards)), rewritten(quota, after))
