"""What placement answers: structs that can be stored and shown."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why a host was ruled out, in the order of checking."""

    STATE = "host is not READY"
    AGENT = "agent does not answer"
    USAGE = "host is not for this use"
    HOST = "another host is asked for"
    ZONE = "host is in another zone"
    DATASTORE = "host lacks the datastore"
    NETWORK = "host lacks the network"
    COMPANY = "host lacks what it shall be with"
    KEEPS_AWAY = "an anti-affinity keeps it from here"
    KEPT_AWAY = "a machine there keeps it away"
    CPU = "not enough CPU"
    MEMORY = "not enough memory"
    DISK = "not enough datastore space"


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A host that fits and its score (0..100); of the winner also the parts, each 0..100."""

    host_id: str
    address: str
    score: float
    parts: dict[str, float] = {}


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """A wish in words, and whether the chosen host meets it."""

    wish: str
    met: bool


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The chosen host and why; ``code`` is the error code when ``host_id`` is ``None``.

    ``ruled_out`` counts hosts by reason; ``ranking`` holds the best, best first;
    ``datastores`` says which datastore of the host each disk goes to, by disk id.
    """

    host_id: str | None
    score: float
    considered: int
    ruled_out: dict[str, int]
    reason: str
    address: str = ""
    ranking: tuple[Candidate, ...] = ()
    datastores: dict[str, str] = {}
    preferences: tuple[Preference, ...] = ()
    code: str = ""
