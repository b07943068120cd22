"""Availability zones: hosts that fail together, so that others don't."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ZoneState(StrEnum):
    """PENDING_DELETE: hosts are still in it, it goes with the last of them."""

    CREATING = "CREATING"
    READY = "READY"
    PENDING_DELETE = "PENDING_DELETE"
    ERROR = "ERROR"
    DELETED = "DELETED"


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """Names may repeat; hosts name their zone by its id."""

    id: str
    name: str
    state: ZoneState = ZoneState.READY
    tags: tuple[str, ...] = ()
    task_id: str = ""
    created_ms: int = 0
    schema: int = 1
