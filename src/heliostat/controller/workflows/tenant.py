"""Verbs of tenants: create, delete, set security groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from heliostat.cloudstore.contract import Change
from heliostat.controller.model.labels import check_labels
from heliostat.controller.model.names import check_groups, check_name
from heliostat.controller.model.quota import OwnerKind, Quota, QuotaLimit, check_limits
from heliostat.controller.model.tenant import Tenant
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.kinds import PROJECTS, QUOTAS, TENANT, TENANTS
from heliostat.controller.workflows.requests import completed, queued, refuse_busy
from heliostat.core.counting import counted
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Done, StepContext, StepDefinition, Workflow

_QUOTA = QUOTAS[OwnerKind.TENANT]


async def tenant_create(
    ports: Ports,
    caller: Caller,
    name: str,
    security_groups: Iterable[str] = (),
    limits: Mapping[str, QuotaLimit] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Admission:
    """A tenant with its quota; ``NameTaken``."""
    check_name(name)
    if await TENANTS.ids_by_index(ports.store, "name", name):
        raise PermanentError("NameTaken", f"There is a tenant named {name} already.")
    tenant = Tenant(
        id=ports.ids.new_id(),
        name=name,
        security_groups=check_groups(security_groups),
        labels=check_labels(labels or {}),
        created_ms=ports.clock.now_ms(),
    )
    quota = Quota(owner_kind=OwnerKind.TENANT, owner_id=tenant.id, items=check_limits(limits or {}))
    return Admission(
        task=completed(ports, caller, "CREATE_TENANT", TENANT, tenant.id, tenant_id=tenant.id),
        guards=(TENANTS.unused("name", name), TENANTS.absent(tenant.id)),
        changes=(*TENANTS.put(tenant), *_QUOTA.put(quota)),
    )


async def tenant_delete(ports: Ports, caller: Caller, tenant_id: str) -> Admission:
    """Remove a tenant without projects; ``ContainerNotEmpty``."""
    stored = await reading.tenant(ports.store, tenant_id)
    refuse_busy("tenant", stored.value)
    projects = await PROJECTS.ids_by_index(ports.store, "tenant", tenant_id)
    if projects:
        raise PermanentError(
            "ContainerNotEmpty",
            f"The tenant {stored.value.name} still has {counted(len(projects), 'project')}.",
        )
    quota = await reading.quota(ports.store, OwnerKind.TENANT, tenant_id)
    return Admission(
        task=completed(ports, caller, "DELETE_TENANT", TENANT, tenant_id, tenant_id=tenant_id),
        guards=(TENANTS.guard(stored), PROJECTS.unused("tenant", tenant_id)),
        changes=(*TENANTS.delete(stored.value), *_QUOTA.delete(quota.value)),
    )


async def tenant_set_security_groups(
    ports: Ports, caller: Caller, tenant_id: str, groups: Iterable[str]
) -> Admission:
    """Replace the groups of a tenant; its projects inherit them at once."""
    stored = await reading.tenant(ports.store, tenant_id)
    refuse_busy("tenant", stored.value)
    task = queued(ports, caller, SECURITY_GROUPS, TENANT, tenant_id, tenant_id=tenant_id)
    changed = replace(stored.value, security_groups=check_groups(groups), task_id=task.id)
    return Admission(
        task=task,
        guards=(TENANTS.guard(stored),),
        changes=tuple(TENANTS.put(changed, stored.value)),
    )


async def _set(ctx: StepContext) -> Done:
    """The groups were written by the admission, which makes them effective everywhere."""
    await reading.tenant(ctx.store, ctx.task.entity_id)
    return Done()


async def _push(ctx: StepContext) -> Done:
    """Projects forget those of their own groups that they now inherit."""
    store = ctx.store
    stored = await reading.tenant(store, ctx.task.entity_id)
    handed_down = set(stored.value.security_groups)
    for project in await PROJECTS.by_index(store, "tenant", stored.value.id):
        own = tuple(name for name in project.value.security_groups if name not in handed_down)
        if own != project.value.security_groups:
            changed = replace(project.value, security_groups=own)
            changes: list[Change] = PROJECTS.put(changed, project.value)
            await ctx.commit([PROJECTS.guard(project)], changes)
    return Done(
        changes=TENANTS.put(replace(stored.value, task_id=""), stored.value),
        guards=[TENANTS.guard(stored)],
    )


async def _release(ctx: StepContext) -> Done:
    """The groups stay as set; the tenant may be operated on again."""
    stored = await TENANTS.get(ctx.store, ctx.task.entity_id)
    if stored is None or stored.value.task_id != ctx.task.id:
        return Done()
    return Done(
        changes=TENANTS.put(replace(stored.value, task_id=""), stored.value),
        guards=[TENANTS.guard(stored)],
    )


SECURITY_GROUPS = Workflow(
    "SET_TENANT_SECURITY_GROUPS",
    (
        StepDefinition("SET_TENANT_SECURITY_GROUPS", _set, undo=_release),
        StepDefinition("PUSH_TENANT_SECURITY_GROUPS", _push),
    ),
)
