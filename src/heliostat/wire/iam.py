"""Policies: who holds which role on a tenant, a project, an image, a VM or a disk.

Roles are ``viewer`` (reads), ``contributor`` (also creates and uses) and
``owner`` (also says who may).  Existing clients know policies in two shapes:
``{principal, roles}`` with deltas ``{principal, action, role}``, and
``{role, subjects}`` with deltas ``{subject, action, role}``.  Requests may use
either; answers carry one object for each principal and role, with the keys of
both.
"""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.route import Body, Owner, Route
from heliostat.wire.tasks import Task


class RoleBinding(Response):
    """A principal holds a role; said twice, once for each kind of client."""

    principal: str
    roles: list[str]
    role: str
    subjects: list[str]


class RoleBindingSpec(Request):
    """Bindings to set: every one of ``roles`` for ``principal``, ``role`` for all ``subjects``."""

    principal: str = ""
    roles: list[str] | None = None
    role: str = ""
    subjects: list[str] | None = None


class RoleBindingDelta(Request):
    """A role to add to or remove from a principal; ``*`` removes all of its roles."""

    action: str
    role: str
    principal: str = ""
    subject: str = ""


def _routes(noun: str, title: str, write: Access) -> tuple[Route, ...]:
    path, owner = f"/v1/{noun}s/{{id}}/iam", Owner(noun)
    return (
        Route(
            method="GET",
            path=path,
            operation=f"get{title}Iam",
            access=write,
            owner=owner,
            summary=f"Show the roles that are held on a {title}.",
            response=list[RoleBinding],
        ),
        Route(
            method="POST",
            path=path,
            operation=f"set{title}Iam",
            access=write,
            owner=owner,
            summary=f"Replace the roles that are held on a {title}.",
            request=list[RoleBindingSpec] | None,
            body=Body.JSON,
            response=Task,
            status=201,
            mutating=True,
        ),
        Route(
            method="PATCH",
            path=path,
            operation=f"modify{title}Iam",
            access=write,
            owner=owner,
            summary=f"Add roles to and remove roles from principals on a {title}.",
            request=list[RoleBindingDelta] | None,
            body=Body.JSON,
            response=Task,
            status=201,
            mutating=True,
        ),
    )


ROUTES = (
    *_routes("tenant", "Tenant", Access.TENANT_ADMIN),
    *_routes("project", "Project", Access.PROJECT_OWNER),
    *_routes("image", "Image", Access.PROJECT_OWNER),
    *_routes("vm", "Vm", Access.PROJECT_OWNER),
    *_routes("disk", "Disk", Access.PROJECT_OWNER),
)
