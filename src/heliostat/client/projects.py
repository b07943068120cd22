"""Projects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.body import SecurityGroupsSpec
from heliostat.wire.projects import Project, ProjectCreateSpec, ProjectList
from heliostat.wire.tasks import Task, TaskList


class Projects:
    """Where VMs, disks and images live."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, tenant_id: str, spec: ProjectCreateSpec) -> Change[Task]:
        return Change(self._transport, "createProject", (tenant_id,), Task, spec)

    def list(self, tenant_id: str, *, name: str = "", selector: str = "") -> Iterator[Project]:
        query = {"name": name, "selector": selector}
        return pages(self._transport, "listProjects", tenant_id, answer=ProjectList, query=query)

    def get(self, project_id: str) -> Project:
        return read(self._transport, "getProject", project_id, answer=Project)

    def delete(self, project_id: str) -> Change[Task]:
        return Change(self._transport, "deleteProject", (project_id,), Task)

    def tasks(self, project_id: str, *, state: str = "", kind: str = "") -> Iterator[Task]:
        """Tasks of the project and of everything in it."""
        query = {"state": state, "kind": kind}
        return pages(self._transport, "listProjectTasks", project_id, answer=TaskList, query=query)

    def set_security_groups(self, project_id: str, groups: Sequence[str]) -> Change[Task]:
        spec = SecurityGroupsSpec(items=[*groups])
        return Change(self._transport, "setProjectSecurityGroups", (project_id,), Task, spec)
