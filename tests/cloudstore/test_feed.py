"""Delivery: what only the timing between a backend and its watchers can show."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from heliostat.cloudstore.contract import Event
from heliostat.cloudstore.feed import Feed


async def nothing_kept(_prefix: str, _after: int, upto: int) -> tuple[Sequence[Event], int]:
    return (), upto


def event(revision: int, key: str = "/v1/a") -> Event:
    return Event(key, b"", revision)


async def test_a_watch_from_a_revision_that_is_read_but_not_yet_published() -> None:
    feed = Feed(revision=3)
    stream = aiter(feed.follow("/v1/", 5, nothing_kept))
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    for revision in (4, 5, 6):
        feed.publish(revision, [event(revision)])
    async with asyncio.timeout(5):
        assert await waiting == event(6)


async def test_events_published_while_the_past_is_read_follow_it() -> None:
    feed = Feed(revision=2, capacity=1)
    published = asyncio.Event()
    asked: list[tuple[int, int]] = []

    async def read(_prefix: str, after: int, upto: int) -> tuple[Sequence[Event], int]:
        asked.append((after, upto))
        await published.wait()
        return [event(revision) for revision in range(after + 1, upto + 1)], upto

    stream = aiter(feed.follow("/v1/", 0, read))
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    for revision in (3, 4, 5):  # more than the buffer holds
        feed.publish(revision, [event(revision)])
    published.set()
    async with asyncio.timeout(5):
        got = [(await waiting).revision, *[(await anext(stream)).revision for _ in range(4)]]
    assert got == [1, 2, 3, 4, 5]
    assert asked == [(0, 2), (2, 5)]


async def test_a_watcher_hears_only_its_prefix_and_each_event_once() -> None:
    feed = Feed()
    streams = {p: aiter(feed.follow(p, 0, nothing_kept)) for p in ("", "/v1/a", "/v1/", "/v2/")}
    waiting = {p: asyncio.ensure_future(anext(stream)) for p, stream in streams.items()}
    await asyncio.sleep(0)
    feed.publish(1, [event(1, "/v1/a"), event(1, "/v")])
    feed.publish(2, [event(2, "/v2/")])
    async with asyncio.timeout(5):
        heard = {p: (await w).key for p, w in waiting.items()}
        assert heard == {"": "/v1/a", "/v1/a": "/v1/a", "/v1/": "/v1/a", "/v2/": "/v2/"}
        assert [(await anext(streams[""])).key for _ in range(2)] == ["/v", "/v2/"]
