"""How much may be unpacked, and the one error of what can't be looked into."""

from __future__ import annotations

import shutil
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.compressed import told

MOST_BYTES = 64 << 30
"""The most that is unpacked of one image: a hundred times the largest of ours."""

DEEPEST = 200
"""Folders in folders; no system has half as many, and what walks a tree calls itself for each."""


def not_a_system(subject: Path, why: str) -> HeliostatError:
    return HeliostatError("NotASystem", f"{subject} can't be looked into: {why}.")


def room_in(work: Path) -> int:
    """How much may be unpacked there: never more than is free."""
    return min(MOST_BYTES, shutil.disk_usage(work).free)


def require_room(subject: Path, wanted_bytes: int, work: Path) -> None:
    """Before anything is written: a disk that is full half-way is of no use to anybody."""
    if wanted_bytes > MOST_BYTES:
        limit = f"more than {told(MOST_BYTES)} are not unpacked"
        raise not_a_system(subject, f"it unpacks to {told(wanted_bytes)}, and {limit}")
    if wanted_bytes > (free := shutil.disk_usage(work).free):
        raise HeliostatError(
            "DiskFull",
            f"{subject} unpacks to {told(wanted_bytes)}, but {work.parent} has {told(free)} left.",
            hint="Free some, or let TMPDIR name a folder on a larger disk.",
        )
