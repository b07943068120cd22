"""Durable commits a second of the SQLite store, beside plain sqlite3 in the same run.

The workload is compare-and-set: each client puts a 600-byte document again and
again, guarded by the revision of its last put, and waits for each answer.  The
peer does the same work (check revision, upsert, keep the version) with the
standard library alone: one transaction a commit, ``synchronous=FULL``, one
connection for each client thread.  Rounds of both alternate, so noise hits both.

    python -m benchmarks.cloudstore.bench [--seconds 2] [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.record import record

from heliostat.cloudstore.contract import AtRevision, Put
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.core.clock import SystemClock

VALUE = bytes(600)
CLIENTS = (1, 64)
MARKS = {1: (300, 1_000), 64: (3_000, 10_000)}
"""Floor and goal in commits a second: a lone client pays for two threads, 64 share each fsync."""


@dataclass(frozen=True, slots=True)
class Round:
    """One run of one side: every commit's latency, and how long the run took."""

    side: str
    clients: int
    wall_s: float
    latencies_s: list[float]

    @property
    def per_s(self) -> float:
        return len(self.latencies_s) / self.wall_s


async def run_store(path: Path, clients: int, seconds: float) -> Round:
    store = await SqliteStore.open(path, SystemClock())
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def client(number: int) -> None:
        key = f"/v1/bench/{number}"
        revision = await store.commit([], [Put(key, VALUE)])
        while (started := time.perf_counter()) < end:
            revision = await store.commit([AtRevision(key, revision)], [Put(key, VALUE)])
            latencies.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    wall_s = time.perf_counter() - started
    await store.close()
    return Round("store", clients, wall_s, latencies)


PEER_SCHEMA = """
CREATE TABLE event (seq INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB);
CREATE TABLE document (key TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX event_by_key ON event (key);
"""


def peer_client(path: Path, number: int, end: float, latencies: list[float]) -> None:
    connection = sqlite3.connect(path, isolation_level=None, timeout=60.0)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    key, mine = f"/v1/bench/{number}", None
    while (started := time.perf_counter()) < end:
        connection.execute("BEGIN IMMEDIATE")
        row = connection.execute("SELECT seq FROM document WHERE key = ?", (key,)).fetchone()
        assert (row[0] if row else None) == mine
        mine = connection.execute(
            "INSERT INTO event (key, value) VALUES (?, ?)", (key, VALUE)
        ).lastrowid
        connection.execute("INSERT OR REPLACE INTO document VALUES (?, ?)", (key, mine))
        connection.execute("COMMIT")
        latencies.append(time.perf_counter() - started)
    connection.close()


def run_peer(path: Path, clients: int, seconds: float) -> Round:
    with sqlite3.connect(path) as connection:
        connection.executescript("PRAGMA journal_mode = WAL;" + PEER_SCHEMA)
    connection.close()
    latencies: list[float] = []
    end = time.perf_counter() + seconds
    threads = [
        threading.Thread(target=peer_client, args=(path, number, end, latencies))
        for number in range(clients)
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Round("peer", clients, time.perf_counter() - started, latencies)


def measure(folder: Path, rounds: int, seconds: float) -> list[Round]:
    """All rounds, both sides in turn, each in a file of its own."""
    done: list[Round] = []
    sides: list[Callable[[Path, int], Round]] = [
        lambda path, clients: asyncio.run(run_store(path, clients, seconds)),
        lambda path, clients: run_peer(path, clients, seconds),
    ]
    for clients in CLIENTS:
        for number in range(rounds):
            for side in sides[:: 1 if number % 2 == 0 else -1]:
                done.append(side(folder / f"{len(done)}.db", clients))
    return done


def percentile_ms(rounds: list[Round], share: float) -> float:
    latencies = sorted(latency for each in rounds for latency in each.latencies_s)
    return latencies[min(len(latencies) - 1, int(len(latencies) * share))] * 1000


def report(done: list[Round]) -> None:
    """Record the median of each number of clients beside the peer's in the same run."""
    for clients in CLIENTS:
        median: dict[str, float] = {}
        rates: dict[str, list[float]] = {}
        for side in ("store", "peer"):
            mine = [each for each in done if (each.side, each.clients) == (side, clients)]
            rates[side] = [each.per_s for each in mine]
            median[side] = statistics.median(rates[side])
            p50, p99 = percentile_ms(mine, 0.5), percentile_ms(mine, 0.99)
            print(f"{clients} clients, {side}: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
        floor, goal = MARKS[clients]
        record(
            f"cloudstore.commits.{clients}",
            median["store"],
            "commits/s",
            floor=floor,
            goal=goal,
            better="higher",
            samples=rates["store"],
            peer="plain sqlite3",
            peer_value=median["peer"],
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each side")
    parser.add_argument("--folder", type=Path, help="where the files go (default: TMPDIR)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        report(measure(Path(folder), options.rounds, options.seconds))


if __name__ == "__main__":
    main()
