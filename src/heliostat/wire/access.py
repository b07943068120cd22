"""Who may call a route: the closed set of access rules that the route tables name.

The rule is data on the route; the decision is
``heliostat.identity.access.decide``.  A system administrator passes every rule.
A group of a tenant administers that tenant; a group of a project may use the
project; the groups of a project's tenant may do both.
"""

from __future__ import annotations

from enum import StrEnum


class Access(StrEnum):
    """What a caller must be to pass a route."""

    PUBLIC = "public"
    AUTHENTICATED = "authenticated"
    SYSTEM_ADMIN = "system_admin"
    TENANT_READ = "tenant_read"
    TENANT_ADMIN = "tenant_admin"
    PROJECT_USER = "project_user"
    PROJECT_ADMIN = "project_admin"

    @property
    def needs_token(self) -> bool:
        """Whether a caller without a token is turned away with ``MissingAuthToken``."""
        return self is not Access.PUBLIC

    @property
    def needs_owner(self) -> bool:
        """Whether the decision hangs on the groups of the entity's tenant and project."""
        return self in _OWNED


_OWNED = frozenset(
    {Access.TENANT_READ, Access.TENANT_ADMIN, Access.PROJECT_USER, Access.PROJECT_ADMIN}
)
