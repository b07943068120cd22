"""The site as a whole: whether it works, who administers it, and what was set at run time."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

SITE = "site"


class SystemState(StrEnum):
    """PAUSED: only reading is answered.  BACKGROUND_PAUSED: only chores rest."""

    READY = "READY"
    PAUSED = "PAUSED"
    BACKGROUND_PAUSED = "BACKGROUND_PAUSED"

    @property
    def lets_chores_run(self) -> bool:
        return self is SystemState.READY


class System(msgspec.Struct, frozen=True, kw_only=True):
    """``security_groups`` administer the site beside the built-in group.

    ``properties`` are settings changed at run time, by their names in the settings file.
    """

    id: str = SITE
    state: SystemState = SystemState.READY
    since_ms: int = 0
    changed_by: str = ""
    security_groups: tuple[str, ...] = ()
    properties: dict[str, Any] = {}
    schema: int = 1
