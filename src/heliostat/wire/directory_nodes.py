"""Where people and groups are kept: the nodes of the directory, how far each is, and moving.

Nodes are the site's, not a tenant's: whoever adds one gets a copy of every tenant.
"""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.route import PAGE, Body, Route

NODES = "/v1/identity/nodes"
HOME = "/v1/identity/home"


class DirectoryNodeCreateSpec(Request):
    """A node to add.  Others reach it at ``host`` and ``port``, by LDAP over TLS.

    One that is ``local`` runs on the controller's machine.
    """

    name: str
    host: str = "127.0.0.1"
    port: int = 9636
    site: str = "default"
    local: bool = True


class DirectoryNode(Response):
    """A node; ``joined``: it had every change once and is asked since.

    ``configuration`` says in words whether its server is configured as this version does it.
    """

    id: str
    kind: str
    name: str
    site: str
    url: str
    local: bool
    joined: bool
    created_time: int
    self_link: str
    configuration: str = ""


class CreatedDirectoryNode(DirectoryNode):
    """A node just made; ``bundle`` is what another machine makes it from, shown this once."""

    bundle: str = ""


class DirectoryNodeList(Response):
    """A page of nodes, by name."""

    items: list[DirectoryNode]
    next_page_link: str = ""
    previous_page_link: str = ""


class DirectoryNodeStanding(Response):
    """How far a node is: ``behind_seconds`` since ``since`` (ms; 0: it is not)."""

    name: str
    site: str
    joined: bool
    answers: bool
    behind_seconds: float
    since: int
    words: str


class DirectoryCount(Response):
    """How many entries of a kind a tenant has, and a digest of their content."""

    tenant: str
    kind: str
    count: int
    sha256: str


class DirectoryHome(Response):
    """Where everybody is (``embedded`` or ``openldap``); ``moving_to`` while they move.

    ``counts`` are of the last move that this controller made.  ``conflicts`` are changes of the
    last day that were made on both sides of a cut link; ``removed`` is about nodes elsewhere
    that were removed and could not be told so yet.
    """

    id: str
    kind: str
    place: str
    moving_to: str
    phase: str
    nodes: list[DirectoryNodeStanding]
    conflicts: list[str]
    counts: list[DirectoryCount]
    self_link: str
    removed: list[str] = []


class DirectoryMoveSpec(Request):
    """Where everybody shall be: ``embedded`` or ``openldap``."""

    to: str


ROUTES = (
    Route(
        method="POST",
        path=NODES,
        operation="createDirectoryNode",
        access=Access.SYSTEM_ADMIN,
        summary="Add a node to the directory.",
        request=DirectoryNodeCreateSpec,
        body=Body.JSON,
        response=CreatedDirectoryNode,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path=NODES,
        operation="listDirectoryNodes",
        access=Access.SYSTEM_ADMIN,
        summary="List the nodes of the directory.",
        response=DirectoryNodeList,
        query=PAGE,
    ),
    Route(
        method="GET",
        path=f"{NODES}/{{id}}",
        operation="getDirectoryNode",
        access=Access.SYSTEM_ADMIN,
        summary="Show a node of the directory.",
        response=DirectoryNode,
    ),
    Route(
        method="DELETE",
        path=f"{NODES}/{{id}}",
        operation="deleteDirectoryNode",
        access=Access.SYSTEM_ADMIN,
        summary="Take a node out of the directory; what it alone had is lost.",
        status=204,
        mutating=True,
    ),
    Route(
        method="POST",
        path=f"{NODES}/{{id}}/replace",
        operation="replaceDirectoryNode",
        access=Access.SYSTEM_ADMIN,
        summary="Make a node anew under its name; it copies everything from the others.",
        response=CreatedDirectoryNode,
        mutating=True,
    ),
    Route(
        method="GET",
        path=HOME,
        operation="getDirectoryHome",
        access=Access.SYSTEM_ADMIN,
        summary="Show where people and groups are kept, and how far each node is.",
        response=DirectoryHome,
    ),
    Route(
        method="POST",
        path=f"{HOME}/move",
        operation="moveDirectory",
        access=Access.SYSTEM_ADMIN,
        summary="Move everybody into the document store or into OpenLDAP.",
        request=DirectoryMoveSpec,
        body=Body.JSON,
        response=DirectoryHome,
        mutating=True,
    ),
)
