"""Who may read what an event tells of: read from the store, kept until it changes.

Every event asks it, for every reader, so answers are kept; they are forgotten
the moment a tenant or project changes, and when a reader begins: while nobody
read, nobody heard of changes.  What is gone is judged by the groups it had last.
"""

from __future__ import annotations

from heliostat.cloudstore.contract import CloudStore
from heliostat.controller.api.ports import OwnerGroups
from heliostat.controller.api.watched import Belongs
from heliostat.controller.model.project import Project
from heliostat.controller.model.tenant import Tenant
from heliostat.controller.workflows import kinds

_DECISIVE = (kinds.TENANTS.prefix, kinds.PROJECTS.prefix)


class Ownership:
    """Groups and policies by tenant and project, as they are now."""

    def __init__(self, store: CloudStore) -> None:
        self._store = store
        self._known: dict[Belongs, OwnerGroups] = {}
        self._revision = 0
        self._forgotten = 0

    def forget(self) -> None:
        """Forget everything: what is known may be older than where a new reader begins."""
        self._known.clear()
        self._forgotten += 1

    def heard(self, key: str, revision: int) -> None:
        """Forget what a change at ``key`` makes doubtful."""
        if revision > self._revision and key.startswith(_DECISIVE):
            self.forget()
            self._revision = revision

    async def groups(self, belongs: Belongs, revision: int) -> OwnerGroups:
        """Groups and policies of an owner.

        ``revision`` is where to look for an owner that is gone by now.
        """
        found = self._known.get(belongs)
        if found is None:
            began = self._forgotten
            found = await self._read(belongs, revision)
            if began == self._forgotten:
                self._known[belongs] = found
        return found

    async def _read(self, belongs: Belongs, revision: int) -> OwnerGroups:
        project = await self._project(belongs.project_id, revision) if belongs.project_id else None
        tenant_id = belongs.tenant_id or (project.tenant_id if project else "")
        tenant = await self._tenant(tenant_id, revision) if tenant_id else None
        return OwnerGroups(
            frozenset(tenant.security_groups) if tenant else frozenset(),
            frozenset(project.security_groups) if project else frozenset(),
            tenant.policy if tenant else (),
            project.policy if project else (),
        )

    async def _project(self, id_: str, revision: int) -> Project | None:
        stored = await kinds.PROJECTS.get(self._store, id_)
        if stored is None:
            stored = await kinds.PROJECTS.get(self._store, id_, at_revision=revision - 1)
        return stored.value if stored is not None else None

    async def _tenant(self, id_: str, revision: int) -> Tenant | None:
        stored = await kinds.TENANTS.get(self._store, id_)
        if stored is None:
            stored = await kinds.TENANTS.get(self._store, id_, at_revision=revision - 1)
        return stored.value if stored is not None else None
