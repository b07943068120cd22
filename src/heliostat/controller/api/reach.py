"""What a caller may see in lists that span tenants.

Read once for a list: the tenants that the caller's groups administer and the
projects that they may use.
"""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.controller.api.access import may
from heliostat.controller.api.call import Call
from heliostat.controller.api.ports import OwnerGroups
from heliostat.controller.workflows import kinds
from heliostat.tasks.model import Task
from heliostat.wire.access import Access


@dataclass(frozen=True, slots=True)
class Reach:
    """``everything`` for system administrators; else ids of tenants and projects.

    ``passed_through`` are the tenants of those projects: clients find a project by
    way of its tenant.
    """

    subject: str
    everything: bool
    tenants: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    passed_through: frozenset[str] = frozenset()

    def sees_tenant(self, tenant_id: str) -> bool:
        return self.everything or tenant_id in self.tenants or tenant_id in self.passed_through

    def sees_project(self, project_id: str) -> bool:
        return self.everything or project_id in self.projects

    def sees_task(self, task: Task) -> bool:
        """Tasks of what the caller may use or administers, and those it asked for itself."""
        return (
            self.everything
            or task.requested_by == self.subject
            or task.project_id in self.projects
            or task.tenant_id in self.tenants
        )


async def reach_of(call: Call) -> Reach:
    """What the caller of ``call`` may see."""
    principal = call.principal
    if principal is None:
        return Reach(subject="", everything=False)
    if principal.is_system_admin:
        return Reach(subject=principal.subject, everything=True)
    groups: dict[str, frozenset[str]] = {}
    tenants: set[str] = set()
    for tenant in await kinds.TENANTS.all(call.store):
        groups[tenant.value.id] = frozenset(tenant.value.security_groups)
        owner = OwnerGroups(tenant_groups=groups[tenant.value.id])
        if may(call.services, Access.TENANT_ADMIN, principal, owner):
            tenants.add(tenant.value.id)
    projects: dict[str, str] = {}
    for project in await kinds.PROJECTS.all(call.store):
        above = groups.get(project.value.tenant_id, frozenset())
        owner = OwnerGroups(above, frozenset(project.value.security_groups))
        if may(call.services, Access.PROJECT_USER, principal, owner):
            projects[project.value.id] = project.value.tenant_id
    return Reach(
        subject=principal.subject,
        everything=False,
        tenants=frozenset(tenants),
        projects=frozenset(projects),
        passed_through=frozenset(projects.values()),
    )
