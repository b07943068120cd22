"""What is asked of placement and what it answers: structs that can be stored and shown."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from heliostat.controller.model.host import UsageTag


class Reason(StrEnum):
    """Why a host was ruled out, in the order of checking."""

    STATE = "host is not READY"
    AGENT = "agent does not answer"
    USAGE = "host is not for this use"
    HOST = "another host is asked for"
    ZONE = "host is in another zone"
    DATASTORE = "host lacks the datastore"
    CPU = "not enough CPU"
    MEMORY = "not enough memory"
    DISK = "not enough datastore space"


class PlacementRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be placed; empty texts ask for nothing."""

    cpu_count: int = 0
    memory_mib: int = 0
    disk_bytes: int = 0
    usage: UsageTag = UsageTag.CLOUD
    host_id: str = ""
    zone: str = ""
    datastore: str = ""
    image_digest: str = ""
    project_id: str = ""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A host that fits, its score (0..100) and the parts of it, each 0..100."""

    host_id: str
    score: float
    parts: dict[str, float]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The chosen host and why; ``code`` is the error code when ``host_id`` is ``None``.

    ``ruled_out`` counts hosts by reason; ``ranking`` holds the best, best first.
    """

    host_id: str | None
    score: float
    considered: int
    ruled_out: dict[str, int]
    reason: str
    ranking: tuple[Candidate, ...] = ()
    code: str = ""
