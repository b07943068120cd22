"""Projects."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.handler import Decides, Handler, Reads
from heliostat.controller.api.labels import selector_of
from heliostat.controller.api.listing import of_index
from heliostat.controller.api.quotas import read_spec, show_quota
from heliostat.controller.api.reach import reach_of
from heliostat.controller.api.tasks import list_tasks
from heliostat.controller.model.project import Project, effective_groups
from heliostat.controller.model.quota import OwnerKind
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows import project as verbs
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.tasks.indexes import project_prefix
from heliostat.wire import projects as wire
from heliostat.wire.body import SecurityGroup
from heliostat.wire.tasks import TaskList


async def show_project(call: Call, project: Project, revision: int | None = None) -> wire.Project:
    """A project with its quota and its own and inherited groups.

    ``revision`` is that of the page it is on: its quota may be gone since then.
    """
    quota = await kinds.QUOTAS[OwnerKind.PROJECT].get(call.store, project.id, at_revision=revision)
    tenant = await kinds.TENANTS.get(call.store, project.tenant_id, at_revision=revision)
    groups = effective_groups(project, tenant.value) if tenant else ()
    return wire.Project(
        id=project.id,
        kind=kinds.PROJECT_KIND,
        name=project.name,
        self_link=f"{call.base}/v1/projects/{project.id}",
        tenant_id=project.tenant_id,
        security_groups=[
            SecurityGroup(name=each.name, inherited=each.inherited) for each in groups
        ],
        tags=list(project.tags),
        quota=show_quota(quota.value if quota else None, call.ports.clock.now_ms()),
        labels=project.labels,
    )


async def _list(call: Call) -> wire.ProjectList:
    selector = selector_of(call)
    await reading.tenant(call.store, call.id)
    reach = await reach_of(call.store, call.principal)

    def visible(project: Project) -> bool:
        return selector.selects(project.labels) and reach.sees_project(project.id)

    name = call.query.get("name")
    if name is None:
        read = of_index(call.store, kinds.PROJECTS, "tenant", call.id, visible)
    else:
        value = kinds.project_name(call.id, name)
        read = of_index(call.store, kinds.PROJECTS, "name", value, visible)
    page = await paginate(call, read)
    items = [await show_project(call, each, page.revision) for each in page.items]
    return wire.ProjectList(items=items, next_page_link=page.link, previous_page_link=page.previous)


async def _show(call: Call) -> wire.Project:
    return await show_project(call, (await reading.project(call.store, call.id)).value)


async def _tasks(call: Call) -> TaskList:
    await reading.project(call.store, call.id)
    return await list_tasks(call, project_prefix(call.id))


async def _create(call: Call, caller: Caller) -> Admission:
    body: wire.ProjectCreateSpec = call.body
    groups = tuple(body.security_groups or ())
    limits = read_spec(body.quota)
    return await verbs.project_create(
        call.ports, caller, call.id, body.name, groups, limits, body.quota_percent, body.labels
    )


async def _delete(call: Call, caller: Caller) -> Admission:
    return await verbs.project_delete(call.ports, caller, call.id)


async def _set_groups(call: Call, caller: Caller) -> Admission:
    groups = tuple(call.body.items or ())
    return await verbs.project_set_security_groups(call.ports, caller, call.id, groups)


HANDLERS: dict[str, Handler] = {
    "createProject": Decides(_create),
    "listProjects": Reads(_list),
    "getProject": Reads(_show),
    "deleteProject": Decides(_delete),
    "listProjectTasks": Reads(_tasks),
    "setProjectSecurityGroups": Decides(_set_groups),
}
