"""Users of the site's own directory.  A password is accepted and never answered."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.route import NAME, PAGE, Body, Route


class UserCreateSpec(Request):
    """A user to create; ``name`` without the domain."""

    name: str
    password: str
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    must_change: bool = False
    description: str = ""
    unit: str = ""
    ssh_public_keys: list[str] | None = None
    certificates: list[str] | None = None


class UserChange(Request):
    """What to change of a user; what is left out stays.

    ``unit`` is the path of an organisational unit (empty: where users are by themselves);
    ``certificates`` are PEM; who is ``disabled`` is signed out.
    """

    given_name: str | None = None
    family_name: str | None = None
    email: str | None = None
    description: str | None = None
    unit: str | None = None
    disabled: bool | None = None
    ssh_public_keys: list[str] | None = None
    certificates: list[str] | None = None


class UserPassword(Request):
    """A new password for a user; ``must_change``: it only serves to choose another one."""

    password: str
    must_change: bool = False


class OwnPassword(Request):
    """Somebody's own new password.  ``user`` is ``name@domain``; the old one proves who asks."""

    user: str
    old_password: str
    new_password: str


class User(Response):
    """A user; ``subject`` is ``name@domain``, ``groups`` the effective ones.

    ``unit`` is where the user lies, ``uid`` the number on hosts (gid, too, of a group of one).
    """

    id: str
    kind: str
    name: str
    subject: str
    self_link: str
    disabled: bool
    created_time: int
    groups: list[str]
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    description: str = ""
    unit: str = ""
    uid: int = 0
    ssh_public_keys: list[str] = []
    certificates: list[str] = []


class UserList(Response):
    """A page of users."""

    items: list[User]
    next_page_link: str = ""
    previous_page_link: str = ""


class Whoami(Response):
    """The caller as the server sees it."""

    subject: str
    groups: list[str]
    is_system_admin: bool


ROUTES = (
    Route(
        method="GET",
        path="/v1/whoami",
        operation="whoami",
        access=Access.AUTHENTICATED,
        summary="Show who the caller is.",
        response=Whoami,
    ),
    Route(
        method="POST",
        path="/v1/password",
        operation="changeOwnPassword",
        access=Access.PUBLIC,
        summary="Change one's own password, also one that has expired; sessions end.",
        request=OwnPassword,
        body=Body.JSON,
        status=204,
        mutating=True,
    ),
    Route(
        method="POST",
        path="/v1/users",
        operation="createUser",
        access=Access.SYSTEM_ADMIN,
        summary="Create a user.",
        request=UserCreateSpec,
        body=Body.JSON,
        response=User,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/users",
        operation="listUsers",
        access=Access.SYSTEM_ADMIN,
        summary="List the users.",
        response=UserList,
        query=(NAME, *PAGE),
    ),
    Route(
        method="GET",
        path="/v1/users/{id}",
        operation="getUser",
        access=Access.SYSTEM_ADMIN,
        summary="Show a user.",
        response=User,
    ),
    Route(
        method="PATCH",
        path="/v1/users/{id}",
        operation="updateUser",
        access=Access.SYSTEM_ADMIN,
        summary="Change what is known of a user, bar the user, or move the user to another unit.",
        request=UserChange,
        body=Body.JSON,
        response=User,
        mutating=True,
    ),
    Route(
        method="DELETE",
        path="/v1/users/{id}",
        operation="deleteUser",
        access=Access.SYSTEM_ADMIN,
        summary="Delete a user.",
        status=204,
        mutating=True,
    ),
    Route(
        method="POST",
        path="/v1/users/{id}/set_password",
        operation="setUserPassword",
        access=Access.SYSTEM_ADMIN,
        summary="Set a user's password and end the user's sessions.",
        request=UserPassword,
        body=Body.JSON,
        status=204,
        mutating=True,
    ),
)
