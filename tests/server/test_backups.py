"""Copies of the store: taken when due, pruned, and good to restore from."""

from __future__ import annotations

from pathlib import Path

from heliostat.cloudstore.contract import Put
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.cloudstore.sqlite_copy import restore
from heliostat.server.backups import BackupSettings, copies_in, copy_if_due
from heliostat.testing.clock import VirtualClock

DAY_S = 86_400.0


async def test_copies_are_taken_when_due_and_the_oldest_go(tmp_path: Path) -> None:
    clock, folder = VirtualClock(), tmp_path / "backup"
    store = await SqliteStore.open(tmp_path / "store.db", clock)
    settings = BackupSettings(every_s=DAY_S, keep=2)
    taken = []
    for day in range(4):
        await store.commit([], [Put("/v1/day", str(day).encode())])
        taken.append(await copy_if_due(store, folder, clock, settings))
        assert await copy_if_due(store, folder, clock, settings) is None
        await clock.advance(DAY_S)
    assert copies_in(folder) == taken[2:]
    await store.close()
    assert taken[2] is not None
    restore(taken[2], tmp_path / "store.db")
    store = await SqliteStore.open(tmp_path / "store.db", clock)
    found = await store.get("/v1/day")
    assert found is not None
    assert found.value == b"2"
    await store.close()
