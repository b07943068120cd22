"""Events: what changed, as a stream of server-sent events.

Each event has an id ``REVISION.N`` (the N-th change of the commit with that
revision).  A reader goes on after it by sending it as ``Last-Event-ID`` or
``?from=``; a bare revision means after the whole of that commit, so a list's
``X-Revision`` continues without a gap.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from heliostat.wire.access import Access
from heliostat.wire.body import Response
from heliostat.wire.route import SELECTOR, Query, Route

EVENT_STREAM = "text/event-stream"
REVISION_HEADER = "X-Revision"
"""Header of every list: the revision at which all its pages were read."""


class EventType(StrEnum):
    """What happened to an entity; the name of the server-sent event."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"


class Event(Response):
    """One change that the caller may see.

    ``entity`` is what a list shows of it at that revision; of a deleted one, what it showed
    last.  ``time`` (ms) is when this controller heard of it, 0 for what lies in the past.
    """

    type: EventType
    kind: str
    id: str
    revision: int
    entity: dict[str, Any]
    time: int = 0
    tenant_id: str = ""
    project_id: str = ""


class StreamStart(Response):
    """First on every stream (event ``start``): what comes happened after this revision."""

    revision: int


ROUTES = (
    Route(
        method="GET",
        path="/v1/events",
        operation="streamEvents",
        access=Access.AUTHENTICATED,
        summary="Follow what changes among the entities that the caller may read.",
        response=Event,
        media_type=EVENT_STREAM,
        query=(
            Query("kind", str, "Only these kinds of entities, separated by commas."),
            Query("entityId", str, "Only the entity with this id."),
            Query("tenantId", str, "Only what belongs to this tenant."),
            Query("projectId", str, "Only what belongs to this project."),
            SELECTOR,
            Query("from", str, "Only what changed after this revision or event id."),
        ),
    ),
)
