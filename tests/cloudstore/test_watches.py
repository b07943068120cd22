"""Conformance: a watch delivers every event after its start, once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from heliostat.cloudstore.contract import CloudStore, Compacted, Delete, Event, Put

BOUND_S = 20.0


async def take(watch: AsyncIterator[Event], count: int) -> list[Event]:
    async with asyncio.timeout(BOUND_S):
        return [await anext(watch) for _ in range(count)]


async def test_the_past_and_then_the_present(store: CloudStore) -> None:
    await store.commit([], [Put("/v1/a", b"1")])
    await store.commit([], [Put("/v1/b", b"2"), Delete("/v1/a"), Put("/other", b"")])
    watch = store.watch("/v1/", 0)
    assert await take(watch, 3) == [
        Event("/v1/a", b"1", 1),
        Event("/v1/b", b"2", 2),
        Event("/v1/a", None, 2),
    ]
    waiting = asyncio.ensure_future(take(watch, 1))
    await asyncio.sleep(0)
    await store.commit([], [Put("/other", b"1")])
    await store.commit([], [Put("/v1/c", b"3")])
    assert await waiting == [Event("/v1/c", b"3", 4)]


async def test_a_watch_starts_after_its_revision(store: CloudStore) -> None:
    for number in range(1, 4):
        await store.commit([], [Put("/v1/a", b"%d" % number)])
    assert await take(store.watch("", 2), 1) == [Event("/v1/a", b"3", 3)]


async def test_list_then_watch_misses_nothing(store: CloudStore) -> None:
    writer = asyncio.gather(*(store.commit([], [Put(f"/v1/{n}", b"")]) for n in range(50)))
    page = await store.list("/v1/")
    events = await take(store.watch("/v1/", page.revision), 50 - len(page.items))
    await writer
    seen = [item.revision for item in page.items] + [event.revision for event in events]
    assert sorted(seen) == list(range(1, 51))


async def test_a_slow_watcher_gets_all_in_order(store: CloudStore) -> None:
    watch = store.watch("/v1/", 0)
    await store.commit([], [Put("/v1/0", b"a"), Put("/v1/0b", b"b")])
    first = await take(watch, 1)
    for number in range(1, 40):  # far more than the test's buffer of commits
        await store.commit([], [Put(f"/v1/{number}", b"a"), Put(f"/v1/{number}b", b"b")])
    events = first + await take(watch, 79)
    assert [event.key for event in events] == [
        key for number in range(40) for key in (f"/v1/{number}", f"/v1/{number}b")
    ]


async def test_thousands_of_kept_events_are_read_in_pieces(store: CloudStore) -> None:
    for number in range(30):
        await store.commit([], [Put(f"/v1/{n:02}", b"%d" % number) for n in range(99)])
    events = await take(store.watch("/v1/", 0), 30 * 99)
    assert [(event.revision, event.key) for event in events] == [
        (revision, f"/v1/{n:02}") for revision in range(1, 31) for n in range(99)
    ]


async def test_a_start_before_compaction_is_refused(store: CloudStore) -> None:
    for number in range(5):
        await store.commit([], [Put("/v1/a", b"%d" % number)])
    await store.compact(3)
    with pytest.raises(Compacted) as caught:
        await take(store.watch("/v1/", 2), 1)
    assert caught.value.oldest == 3
    assert [e.revision for e in await take(store.watch("/v1/", 3), 2)] == [4, 5]


async def test_a_reader_that_fell_behind_compaction_is_told(store: CloudStore) -> None:
    await store.commit([], [Put("/v1/a", b"")])
    watch = store.watch("/v1/", 0)
    await take(watch, 1)
    for number in range(20):
        await store.commit([], [Put("/v1/a", b"%d" % number)])
    await store.compact(15)
    with pytest.raises(Compacted):
        await take(watch, 20)


async def test_an_idle_watcher_outlives_compaction(store: CloudStore) -> None:
    watch = store.watch("/v1/", 0)
    waiting = asyncio.ensure_future(take(watch, 1))
    await asyncio.sleep(0)
    for number in range(20):
        await store.commit([], [Put("/other", b"%d" % number)])
    await store.compact(20)
    await store.commit([], [Put("/v1/a", b"")])
    assert await waiting == [Event("/v1/a", b"", 21)]
    for number in range(20):  # lags now; nothing of its prefix was compacted
        await store.commit([], [Put("/v1/a", b"%d" % number)])
    assert len(await take(watch, 20)) == 20


async def test_watches_end_when_the_store_closes(store: CloudStore) -> None:
    await store.commit([], [Put("/v1/a", b"")])

    async def everything(prefix: str) -> list[Event]:
        return [event async for event in store.watch(prefix, 0)]

    watching = [asyncio.ensure_future(everything(prefix)) for prefix in ("", "/v1/", "/none/")]
    await take(store.watch("", 0), 1)
    await asyncio.sleep(0)
    await store.close()
    async with asyncio.timeout(BOUND_S):
        ended = await asyncio.gather(*watching)
    assert ended[2] == []
