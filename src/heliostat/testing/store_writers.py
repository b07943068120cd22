"""A process that writes a store from many tasks and tells what was acknowledged.

Run as ``python -m heliostat.testing.store_writers FILE WRITERS SEED`` and kill it
at any moment.  Each line ``<revision> <key> <digest of the value>`` on standard output was
acknowledged before it was written, so the store must still have it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import sys

from heliostat.cloudstore.contract import Absent, AtRevision, CloudStore, Guard, GuardFailed, Put
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.core.clock import SystemClock

COUNTER = "/v1/counter"


def digest(value: bytes) -> str:
    return hashlib.blake2b(value, digest_size=8).hexdigest()


def acknowledge(revision: int, key: str, value: bytes) -> None:
    os.write(1, f"{revision} {key} {digest(value)}\n".encode())


async def write_forever(store: CloudStore, writer: int, choose: random.Random) -> None:
    """Put own keys of many sizes, two in a commit, and now and then count up the shared one."""
    for number in range(1 << 62):
        if choose.random() < 0.3:
            await count_up(store)
            continue
        value = b"%d-%d-" % (writer, number) + b"x" * choose.choice((0, 600, 20_000))
        keys = [f"/v1/w{writer}/{number % 50}", f"/v1/pair{writer}"]
        revision = await store.commit([], [Put(key, value) for key in keys])
        for key in keys:
            acknowledge(revision, key, value)


async def count_up(store: CloudStore) -> None:
    """Compare and set; losing against another writer is no failure."""
    current = await store.get(COUNTER)
    guard: Guard = Absent(COUNTER)
    value = b"1"
    if current is not None:
        guard = AtRevision(COUNTER, current.revision)
        value = b"%d" % (int(current.value) + 1)
    try:
        revision = await store.commit([guard], [Put(COUNTER, value)])
    except GuardFailed:
        return
    acknowledge(revision, COUNTER, value)


async def main(path: str, writers: int, seed: int) -> None:
    store = await SqliteStore.open(path, SystemClock())
    choose = random.Random(seed)  # noqa: S311 (a schedule, no secret)
    async with asyncio.TaskGroup() as group:
        for writer in range(writers):
            group.create_task(write_forever(store, writer, choose))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
