"""Retention: both minimums hold, and the reason says which one decided."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.cloudstore.contract import Put
from heliostat.cloudstore.memory import MemoryStore
from heliostat.cloudstore.retention import Compactor, Mark, Retention, choose
from heliostat.testing.clock import VirtualClock

POLICY = Retention(keep_revisions=10, keep_s=100.0, every_s=10.0)


@pytest.mark.parametrize(
    ("marks", "compacted", "now_s", "revision", "reason"),
    [
        ([], 0, 0.0, None, "No revision was seen yet."),
        ([Mark(0, 50)], 0, 99.0, None, "Nothing is known to be older than 100 s."),
        ([Mark(0, 50), Mark(100, 80)], 0, 100.0, 50, "Revision 50 is 100 s old"),
        ([Mark(0, 50), Mark(100, 55)], 0, 100.0, 45, "and 45 has 10 revisions after it."),
        ([Mark(0, 50), Mark(100, 80)], 50, 100.0, None, "Revision 50 was compacted before"),
        ([Mark(0, 5), Mark(100, 5)], 0, 100.0, None, "count -5"),
    ],
)
def test_choices(
    marks: list[Mark], compacted: int, now_s: float, revision: int | None, reason: str
) -> None:
    choice = choose(POLICY, marks, compacted, now_s)
    assert choice.revision == revision
    assert reason in choice.reason


@given(
    gaps=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), min_size=1, max_size=30),
    compacted=st.integers(0, 100),
)
def test_what_must_be_kept_is_kept(gaps: list[tuple[int, int]], compacted: int) -> None:
    marks, at_s, revision = [], 0, 0
    for seconds, revisions in gaps:
        at_s, revision = at_s + seconds, revision + revisions
        marks.append(Mark(at_s, revision))
    chosen = choose(POLICY, marks, compacted, at_s).revision
    if chosen is not None:
        assert compacted < chosen <= revision - POLICY.keep_revisions
        assert any(m.revision >= chosen and m.at_s <= at_s - POLICY.keep_s for m in marks)


async def test_a_compactor_forgets_what_is_old_enough() -> None:
    clock = VirtualClock()
    store = MemoryStore(clock)
    compactor = Compactor(store, clock, POLICY)
    for number in range(60):
        await store.commit([], [Put("/v1/a", b"%d" % number)])
        await compactor.once()
        await clock.advance(10.0)
    kept = [version.revision for version in await store.history("/v1/a")]
    assert kept == list(range(kept[0], 61))
    assert len(kept) == 11  # the ten after it, and the one that is readable there
    await store.close()


async def test_a_running_compactor_decides_again_and_again() -> None:
    clock = VirtualClock()
    store = MemoryStore(clock)
    for number in range(60):
        await store.commit([], [Put("/v1/a", b"%d" % number)])
    running = asyncio.ensure_future(Compactor(store, clock, POLICY).run())
    await clock.advance(99.0)
    assert len(await store.history("/v1/a")) == 60
    await clock.advance(2.0)
    assert len(await store.history("/v1/a")) == 11
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.close()
