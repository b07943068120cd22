"""Verbs of projects: create (delegating quota from the tenant), security groups, and delete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from heliostat.controller.model.labels import check_labels
from heliostat.controller.model.names import check_groups, check_name, invalid
from heliostat.controller.model.project import Project
from heliostat.controller.model.quota import OwnerKind, Quota, QuotaItem, QuotaLimit, check_limits
from heliostat.controller.model.quota_delegation import percent_of, settle
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.kinds import (
    PROJECT_KIND,
    PROJECTS,
    QUOTAS,
    TENANTS,
    project_name,
)
from heliostat.controller.workflows.ledger import account, rewritten
from heliostat.controller.workflows.project_delete import project_delete
from heliostat.controller.workflows.requests import completed, refuse_busy
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Problem

__all__ = ["project_create", "project_delete", "project_set_security_groups"]

_QUOTA = QUOTAS[OwnerKind.PROJECT]


async def project_create(
    ports: Ports,
    caller: Caller,
    tenant_id: str,
    name: str,
    security_groups: Iterable[str] = (),
    limits: Mapping[str, QuotaLimit] | None = None,
    percent: float | None = None,
    labels: Mapping[str, str] | None = None,
) -> Admission:
    """A project whose limits (given, or ``percent`` of the tenant's) its tenant has left.

    Raises ``NameTaken`` and ``QuotaError``.
    """
    check_name(name)
    tenant = await reading.tenant(ports.store, tenant_id)
    refuse_busy("tenant", tenant.value)
    taken = project_name(tenant_id, name)
    if await PROJECTS.ids_by_index(ports.store, "name", taken):
        raise PermanentError(
            "NameTaken", f"The tenant {tenant.value.name} has a project named {name} already."
        )
    now_ms = ports.clock.now_ms()
    above = await account(ports.store, OwnerKind.TENANT, tenant_id, now_ms)
    groups, warnings = _own_groups(security_groups, tenant.value.security_groups)
    project = Project(
        id=ports.ids.new_id(),
        tenant_id=tenant_id,
        name=name,
        security_groups=groups,
        labels=check_labels(labels or {}),
        created_ms=now_ms,
    )
    empty = Quota(owner_kind=OwnerKind.PROJECT, owner_id=project.id)
    quota = replace(empty, items=_limits(above.quota, limits, percent))
    entry = rewritten(above, settle(above.quota, empty, quota))
    return Admission(
        task=completed(
            ports,
            caller,
            "CREATE_PROJECT",
            PROJECT_KIND,
            project.id,
            tenant_id=tenant_id,
            project_id=project.id,
            warnings=warnings,
        ),
        guards=(TENANTS.guard(tenant), PROJECTS.unused("name", taken), *entry.guards),
        changes=(*PROJECTS.put(project), *_QUOTA.put(quota), *entry.changes),
        quota=entry.charges,
        warnings=warnings,
    )


async def project_set_security_groups(
    ports: Ports, caller: Caller, project_id: str, groups: Iterable[str]
) -> Admission:
    """Replace the project's own groups; those that it inherits are left out with a warning."""
    stored = await reading.project(ports.store, project_id)
    refuse_busy("project", stored.value)
    tenant = await reading.tenant(ports.store, stored.value.tenant_id)
    own, warnings = _own_groups(groups, tenant.value.security_groups)
    changed = replace(stored.value, security_groups=own)
    return Admission(
        task=completed(
            ports,
            caller,
            "SET_PROJECT_SECURITY_GROUPS",
            PROJECT_KIND,
            project_id,
            tenant_id=stored.value.tenant_id,
            project_id=project_id,
            warnings=warnings,
        ),
        guards=(PROJECTS.guard(stored), TENANTS.guard(tenant)),
        changes=tuple(PROJECTS.put(changed, stored.value)),
        warnings=warnings,
    )


def _limits(
    above: Quota, limits: Mapping[str, QuotaLimit] | None, percent: float | None
) -> dict[str, QuotaItem]:
    if percent is None:
        return check_limits(limits or {})
    if limits:
        raise invalid("quota", "limits and a percentage exclude each other")
    return percent_of(above, percent)


def _own_groups(
    groups: Iterable[str], handed_down: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    checked = check_groups(groups)
    again = [name for name in checked if name in handed_down]
    if not again:
        return checked, ()
    warning = PermanentError(
        "SecurityGroupsAlreadyInherited",
        f"The project inherits {', '.join(again)} from its tenant already.",
    )
    return tuple(name for name in checked if name not in again), (Problem.of(warning),)
