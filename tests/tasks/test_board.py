"""What a worker keeps in mind: open tasks, who holds them, and watches that fall behind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from heliostat.cloudstore.contract import Document, Event, Put
from heliostat.cloudstore.memory import MemoryStore
from heliostat.tasks.board import Board
from heliostat.tasks.follow import follow, snapshot
from heliostat.tasks.slots import Slots
from heliostat.testing.clock import VirtualClock


async def test_tasks_are_looked_at_once_and_again_when_their_worker_is_gone() -> None:
    board = Board()
    board.reset_workers(["w2"])
    board.reset_open(["b", "a"])
    board.opened("a")
    assert [await board.next(), await board.next()] == ["a", "b"]
    board.opened("a")  # runs here: not queued again
    board.hold("b", "w2")
    board.left("b")
    board.worker_left("w2")
    assert await board.next() == "b"


async def test_a_worker_that_left_before_its_task_was_noted_is_found_by_the_sweep() -> None:
    board = Board()
    board.reset_open(["a"])
    assert await board.next() == "a"
    board.hold("a", "gone")
    board.left("a")
    board.sweep()
    assert await board.next() == "a"


async def test_closed_tasks_are_dropped_even_when_queued() -> None:
    board = Board()
    board.reset_open(["a", "b"])
    board.closed("a")
    assert await board.next() == "b"


async def test_slots_that_are_lent_make_room_and_may_be_taken_back_over_the_limit() -> None:
    slots = Slots(1)
    first = await slots.take()
    waiting = asyncio.create_task(slots.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    first.lend()
    first.lend()
    second = await waiting
    first.take_back()
    assert slots.used == 2
    second.close()
    first.close()
    assert slots.used == 0


async def test_following_lists_again_when_the_store_has_forgotten() -> None:
    clock = VirtualClock()
    store = MemoryStore(clock, buffered_commits=2)
    known: dict[str, bytes] = {}
    resets = 0

    def reset(documents: Sequence[Document]) -> None:
        nonlocal resets
        resets += 1
        known.clear()
        known.update({each.key: each.value for each in documents})

    def changed(event: Event) -> None:
        if event.value is not None:
            known[event.key] = event.value

    following = asyncio.create_task(follow(store, clock, "/v1/x/", reset=reset, changed=changed))
    await clock.settle()
    for number in range(50):
        await store.commit([], [Put(f"/v1/x/{number}", b"%d" % number)])
    await store.compact(await store.revision())
    await clock.settle()
    assert resets == 2
    assert len(known) == 50
    await store.commit([], [Put("/v1/x/0", b"new")])
    await clock.settle()
    assert known["/v1/x/0"] == b"new"
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await store.close()


async def test_a_snapshot_of_many_pages_is_of_one_revision() -> None:
    store = MemoryStore(VirtualClock())
    for start in range(0, 2500, 50):
        await store.commit([], [Put(f"/v1/x/{start + n:05}", b"") for n in range(50)])
    documents, revision = await snapshot(store, "/v1/x/")
    assert len(documents) == 2500
    assert revision == await store.revision()
    await store.close()
