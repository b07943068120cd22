"""A run may begin with a copy of a store: what is in it is made true on simulated hosts."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from heliostat.cloudstore.contract import Put
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.core.clock import SystemClock
from heliostat.core.errors import PermanentError
from heliostat.sim.cloud import Cloud
from heliostat.sim.load import Load
from heliostat.sim.loop import SimLoop, run
from heliostat.sim.operations.catalogue import OPERATIONS
from heliostat.sim.rehearsal import read_copy
from heliostat.sim.run import play
from heliostat.sim.scenario import Scenario
from heliostat.tasks.follow import snapshot


async def _site(loop: SimLoop) -> list[tuple[str, bytes]]:
    """The documents of a site in use, tasks under way included."""
    cloud = Cloud(loop, 11)
    await cloud.add_controller()
    load = Load(cloud, OPERATIONS, 0.5, {})
    await load.furnish(4)
    await load.play(150)
    documents, _ = await snapshot(cloud.store, "")
    await cloud.stop()
    await asyncio.sleep(1)
    return [(each.key, each.value) for each in documents]


async def _written(path: Path, documents: list[tuple[str, bytes]]) -> None:
    store = await SqliteStore.open(path, SystemClock())
    try:
        for key, value in documents:
            if not key.startswith("/lease/"):
                await store.commit([], [Put(key, value)])
    finally:
        await store.close()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    asyncio.run(_written(path, run(_site)))
    return path


def test_a_run_begins_with_a_copy(copy: Path) -> None:
    before = copy.read_bytes()
    scenario = Scenario(operations=80)
    outcomes = [play(scenario, 3, read_copy(copy)) for _ in range(2)]
    for outcome in outcomes:
        assert outcome.violations == ()
        assert outcome.operations.total() == 80
    assert outcomes[0].digest == outcomes[1].digest != play(scenario, 3).digest
    assert copy.read_bytes() == before


def test_a_copy_on_the_command_line(copy: Path, tmp_path: Path) -> None:
    argv = ["--store", str(copy), "--operations", "10", "--faults", "none", "-o", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "heliostat.cli", "sim", *argv],
        env={**os.environ, "PYTHONHASHSEED": "5"},
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert msgspec.json.decode(done.stdout)["violations"] == []


def test_what_is_no_copy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="no copy of a store"):
        read_copy(tmp_path / "nothing.db")
