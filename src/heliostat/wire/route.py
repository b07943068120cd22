"""What a row of a route table says.

A route is data: authorisation, OpenAPI, the client and the tests read it.  It
can't be built without an access rule, and a rule that hangs on an owner can't
be built without saying which path parameter names that owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from heliostat.wire.access import Access


class Body(StrEnum):
    """How the request body travels."""

    NONE = "none"
    JSON = "json"
    UPLOAD = "upload"
    """An image: its replication, then the file."""
    FILE = "file"
    """One file and nothing else."""

    @property
    def is_upload(self) -> bool:
        """Whether the body is multipart and streamed."""
        return self in (Body.UPLOAD, Body.FILE)


class Owner(NamedTuple):
    """The entity whose tenant and project decide about access: its kind and its path parameter."""

    kind: str
    parameter: str = "id"


class Query(NamedTuple):
    """A query parameter; ``type`` is ``str``, ``int`` or ``bool``."""

    name: str
    type: type
    summary: str


PAGE = (
    Query("pageSize", int, "Items on a page, 1 to 100."),
    Query("pageLink", str, "Opaque cursor taken from nextPageLink or previousPageLink."),
)
NAME = Query("name", str, "Only the items with exactly this name.")
SELECTOR = Query(
    "selector", str, "Only the items with these labels, e.g. app=web,tier!=db,env in (a,b),!old."
)
STATE = Query("state", str, "Only the tasks in this state.")
PLAN = Query("plan", bool, "Answer what would be done (200, Plan) and change nothing.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the API; ``mutating`` routes accept ``?plan=true``.

    ``response`` is ``None`` where the answer has no JSON body (then ``status`` is
    200 or 204) and for WebSockets (``websocket``, status 101).  Where ``media_type`` is
    another than JSON, ``response`` is what one event of the stream carries, if anything.
    ``takes_ticket``: a one-time ticket in the query does instead of a token, for programs
    that can't send one.  ``hands_out``: a GET that lets its caller do more than read
    (a console's ticket).  ``confidential``: a GET that viewers are not shown.
    ``when_paused``: whether it is answered while the system is paused (default: reads are).
    ``missing``: what this site lacks for it; such a route only answers NotConfigured.
    """

    method: str
    path: str
    operation: str
    access: Access
    summary: str
    owner: Owner | None = None
    request: Any = None
    response: Any = None
    status: int = 200
    mutating: bool = False
    query: tuple[Query, ...] = ()
    body: Body = Body.NONE
    websocket: bool = False
    media_type: str = "application/json"
    takes_ticket: bool = False
    hands_out: bool = False
    confidential: bool = False
    when_paused: bool | None = None
    missing: str = ""

    def __post_init__(self) -> None:
        if self.access.needs_owner and self.owner is None:
            raise ValueError(f"{self.operation}: {self.access} needs an owner")
        if self.owner is not None and f"{{{self.owner.parameter}}}" not in self.path:
            raise ValueError(f"{self.operation}: no path parameter {self.owner.parameter}")
        if (self.request is None) != (self.body is not Body.JSON):
            raise ValueError(f"{self.operation}: a JSON body and its type go together")

    @property
    def reads(self) -> bool:
        """Whether the route only shows what is."""
        return self.method == "GET" and not self.websocket and not self.hands_out

    @property
    def rule(self) -> Access:
        """What a caller must be: reading asks for less than the rest of the same access."""
        return self.access.for_reading if self.reads and not self.confidential else self.access

    @property
    def answers_when_paused(self) -> bool:
        """Whether a paused system answers it."""
        return self.method == "GET" if self.when_paused is None else self.when_paused

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the path parameters, in order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    @property
    def all_query(self) -> tuple[Query, ...]:
        """Query parameters, with ``plan`` where the route changes something."""
        return (*self.query, PLAN) if self.mutating else self.query
