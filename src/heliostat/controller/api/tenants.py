"""Tenants."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.handler import Decides, Handler, Reads
from heliostat.controller.api.labels import selector_of
from heliostat.controller.api.listing import all_of_index, of_ids, of_index, of_kind
from heliostat.controller.api.quotas import read_spec, show_quota
from heliostat.controller.api.reach import Reach, reach_of
from heliostat.controller.api.tasks import list_tasks
from heliostat.controller.model.quota import OwnerKind
from heliostat.controller.model.tenant import Tenant
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows import tenant as verbs
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.tasks.indexes import tenant_prefix
from heliostat.wire import tenants as wire
from heliostat.wire.body import SecurityGroup
from heliostat.wire.tasks import TaskList


async def show_tenant(
    call: Call, tenant: Tenant, reach: Reach, revision: int | None = None
) -> wire.Tenant:
    """A tenant with its quota and those of its projects that the caller may use.

    ``revision`` is that of the page it is on: its quota may be gone since then.
    """
    quota = await kinds.QUOTAS[OwnerKind.TENANT].get(call.store, tenant.id, at_revision=revision)
    projects = await all_of_index(call.store, kinds.PROJECTS, "tenant", tenant.id, revision)
    return wire.Tenant(
        id=tenant.id,
        kind=kinds.TENANT,
        name=tenant.name,
        self_link=f"{call.base}/v1/tenants/{tenant.id}",
        projects=[
            wire.ProjectRef(id=each.id, name=each.name)
            for each in projects
            if reach.sees_project(each.id)
        ],
        security_groups=[
            SecurityGroup(name=name, inherited=False) for name in tenant.security_groups
        ],
        tags=list(tenant.tags),
        quota=show_quota(quota.value if quota else None, call.ports.clock.now_ms()),
        labels=tenant.labels,
    )


async def _list(call: Call) -> wire.TenantList:
    reach = await reach_of(call.store, call.principal)
    name = call.query.get("name")
    selector = selector_of(call)

    def visible(tenant: Tenant) -> bool:
        return selector.selects(tenant.labels) and reach.sees_tenant(tenant.id)

    if name is not None:
        read = of_index(call.store, kinds.TENANTS, "name", name, visible)
    elif reach.everything:
        read = of_kind(call.store, kinds.TENANTS, visible)
    else:
        read = of_ids(call.store, kinds.TENANTS, reach.visible_tenants, visible)
    page = await paginate(call, read)
    items = [await show_tenant(call, each, reach, page.revision) for each in page.items]
    return wire.TenantList(items=items, next_page_link=page.link, previous_page_link=page.previous)


async def _show(call: Call) -> wire.Tenant:
    tenant = (await reading.tenant(call.store, call.id)).value
    return await show_tenant(call, tenant, await reach_of(call.store, call.principal))


async def _tasks(call: Call) -> TaskList:
    await reading.tenant(call.store, call.id)
    return await list_tasks(call, tenant_prefix(call.id))


async def _create(call: Call, caller: Caller) -> Admission:
    body: wire.TenantCreateSpec = call.body
    groups = tuple(body.security_groups or ())
    return await verbs.tenant_create(
        call.ports, caller, body.name, groups, read_spec(body.quota), body.labels
    )


async def _delete(call: Call, caller: Caller) -> Admission:
    return await verbs.tenant_delete(call.ports, caller, call.id)


async def _set_groups(call: Call, caller: Caller) -> Admission:
    groups = tuple(call.body.items or ())
    return await verbs.tenant_set_security_groups(call.ports, caller, call.id, groups)


HANDLERS: dict[str, Handler] = {
    "createTenant": Decides(_create),
    "listTenants": Reads(_list),
    "getTenant": Reads(_show),
    "deleteTenant": Decides(_delete),
    "listTenantTasks": Reads(_tasks),
    "setTenantSecurityGroups": Decides(_set_groups),
}
