"""What a benchmark writes down, and what the runner makes of it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from benchmarks import record as recording
from benchmarks.__main__ import main, names, table
from benchmarks.os import bench as system
from benchmarks.os.parts import run_part, run_parts, timed
from benchmarks.os.workplace import workplace


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "results.jsonl"
    monkeypatch.setattr(recording, "RESULTS", path)
    return path


def _measured(name: str, value: float, better: recording.Better = "lower") -> recording.Result:
    floor, goal = (100.0, 50.0) if better == "lower" else (50.0, 100.0)
    return recording.record(
        name, value, "ms", floor=floor, goal=goal, better=better, samples=[value]
    )


def test_each_workload_is_one_line_with_everything_that_judges_it(lines: Path) -> None:
    _measured("a.b", 60)
    (told,) = map(json.loads, lines.read_text().splitlines())
    assert told == {
        "name": "a.b",
        "value": 60,
        "unit": "ms",
        "floor": 100,
        "goal": 50,
        "better": "lower",
        "samples": [60],
    }


@pytest.mark.parametrize(
    ("value", "better", "verdict"),
    [
        (50, "lower", "goal"),
        (51, "lower", "floor"),
        (101, "lower", "MISSED"),
        (100, "higher", "goal"),
        (99, "higher", "floor"),
        (49, "higher", "MISSED"),
    ],
)
def test_the_marks_count_in_the_direction_that_is_better(
    lines: Path, value: float, better: recording.Better, verdict: str
) -> None:
    assert _measured("a.b", value, better).verdict == verdict


def test_a_name_is_recorded_once_in_a_run(lines: Path) -> None:
    _measured("a.b", 1)
    with pytest.raises(recording.RecordedTwiceError, match="make bench"):
        _measured("a.b", 2)
    assert len(lines.read_text().splitlines()) == 1


@pytest.mark.parametrize(("better", "ratio"), [("lower", 2.0), ("higher", 0.5)])
def test_a_ratio_above_one_means_better_than_the_peer(
    lines: Path, better: recording.Better, ratio: float
) -> None:
    result = recording.record(
        "a.b",
        10,
        "ms",
        floor=1,
        goal=1,
        better=better,
        samples=[10],
        peer="another",
        peer_value=20,
    )
    assert result.ratio == ratio
    assert "another" in result.sentence()


def test_what_was_recorded_can_be_read_back(lines: Path) -> None:
    assert list(recording.results()) == []
    made = [_measured("a.b", 1), _measured("a.c", 2)]
    assert list(recording.results()) == made
    assert "a.c" in table(made)


def test_an_unknown_benchmark_is_refused_before_anything_is_forgotten(
    lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _measured("a.b", 1)
    assert main(["nothing-like-it"]) == 2
    assert "cloudstore" in capsys.readouterr().out
    assert lines.exists()
    assert {"cli", "cloudstore"} <= set(names())


_LINGERING = """
import subprocess, sys, time
from pathlib import Path
child = subprocess.Popen(["sleep", "600"])
Path(sys.argv[1]).write_text(str(child.pid))
time.sleep(600)
"""


def test_a_part_that_does_not_end_is_ended_with_all_it_started(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    fault = run_part([sys.executable, "-c", _LINGERING, str(told)], limit_s=6)
    assert "within 6 s" in fault
    state = Path(f"/proc/{told.read_text()}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_a_part_that_fails_is_named_and_the_next_runs(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "twoparts.py").write_text(
        "import sys\nprint('ran', sys.argv[1])\nsys.exit(sys.argv[1] == 'one')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert run_parts("twoparts", {"one": 60.0, "two": 60.0}) == 1
    out = capfd.readouterr().out
    assert "ran two" in out
    assert "not measured: one: ended with 1" in out


def test_every_part_of_the_systems_benchmark_has_a_limit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert system.PARTS.keys() == system.LIMITS_S.keys()
    assert system.main(["nothing-like-it"]) == 2
    assert "import, compose" in capsys.readouterr().out


def test_what_a_killed_benchmark_left_goes_and_what_another_works_in_stays(tmp_path: Path) -> None:
    left = tmp_path / "benchmark-killed"
    (left / "tree").mkdir(parents=True)
    (left / "tree/file").write_text("x")
    (tmp_path / "other").mkdir()
    with workplace(tmp_path) as one:
        assert not left.exists()
        with workplace(tmp_path) as two:
            assert one.is_dir()
            assert one != two
        assert one.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_what_processors_worked_is_told_beside_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert timed("counting", lambda: sum(range(1000))) >= 0
    assert re.search(r"counting: [0-9.]+ s, [0-9.]+ s of processors", capsys.readouterr().out)
