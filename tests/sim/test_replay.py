"""One seed is one history, to the last byte, whatever the interpreter's own chance."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from heliostat.sim.run import play
from heliostat.sim.scenario import Scenario

SMALL = ("--hosts", "5", "--operations", "150")


def helio(*argv: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "heliostat.cli", "sim", *argv],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_two_hash_seeds_give_one_digest() -> None:
    digests = []
    for hash_seed in ("1", "4242"):
        done = helio("--seed", "7", *SMALL, "-o", "json", hash_seed=hash_seed)
        assert done.returncode == 0, done.stderr
        digests.append(msgspec.json.decode(done.stdout)["digest"])
    assert digests[0] == digests[1]


def test_two_seeds_are_two_histories() -> None:
    scenario = Scenario(hosts=3, operations=20)
    digests = {play(scenario, seed).digest for seed in (1, 1, 2)}
    assert len(digests) == 2


def test_a_recording_is_replayed(tmp_path: Path) -> None:
    recording = tmp_path / "seed.json"
    done = helio("--seed", "3", "--hosts", "2", "--operations", "15", "--record", str(recording))
    assert done.returncode == 0, done.stderr
    assert "Violations: none" in done.stdout
    again = helio("replay", str(recording))
    assert again.returncode == 0, again.stderr
    changed = recording.read_text().replace('"digest": "', '"digest": "0')
    recording.write_text(changed)
    other = helio("replay", str(recording))
    assert other.returncode != 0
    assert "The history is another one" in other.stderr
