"""Marks of folders: whoever gets the same number again reads the same, and nothing else does."""

from __future__ import annotations

import asyncio
from pathlib import Path

from heliostat.cloudstore.contract import Absent, CloudStore, Delete, GuardFailed, Put
from heliostat.cloudstore.marks import FolderMarks
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.core.clock import SystemClock

FOLDER, OTHER = "/v1/group/system/", "/v1/group/acme/"


async def test_a_mark_stays_until_something_in_its_folder_changes(store: CloudStore) -> None:
    first, other = store.mark(FOLDER), store.mark(OTHER)
    assert first is not None
    await store.commit([], [Put(f"{OTHER}a", b"1"), Put("/v1/group/system-2/a", b"1")])
    assert store.mark(FOLDER) == first
    assert store.mark(OTHER) != other
    await store.commit([], [Put(f"{FOLDER}a", b"1")])
    second = store.mark(FOLDER)
    await store.commit([], [Put(f"{FOLDER}a", b"2")])
    third = store.mark(FOLDER)
    await store.commit([], [Delete(f"{FOLDER}a")])
    assert len({first, second, third, store.mark(FOLDER)}) == 4


async def test_a_commit_that_changes_nothing_leaves_it(store: CloudStore) -> None:
    await store.commit([], [Put(f"{FOLDER}a", b"1")])
    mark = store.mark(FOLDER)
    try:
        await store.commit([Absent(f"{FOLDER}a")], [Put(f"{FOLDER}a", b"2")])
    except GuardFailed:
        refused = True
    await store.commit([], [Delete(f"{FOLDER}b")])
    assert refused
    assert store.mark(FOLDER) == mark


async def test_what_was_remembered_at_a_mark_is_what_is_there(tmp_path: Path) -> None:
    """Beside a stream of commits: an equal mark later stands for an equal document."""
    store = await SqliteStore.open(tmp_path / "store.db", SystemClock())
    await store.commit([], [Put(f"{FOLDER}a", b"0")])
    done = asyncio.Event()

    async def write() -> None:
        for number in range(300):
            await store.commit([], [Put(f"{FOLDER}a", b"%d" % number)])
            await store.commit([], [Put(f"{OTHER}a", b"%d" % number)])
        done.set()

    writing = asyncio.create_task(write())
    known: dict[int, int] = {}
    held = met_again = 0
    while not done.is_set():
        mark = store.mark(FOLDER)
        found = await store.get(f"{FOLDER}a")
        assert found is not None
        held += mark is None
        if mark is not None and mark in known:
            assert known[mark] == found.revision
            met_again += 1
        if mark is not None and store.mark(FOLDER) == mark:
            known[mark] = found.revision
        await asyncio.sleep(0)
    await writing
    await store.close()
    assert len(known) > 10
    assert met_again > 10
    assert held > 0


def test_too_many_folders_get_new_numbers() -> None:
    marks = FolderMarks(folders=2)
    first = [marks.mark(each) for each in ("/a/", "/b/", "/c/")]
    again = [marks.mark(each) for each in ("/a/", "/b/", "/c/")]
    assert len({*first, *again}) == len(first) + len(again)
