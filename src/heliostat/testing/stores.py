"""Every backend of the store, for suites that run over all of them.

A new backend joins the conformance suite with one entry in ``BACKENDS``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.memory import MemoryStore
from heliostat.cloudstore.metered import MeteredStore
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.core.clock import Clock

Open = Callable[[Path, Clock], Awaitable[CloudStore]]

SMALL_BUFFER = 4
"""Commits a slow watcher may lag before it must read again: reached within any test."""


async def open_memory(_folder: Path, clock: Clock) -> CloudStore:
    return MemoryStore(clock, buffered_commits=SMALL_BUFFER)


async def open_sqlite(folder: Path, clock: Clock) -> CloudStore:
    return await SqliteStore.open(folder / "store.db", clock, buffered_commits=SMALL_BUFFER)


async def open_metered(folder: Path, clock: Clock) -> CloudStore:
    return MeteredStore(await open_memory(folder, clock), lambda _outcome, _seconds: None)


BACKENDS: dict[str, Open] = {
    "memory": open_memory,
    "sqlite": open_sqlite,
    "metered": open_metered,
}
