"""The hub: one watch for all readers, none of whom misses or repeats a change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from heliostat.cloudstore.contract import CloudStore, Event, Put
from heliostat.cloudstore.memory import MemoryStore
from heliostat.controller.events.hub import Hub
from heliostat.controller.events.ring import ALL, Change, Position
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError


class CountingStore(MemoryStore):
    """Counts the watches that were begun."""

    watches = 0

    async def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Event]:
        self.watches += 1
        async for event in super().watch(prefix, from_revision):
            yield event


@pytest.fixture
async def store() -> AsyncIterator[CountingStore]:
    opened = CountingStore(SystemClock())
    yield opened
    await opened.close()


async def _write(store: CloudStore, *numbers: int) -> int:
    changes = [Put(f"/v1/thing/{number}", b"x") for number in numbers]
    return await store.commit([], changes)


async def _until(holds: Callable[[], bool]) -> None:
    """Let others run until something holds that nobody announces."""
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0)


async def _take(hub: Hub, after: Position, count: int) -> list[Change]:
    found: list[Change] = []
    async with hub.changes(after) as changes:
        async for change in changes:
            found.append(change)
            if len(found) == count:
                break
    return found


async def test_a_thousand_readers_share_one_watch(store: CountingStore) -> None:
    hub = Hub(store, SystemClock())
    readers = [asyncio.create_task(_take(hub, Position(0, ALL), 20)) for _ in range(1000)]
    await _until(lambda: hub.readers >= 1000)
    for number in range(10):
        await _write(store, 2 * number, 2 * number + 1)
    expected = [Position(revision, index) for revision in range(1, 11) for index in (0, 1)]
    for found in await asyncio.wait_for(asyncio.gather(*readers), 30):
        assert [change.position for change in found] == expected
    assert store.watches == 1
    assert hub.readers == 0


async def test_the_past_is_read_until_the_ring_goes_on(store: CountingStore) -> None:
    """More past than the ring holds, and more to come while it is read."""
    for number in range(50):
        await _write(store, number)
    hub = Hub(store, SystemClock(), capacity=8)
    keeper = asyncio.create_task(_take(hub, Position(50, ALL), 30))
    await _until(lambda: hub.readers >= 1)
    reader = asyncio.create_task(_take(hub, Position(5, ALL), 75))
    for number in range(50, 80):
        await _write(store, number)
        for _ in range(20):
            await asyncio.sleep(0)
    found = await asyncio.wait_for(reader, 30)
    assert [change.revision for change in found] == list(range(6, 81))
    assert len(await asyncio.wait_for(keeper, 30)) == 30


async def test_an_older_reader_joins_while_nothing_happens(store: CountingStore) -> None:
    for number in range(5):
        await _write(store, number)
    hub = Hub(store, SystemClock())
    late = asyncio.create_task(_take(hub, Position(5, ALL), 1))
    await _until(lambda: hub.readers >= 1)
    found = await asyncio.wait_for(_take(hub, Position(2, ALL), 3), 30)
    assert [change.revision for change in found] == [3, 4, 5]
    await _write(store, 5)
    assert [change.revision for change in await asyncio.wait_for(late, 30)] == [6]


async def test_a_reader_that_was_overtaken_is_told_and_can_go_on(store: CountingStore) -> None:
    hub = Hub(store, SystemClock(), capacity=4)
    reached = Position(0, ALL)
    async with hub.changes(reached) as changes:
        await _write(store, 0)
        change = await anext(changes)
        reached = change.position
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        await _write(store, 1)
        reached = (await waiting).position
        for number in range(2, 30):
            await _write(store, number)
        await _until(lambda: hub._ring.end == 30)
        with pytest.raises(HeliostatError) as refused:
            await anext(changes)
    assert refused.value.code == "ReaderTooSlow"
    found = await asyncio.wait_for(_take(hub, reached, 30 - reached.revision), 30)
    assert [change.revision for change in found] == list(range(reached.revision + 1, 31))


async def test_closing_ends_all_readers(store: CountingStore) -> None:
    hub = Hub(store, SystemClock())
    readers = [asyncio.create_task(_take(hub, Position(0, ALL), 1)) for _ in range(3)]
    await _until(lambda: hub.readers >= 3)
    await hub.close()
    for ended in await asyncio.gather(*readers, return_exceptions=True):
        assert isinstance(ended, HeliostatError)
        assert ended.code == "ShuttingDown"


async def test_a_compacted_revision_is_refused(store: CountingStore) -> None:
    for number in range(5):
        await _write(store, number)
    await store.compact(4)
    hub = Hub(store, SystemClock())
    with pytest.raises(HeliostatError) as refused:
        await _take(hub, Position(1, ALL), 1)
    assert refused.value.code == "RevisionGone"
    assert [c.revision for c in await _take(hub, Position(4, ALL), 1)] == [5]
