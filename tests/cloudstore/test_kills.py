"""What was acknowledged survives ``kill -9`` of a process that writes from many tasks."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from heliostat.cloudstore.contract import Event, Put, Version
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.core.clock import SystemClock
from heliostat.testing.store_writers import COUNTER, digest

Acknowledged = tuple[int, str, str]
BOUND_S = 60.0


def write_until_killed(path: Path, kill_after: int, seed: int) -> list[Acknowledged]:
    """Let 16 writers run, kill them after so many acknowledgements, return all there were."""
    argv = [sys.executable, "-m", "heliostat.testing.store_writers", str(path), "16", str(seed)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(kill_after)]
        child.kill()
        lines += child.stdout.readlines()
    whole = [line.split() for line in lines if line.endswith(b"\n")]
    return [(int(revision), key.decode(), value.decode()) for revision, key, value in whole]


async def all_events(store: SqliteStore) -> list[Event]:
    """Everything that ever happened, up to a mark that is committed now."""
    end = await store.commit([], [Put("/v1/end", b"")])
    got: list[Event] = []
    async with asyncio.timeout(BOUND_S):
        async for event in store.watch("", 0):
            got.append(event)
            if event.revision == end:
                break
    return got


async def check(path: Path, acknowledged: list[Acknowledged]) -> None:
    store = await SqliteStore.open(path, SystemClock())
    try:
        events = await all_events(store)
        revisions = [event.revision for event in events]
        assert sorted(set(revisions)) == list(range(1, await store.revision() + 1))
        assert revisions == sorted(revisions)
        sizes = Counter(revisions)
        stored = {(each.revision, each.key, digest(each.value or b"")) for each in events}
        assert [each for each in acknowledged if each not in stored] == []
        # A commit of two keys is there whole or not at all.
        for event in events:
            if event.key.startswith("/v1/pair"):
                assert sizes[event.revision] == 2
        counts = [v.value for v in await store.history(COUNTER)]
        assert counts == [b"%d" % number for number in range(1, len(counts) + 1)]
        newest = {event.key: Version(event.value, event.revision) for event in events}
        for key, version in newest.items():
            document = await store.get(key)
            assert document is not None
            assert (document.value, document.revision) == (version.value, version.revision)
    finally:
        await store.close()


def kill_again_and_again(path: Path, rounds: int, most_acknowledged: int) -> None:
    choose = random.Random(20)
    acknowledged: list[Acknowledged] = []
    for seed in range(rounds):
        kill_after = choose.randrange(1, most_acknowledged)
        acknowledged += write_until_killed(path, kill_after, seed)
        asyncio.run(check(path, acknowledged))
    assert len(acknowledged) >= rounds


def test_acknowledged_commits_survive_kills(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "store.db", rounds=5, most_acknowledged=800)


@pytest.mark.slow
@pytest.mark.takes(90)
@pytest.mark.timeout(600)
def test_acknowledged_commits_survive_many_kills(tmp_path: Path) -> None:
    for folder in range(5):
        kill_again_and_again(tmp_path / f"{folder}.db", rounds=12, most_acknowledged=4000)
