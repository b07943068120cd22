"""Documents in memory: never older than what another read has shown, and bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from heliostat.cloudstore.contract import AtRevision, Delete, Document, Event, Put
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.cloudstore.sqlite_cache import ABSENT, DocumentCache
from heliostat.core.clock import SystemClock


def document(key: str, value: bytes = b"1", revision: int = 1) -> Document:
    return Document(key, value, 1, revision)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(tmp_path / "store.db", SystemClock())
    yield store
    await store.close()


def test_the_least_recently_used_goes_first() -> None:
    cache = DocumentCache(documents=2)
    cache.keep(document("/a"))
    cache.keep(document("/b"))
    assert cache.get("/a") is not None
    cache.keep(document("/c"))
    assert [key for key in ("/a", "/b", "/c") if cache.get(key)] == ["/a", "/c"]


def test_large_documents_push_out_many_small_ones() -> None:
    cache = DocumentCache(size_bytes=100)
    for number in range(10):
        cache.keep(document(f"/{number}", bytes(10)))
    assert len(cache) == 10
    cache.keep(document("/large", bytes(95)))
    assert len(cache) == 1
    cache.keep(document("/larger", bytes(101)))
    assert len(cache) == 0


def test_what_is_being_written_is_not_kept_until_it_is_published() -> None:
    cache = DocumentCache()
    cache.keep(document("/a"))
    cache.hold(["/a"])
    cache.keep(document("/a"))  # read from the file meanwhile: before or after, nobody knows
    assert cache.get("/a") is None
    cache.release()
    cache.follow([Event("/a", b"2", 2)], [document("/a", b"2", 2)])
    assert cache.get("/a") == document("/a", b"2", 2)
    cache.follow([Event("/a", None, 3)], [])
    assert cache.get("/a") is None


def test_that_there_is_nothing_counts_until_it_is_written() -> None:
    cache = DocumentCache()
    cache.keep_absent("/a")
    assert cache.is_absent("/a")
    cache.hold(["/a"])
    cache.keep_absent("/a")  # read from the file meanwhile: before or after, nobody knows
    assert not cache.is_absent("/a")
    cache.release()
    assert not cache.is_absent("/a")


def test_names_that_somebody_makes_up_take_no_room() -> None:
    cache = DocumentCache()
    cache.keep_absent("/" + "a" * 100_000)
    for number in range(10_000):
        cache.keep_absent(f"/{number}")
    assert not cache.is_absent("/" + "a" * 100_000)
    assert sum(cache.is_absent(f"/{number}") for number in range(10_000)) == ABSENT


async def test_what_was_absent_is_seen_once_it_is_there(store: SqliteStore) -> None:
    assert await store.get("/v1/a") is None
    assert await store.get("/v1/a") is None
    await store.commit([], [Put("/v1/a", b"1")])
    assert await store.get("/v1/a") is not None
    await store.commit([], [Delete("/v1/a")])
    assert await store.get("/v1/a") is None


async def test_equal_reads_give_the_same_document(store: SqliteStore) -> None:
    await store.commit([], [Put("/v1/a", b"1")])
    assert await store.get("/v1/a") is await store.get("/v1/a")


async def test_a_read_is_never_older_than_the_revision_another_read_has_shown(
    store: SqliteStore,
) -> None:
    """Beside a stream of commits, a get sees at least what ``revision`` said before it."""
    await store.commit([], [Put("/v1/a", b"0")])
    done = asyncio.Event()

    async def write() -> None:
        for number in range(300):
            await store.commit([], [Put("/v1/a", b"%d" % number)])
        done.set()

    writing = asyncio.create_task(write())
    looks = 0
    while not done.is_set():
        seen = await store.revision()
        found = await store.get("/v1/a")
        listed = (await store.list("/v1/")).items
        after = await store.get("/v1/a")
        assert found is not None
        assert after is not None
        assert found.revision >= seen
        assert after.revision >= listed[0].revision >= found.revision
        looks += 1
        await asyncio.sleep(0)
    await writing
    assert looks > 10


async def test_old_revisions_are_read_as_they_were(store: SqliteStore) -> None:
    first = await store.commit([], [Put("/v1/a", b"1")])
    second = await store.commit([AtRevision("/v1/a", first)], [Put("/v1/a", b"2")])
    assert (await store.get("/v1/a")) == Document("/v1/a", b"2", first, second)
    at_first = await store.get("/v1/a", at_revision=first)
    at_second = await store.get("/v1/a", at_revision=second)
    assert at_first is not None
    assert at_second is not None
    assert (at_first.value, at_second.value) == (b"1", b"2")
    third = await store.commit([], [Delete("/v1/a")])
    assert await store.get("/v1/a") is None
    assert await store.get("/v1/a", at_revision=third) is None
    assert await store.get("/v1/a", at_revision=second) == at_second
