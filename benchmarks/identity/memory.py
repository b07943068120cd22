"""``identity.memory``: a process that has all of sign-in and nothing else, 10,000 people.

It signs people in (argon2id at the default cost, two at once), lists everybody, searches by
index and by scan, and answers who is in which groups; the figure is the most that it ever
had in memory, as the kernel counted it.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.identity.company import PASSWORD, USERS, fill, name_of
from benchmarks.record import record

from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.core.clock import SystemClock

FLOOR_MB, GOAL_MB = 250, 110
ROUNDS = 3


def measure() -> None:
    with TemporaryDirectory(prefix="identity-bench-") as name:
        folder = Path(name)
        asyncio.run(_filled(folder / "store.db"))
        command = [sys.executable, "-m", "benchmarks.identity.memory", name]
        samples = [
            float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for _ in range(ROUNDS)
        ]
    record(
        "identity.memory",
        max(samples),
        "MB",
        floor=FLOOR_MB,
        goal=GOAL_MB,
        better="lower",
        samples=samples,
    )


async def _filled(path: Path) -> None:
    store = await SqliteStore.open(path, SystemClock())
    await fill(store)
    await store.close()


async def _live(folder: Path) -> None:
    """What an identity process does in its life; imports are part of its memory."""
    from heliostat.core.ids import SystemIds
    from heliostat.identity.directory.filter_text import parse
    from heliostat.identity.directory.search import Query
    from heliostat.identity.options import IdentityOptions
    from heliostat.identity.site import Identity
    from heliostat.identity.tokens import endpoints

    clock = SystemClock()
    store = await SqliteStore.open(folder / "store.db", clock)
    options = IdentityOptions()
    identity = Identity(store, clock, SystemIds(), options, authority_folder=folder / "authority")
    await identity.start()
    assert endpoints.routes(identity, _tell_nobody)
    directory = identity.directory
    for start in range(0, 20, 2):
        pair = (directory.authenticate(name_of(start + each), PASSWORD) for each in (0, 1))
        await asyncio.gather(*pair)
    for number in range(0, USERS, 5):
        assert await directory.person(name_of(number)) is not None
    after = ""
    while True:
        page = await directory.page_users(limit=100, after=after)
        after = page.after
        if not after:
            break
    for number in range(0, USERS, 50):
        asked = Query(parse(f"(mail={name_of(number)}@acme.example)"))
        assert (await directory.search(asked)).entries
    assert (await directory.search(Query(parse("(sn=Family9999)")))).entries
    await identity.maintain()
    identity.close()
    await store.close()


async def _tell_nobody(*_: object) -> None:
    """Records of sign-ins are the controller's."""


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(each for each in status.splitlines() if each.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    asyncio.run(_live(Path(sys.argv[1])))
    print(_peak_mb())
