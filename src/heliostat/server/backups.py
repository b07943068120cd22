"""Copies of the store, taken while it is in use: what a damaged store is restored from.

They are named by the second they were taken at (UTC), lie in ``backup/`` of the
home, and the oldest go.  Images and disks are not in them: losing the store
loses nothing of those, but nobody would know whose they are.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 600.0
_FORMAT = "store-%Y%m%dT%H%M%SZ.db"


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """Copies of the document store."""

    every_s: float = 86_400.0
    """Seconds between two copies; what was committed after the last one is lost with the disk."""
    keep: int = 7
    """Copies that are kept; the oldest go first."""


def taken_at_ms(path: Path) -> int | None:
    """When a copy was taken, from its name; ``None`` for another file."""
    try:
        moment = datetime.strptime(path.name, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp() * 1000)


def is_due(copies: list[Path], now_ms: int, every_s: float) -> bool:
    """Whether the newest of ``copies`` is older than ``every_s``."""
    newest = max((taken_at_ms(path) or 0 for path in copies), default=0)
    return now_ms - newest >= every_s * 1000


def superfluous(copies: list[Path], keep: int) -> list[Path]:
    """The oldest copies beyond ``keep``."""
    return sorted(copies, key=lambda path: taken_at_ms(path) or 0)[: max(len(copies) - keep, 0)]


def copies_in(folder: Path) -> list[Path]:
    """The copies in ``folder`` (made if it isn't there), oldest first."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = [path for path in folder.glob("store-*.db") if taken_at_ms(path) is not None]
    return sorted(found, key=lambda path: path.name)


async def keep_copies(
    store: SqliteStore, folder: Path, clock: Clock, settings: BackupSettings
) -> None:
    """Take copies when they are due, until cancelled; a failure is logged and tried again."""
    while True:
        try:
            await copy_if_due(store, folder, clock, settings)
        except HeliostatError as error:
            log.warning("no copy of the store was taken: %s", error)
        await clock.sleep(LOOK_EVERY_S)


async def copy_if_due(
    store: SqliteStore, folder: Path, clock: Clock, settings: BackupSettings
) -> Path | None:
    """One look: the copy that was taken, or ``None``.  Raises what ``SqliteStore.backup`` does."""
    now_ms = clock.now_ms()
    if not is_due(copies_in(folder), now_ms, settings.every_s):
        return None
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    copy = await store.backup(folder / moment.strftime(_FORMAT))
    for path in superfluous(copies_in(folder), settings.keep):
        path.unlink()
    log.info("copied the store as of revision %d to %s", copy.revision, copy.path)
    return copy.path
