"""Who may call a route: the closed set of access rules that the route tables name.

The rule is data on the route; the decision is
``heliostat.identity.access.decide``.  A system administrator passes every rule.
Roles come from policies (``…/iam``) and from security groups: a group of a
tenant is its owner, a group of a project contributes to it.  A role on a tenant
counts in its projects, one on a project for all that it holds.
"""

from __future__ import annotations

from enum import StrEnum

from heliostat.core.roles import Role


class Access(StrEnum):
    """What a caller must be to pass a route.

    ``…_READ`` is also passed by who holds a role on anything inside, because
    clients find a VM by way of its project, and a project by way of its tenant.
    """

    PUBLIC = "public"
    AUTHENTICATED = "authenticated"
    SYSTEM_ADMIN = "system_admin"
    TENANT_READ = "tenant_read"
    TENANT_VIEWER = "tenant_viewer"
    TENANT_USER = "tenant_user"
    TENANT_ADMIN = "tenant_admin"
    PROJECT_READ = "project_read"
    PROJECT_VIEWER = "project_viewer"
    PROJECT_USER = "project_user"
    PROJECT_OWNER = "project_owner"
    PROJECT_ADMIN = "project_admin"

    @property
    def needs_token(self) -> bool:
        """Whether a caller without a token is turned away with ``MissingAuthToken``."""
        return self is not Access.PUBLIC

    @property
    def needs_owner(self) -> bool:
        """Whether the decision hangs on roles on the entity, its project and its tenant."""
        return self in _NEEDED

    @property
    def of_tenant(self) -> bool:
        """Whether only a role on the tenant counts."""
        return self in _OF_TENANT

    @property
    def passes_through(self) -> bool:
        """Whether a role on anything inside is enough."""
        return self in (Access.TENANT_READ, Access.PROJECT_READ)

    @property
    def role(self) -> Role:
        """The least role that passes; only of rules that need an owner."""
        return _NEEDED[self]

    @property
    def for_reading(self) -> Access:
        """What the rule asks of somebody who only reads."""
        return _READING.get(self, self)


_NEEDED = {
    Access.TENANT_READ: Role.VIEWER,
    Access.TENANT_VIEWER: Role.VIEWER,
    Access.TENANT_USER: Role.CONTRIBUTOR,
    Access.TENANT_ADMIN: Role.OWNER,
    Access.PROJECT_READ: Role.VIEWER,
    Access.PROJECT_VIEWER: Role.VIEWER,
    Access.PROJECT_USER: Role.CONTRIBUTOR,
    Access.PROJECT_OWNER: Role.OWNER,
    Access.PROJECT_ADMIN: Role.OWNER,
}
_OF_TENANT = frozenset(
    {
        Access.TENANT_READ,
        Access.TENANT_VIEWER,
        Access.TENANT_USER,
        Access.TENANT_ADMIN,
        Access.PROJECT_ADMIN,
    }
)
_READING = {
    Access.TENANT_USER: Access.TENANT_VIEWER,
    Access.TENANT_ADMIN: Access.TENANT_VIEWER,
    Access.PROJECT_USER: Access.PROJECT_VIEWER,
    Access.PROJECT_OWNER: Access.PROJECT_VIEWER,
    Access.PROJECT_ADMIN: Access.PROJECT_VIEWER,
}
