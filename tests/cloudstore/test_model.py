"""Conformance: any sequence of calls answers as the model does."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliostat.cloudstore.contract import (
    Absent,
    AtRevision,
    Change,
    CloudStore,
    Compacted,
    Delete,
    Event,
    Guard,
    GuardFailed,
    PrefixEmpty,
    PrefixUnchanged,
    Put,
    ValueIs,
    Version,
)
from heliostat.testing.clock import VirtualClock
from heliostat.testing.store_model import StoreModel
from heliostat.testing.stores import BACKENDS

BOUND_S = 20.0
KEYS = ("/a", "/a/1", "/a/2", "/a/20", "/b", "/b/%2F", "/c")
PREFIXES = ("", "/", "/a", "/a/", "/a/2", "/b/", "/none/")

keys, prefixes, back = st.sampled_from(KEYS), st.sampled_from(PREFIXES), st.integers(-1, 12)


@dataclass
class Run:
    """A store, its model, and the watches opened so far."""

    store: CloudStore
    model: StoreModel = field(default_factory=StoreModel)
    watches: list[Watch] = field(default_factory=list)

    def revision(self, back: int) -> int:
        return max(0, self.model.revision - max(0, back))


@dataclass
class Watch:
    """One watch and the events that it has not delivered yet."""

    prefix: str
    position: int
    stream: AsyncIterator[Event]
    delivered: int = 0


@dataclass(frozen=True)
class GuardShape:
    make: Callable[[str, str, int], Guard]
    key: str
    prefix: str
    back: int


guard_shapes = st.builds(
    GuardShape,
    st.sampled_from(
        [
            lambda key, _prefix, revision: AtRevision(key, revision),
            lambda key, _prefix, _revision: Absent(key),
            lambda _key, prefix, revision: PrefixUnchanged(prefix, revision),
            lambda _key, prefix, _revision: PrefixEmpty(prefix),
            lambda key, _prefix, revision: ValueIs(key, bytes([max(0, revision) % 3])),
        ]
    ),
    keys,
    prefixes,
    back,
)
changes = st.lists(
    st.one_of(st.builds(Put, keys, st.binary(max_size=3)), st.builds(Delete, keys)),
    max_size=4,
    unique_by=lambda change: change.key,
)


@dataclass(frozen=True)
class Burst:
    """Commits submitted at once: each is judged after those submitted before it."""

    commits: list[tuple[list[GuardShape], list[Change]]]

    async def apply(self, run: Run) -> None:
        asked: list[tuple[Sequence[Guard], Sequence[Change]]] = []
        for shapes, wanted in self.commits:
            guards = [s.make(s.key, s.prefix, run.revision(s.back)) for s in shapes]
            asked.append((guards, wanted))
        expected = [run.model.commit(*each) for each in asked]
        got = await asyncio.gather(
            *(run.store.commit(*each) for each in asked), return_exceptions=True
        )
        assert [e.guard if isinstance(e, GuardFailed) else e for e in got] == expected


@dataclass(frozen=True)
class Look:
    """Read a key and a page of a prefix, now or at a revision."""

    key: str
    prefix: str
    back: int
    limit: int
    after: str | None

    async def apply(self, run: Run) -> None:
        store, model = run.store, run.model
        at = None if self.back < 0 else run.revision(self.back)
        revision = model.revision if at is None else at
        if revision < model.compacted:
            with pytest.raises(Compacted):
                await store.get(self.key, at_revision=at)
            with pytest.raises(Compacted):
                await store.list(self.prefix, at_revision=at)
            return
        found = await store.get(self.key, at_revision=at)
        assert found == model.documents(revision).get(self.key)
        page = await store.list(self.prefix, limit=self.limit, after=self.after, at_revision=at)
        expected = model.under(self.prefix, revision, self.after)
        assert list(page.items) == expected[: self.limit]
        more = len(expected) > self.limit
        assert page.after == (expected[self.limit - 1].key if more else None)
        assert page.revision == revision
        assert list(await store.history(self.key)) == model.history(self.key)
        assert await store.revision() == model.revision


@dataclass(frozen=True)
class Compact:
    back: int

    async def apply(self, run: Run) -> None:
        revision = run.revision(self.back)
        await run.store.compact(revision)
        run.model.compact(revision)


@dataclass(frozen=True)
class Open:
    """Start a watch; nothing is read from it yet."""

    prefix: str
    back: int

    async def apply(self, run: Run) -> None:
        start = run.revision(self.back)
        run.watches.append(Watch(self.prefix, start, run.store.watch(self.prefix, start)))


@dataclass(frozen=True)
class Pull:
    """Take some of the events that a watch owes."""

    which: int
    count: int

    async def apply(self, run: Run) -> None:
        if not run.watches:
            return
        watch = run.watches[self.which % len(run.watches)]
        owed = run.model.events(watch.prefix, watch.position)[watch.delivered :]
        for expected in owed[: self.count]:
            try:
                async with asyncio.timeout(BOUND_S):
                    event = await anext(watch.stream)
            except Compacted:
                # Excused by a start that was compacted, or by an owed event that was.
                oldest_owed = expected.revision - 1 if watch.delivered else watch.position
                assert oldest_owed < run.model.compacted
                run.watches.remove(watch)
                return
            assert event == expected
            watch.delivered += 1


limits, afters = st.integers(1, 5), st.none() | keys
bursts = st.lists(st.tuples(st.lists(guard_shapes, max_size=2), changes), min_size=1, max_size=8)
steps = st.one_of(
    st.builds(Burst, bursts),
    st.builds(Burst, bursts),
    st.builds(Look, keys, prefixes, back, limits, afters),
    st.builds(Compact, back),
    st.builds(Open, prefixes, back),
    st.builds(Pull, st.integers(0, 5), st.integers(1, 20)),
)


async def play(backend: str, program: Sequence[Burst | Look | Compact | Open | Pull]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = await BACKENDS[backend](Path(folder), VirtualClock())
        run = Run(store)
        try:
            for step in program:
                await step.apply(run)
            while run.watches:
                await Pull(0, 1 << 20).apply(run)
                run.watches = run.watches[1:]
        finally:
            await store.close()


CHECKS = [HealthCheck.too_slow]


@pytest.mark.parametrize("backend", sorted(BACKENDS))
@settings(max_examples=100, deadline=None, suppress_health_check=CHECKS)
@given(program=st.lists(steps, min_size=10, max_size=50))
def test_any_program_answers_as_the_model(
    backend: str, program: list[Burst | Look | Compact | Open | Pull]
) -> None:
    asyncio.run(play(backend, program))


@pytest.mark.slow
@pytest.mark.parametrize("backend", sorted(BACKENDS))
@settings(max_examples=2000, deadline=None, suppress_health_check=CHECKS)
@given(program=st.lists(steps, min_size=10, max_size=120))
def test_many_long_programs_answer_as_the_model(
    backend: str, program: list[Burst | Look | Compact | Open | Pull]
) -> None:
    asyncio.run(play(backend, program))


LAST = b"the last event of each key"


async def read_to_last(store: CloudStore, prefix: str, pauses: int) -> list[Event]:
    """All events of a prefix up to the last one, read at a pace set by ``pauses``."""
    last_key = max(key for key in KEYS if key.startswith(prefix))
    got: list[Event] = []
    async for event in store.watch(prefix, 0):
        got.append(event)
        if (event.key, event.value) == (last_key, LAST):
            break
        for _ in range(pauses):
            await asyncio.sleep(0)
    return got


async def race(
    store: CloudStore, watchers: list[tuple[str, int]], writers: list[list[list[Change]]]
) -> None:
    async def write(commits: list[list[Change]]) -> None:
        for each in commits:
            await store.commit([], each)

    streams = [asyncio.ensure_future(read_to_last(store, *watcher)) for watcher in watchers]
    await asyncio.gather(*(write(commits) for commits in writers))
    await store.commit([], [Put(key, LAST) for key in KEYS])
    async with asyncio.timeout(BOUND_S):
        seen = await asyncio.gather(*streams)
    everything = await read_to_last(store, "", 0)
    for key in KEYS:
        mine = [Version(event.value, event.revision) for event in everything if event.key == key]
        assert mine == list(await store.history(key))
    for (prefix, _), got in zip(watchers, seen, strict=True):
        assert got == [event for event in everything if event.key.startswith(prefix)]


paces = st.tuples(st.sampled_from(PREFIXES[:-1]), st.integers(0, 30))
write_lists = st.lists(changes.filter(bool), max_size=12)


@pytest.mark.parametrize("backend", sorted(BACKENDS))
@settings(max_examples=25, deadline=None, suppress_health_check=CHECKS)
@given(
    watchers=st.lists(paces, min_size=1, max_size=6),
    writers=st.lists(write_lists, min_size=1, max_size=6),
)
def test_watchers_of_any_pace_see_what_concurrent_writers_did(
    backend: str, watchers: list[tuple[str, int]], writers: list[list[list[Change]]]
) -> None:
    async def scenario(folder: Path) -> None:
        store = await BACKENDS[backend](folder, VirtualClock())
        try:
            await race(store, watchers, writers)
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder)))
