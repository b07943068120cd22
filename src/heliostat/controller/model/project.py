"""Projects: where machines, disks and images of a tenant live."""

from __future__ import annotations

import msgspec

from heliostat.controller.model.policy import Policy
from heliostat.controller.model.tenant import Tenant


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """``security_groups`` are the project's own; those of its tenant are not repeated here."""

    id: str
    tenant_id: str
    name: str
    security_groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    policy: Policy = ()
    task_id: str = ""
    created_ms: int = 0
    schema: int = 1


class SecurityGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A group that may use a project; ``inherited`` if the tenant hands it down."""

    name: str
    inherited: bool


def effective_groups(project: Project, tenant: Tenant) -> tuple[SecurityGroup, ...]:
    """The tenant's groups (inherited), then the project's own."""
    inherited = [SecurityGroup(name=name, inherited=True) for name in tenant.security_groups]
    own = [
        SecurityGroup(name=name, inherited=False)
        for name in project.security_groups
        if name not in tenant.security_groups
    ]
    return (*inherited, *own)
