"""Groups of the site's own directory; a group may contain users and groups."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.route import NAME, PAGE, Body, Route


class GroupCreateSpec(Request):
    """A group to create; ``name`` without the domain."""

    name: str
    description: str = ""
    unit: str = ""


class GroupChange(Request):
    """What to change of a group; what is left out stays.  ``unit`` as of a user."""

    description: str | None = None
    unit: str | None = None


class GroupMember(Request):
    """A member: a user's or a group's name, as ``name``, ``name@domain`` or ``DOMAIN\\name``."""

    name: str


class Group(Response):
    """A group; ``security_group`` is how tenants and projects name it (``DOMAIN\\name``)."""

    id: str
    kind: str
    name: str
    security_group: str
    self_link: str
    members: list[str]
    description: str = ""
    unit: str = ""
    gid: int = 0


class GroupList(Response):
    """A page of groups."""

    items: list[Group]
    next_page_link: str = ""
    previous_page_link: str = ""


ROUTES = (
    Route(
        method="POST",
        path="/v1/groups",
        operation="createGroup",
        access=Access.SYSTEM_ADMIN,
        summary="Create a group.",
        request=GroupCreateSpec,
        body=Body.JSON,
        response=Group,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/groups",
        operation="listGroups",
        access=Access.SYSTEM_ADMIN,
        summary="List the groups.",
        response=GroupList,
        query=(NAME, *PAGE),
    ),
    Route(
        method="GET",
        path="/v1/groups/{id}",
        operation="getGroup",
        access=Access.SYSTEM_ADMIN,
        summary="Show a group.",
        response=Group,
    ),
    Route(
        method="PATCH",
        path="/v1/groups/{id}",
        operation="updateGroup",
        access=Access.SYSTEM_ADMIN,
        summary="Describe a group anew, or move it to another organisational unit.",
        request=GroupChange,
        body=Body.JSON,
        response=Group,
        mutating=True,
    ),
    Route(
        method="DELETE",
        path="/v1/groups/{id}",
        operation="deleteGroup",
        access=Access.SYSTEM_ADMIN,
        summary="Delete a group.",
        status=204,
        mutating=True,
    ),
    Route(
        method="POST",
        path="/v1/groups/{id}/members",
        operation="addGroupMember",
        access=Access.SYSTEM_ADMIN,
        summary="Add a user or a group to a group.",
        request=GroupMember,
        body=Body.JSON,
        response=Group,
        status=201,
        mutating=True,
    ),
    Route(
        method="DELETE",
        path="/v1/groups/{id}/members/{member}",
        operation="removeGroupMember",
        access=Access.SYSTEM_ADMIN,
        summary="Take a user or a group out of a group.",
        status=204,
        mutating=True,
    ),
)
