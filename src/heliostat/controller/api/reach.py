"""What a caller may see in lists that span tenants.

Read once for a list, from the index of members: the tenants, projects and single
things that the caller holds a role on, however many others there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind
from heliostat.controller.api.ports import Principal
from heliostat.controller.model.image import PROJECT, Image
from heliostat.controller.workflows import kinds
from heliostat.tasks.model import Task

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Reach:
    """``everything`` for system administrators; else ids.

    ``keys`` are the caller's groups as compared.  ``projects`` are those of
    ``tenants`` too; ``things`` are single images, VMs and disks.  Around them lie
    projects and tenants that are passed through: clients find a VM by way of its
    project, and a project by way of its tenant.
    """

    subject: str
    everything: bool
    keys: tuple[str, ...] = ()
    tenants: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    own_projects: frozenset[str] = frozenset()
    things: frozenset[tuple[str, str]] = frozenset()
    around_projects: frozenset[str] = frozenset()
    around_tenants: frozenset[str] = frozenset()

    def sees_tenant(self, tenant_id: str) -> bool:
        return self.everything or tenant_id in self.tenants or tenant_id in self.around_tenants

    def sees_project(self, project_id: str) -> bool:
        """Whether the caller sees the project itself, if perhaps not all in it."""
        return self.sees_all_in(project_id) or project_id in self.around_projects

    def sees_all_in(self, project_id: str) -> bool:
        return self.everything or project_id in self.projects

    def sees_thing(self, kind: str, id_: str, project_id: str) -> bool:
        return self.sees_all_in(project_id) or (kind, id_) in self.things

    def sees_task(self, task: Task) -> bool:
        """Tasks of what the caller sees, and those it asked for itself."""
        return (
            self.everything
            or task.requested_by == self.subject
            or task.project_id in self.projects
            or task.tenant_id in self.tenants
            or (task.entity_kind, task.entity_id) in self.things
        )

    @property
    def visible_tenants(self) -> frozenset[str]:
        return self.tenants | self.around_tenants

    def is_inside(self, kind: str, id_: str) -> bool:
        """Whether the tenant or project holds something that the caller sees."""
        around = self.around_tenants if kind == kinds.TENANT else self.around_projects
        return id_ in around


async def reach_of(store: CloudStore, principal: Principal | None) -> Reach:
    """What the caller may see."""
    if principal is None:
        return Reach(subject="", everything=False)
    if principal.is_system_admin:
        return Reach(subject=principal.subject, everything=True)
    keys = sorted({group.casefold() for group in principal.groups})
    tenants = await _ids(store, kinds.TENANTS, keys)
    own_projects = await _ids(store, kinds.PROJECTS, keys)
    things, around_projects = await _things(store, keys)
    around_tenants = set()
    for project_id in own_projects | around_projects:
        project = await kinds.PROJECTS.get(store, project_id)
        if project is not None:
            around_tenants.add(project.value.tenant_id)
    projects = set(own_projects)
    for tenant_id in tenants:
        projects.update(await kinds.PROJECTS.ids_by_index(store, "tenant", tenant_id))
    return Reach(
        subject=principal.subject,
        everything=False,
        keys=tuple(keys),
        tenants=frozenset(tenants),
        projects=frozenset(projects),
        own_projects=frozenset(own_projects),
        things=frozenset(things),
        around_projects=frozenset(around_projects),
        around_tenants=frozenset(around_tenants),
    )


async def _ids(store: CloudStore, kind: Kind[T], keys: Iterable[str]) -> set[str]:
    return {id_ for key in keys for id_ in await kind.ids_by_index(store, "member", key)}


async def _things(store: CloudStore, keys: Iterable[str]) -> tuple[set[tuple[str, str]], set[str]]:
    """Single things with a role for the caller, and the projects that they lie in."""
    things: set[tuple[str, str]] = set()
    projects: set[str] = set()
    for key in keys:
        for image in await kinds.IMAGES.by_index(store, "member", key):
            things.add((kinds.IMAGE, image.value.id))
            projects.update(_project_of(image.value))
        for vm in await kinds.VMS.by_index(store, "member", key):
            things.add((kinds.VM, vm.value.id))
            projects.add(vm.value.project_id)
        for disk in await kinds.DISKS.by_index(store, "member", key):
            things.add((kinds.DISK, disk.value.id))
            projects.add(disk.value.project_id)
    return things, projects


def _project_of(image: Image) -> Iterable[str]:
    return (image.scope.id,) if image.scope.kind == PROJECT else ()
