"""``helio sim`` tells a violation, when it was seen, and how to see it again."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from heliostat.cli.main import run
from heliostat.sim import commands
from heliostat.sim.run import Outcome
from heliostat.sim.scenario import Scenario

BROKEN = Outcome(
    seed=7,
    operations=Counter({"create-vm": 40}),
    refused=Counter(),
    faults=Counter({"host-dies": 2}),
    tasks=Counter({"CREATE_VM COMPLETED": 38}),
    unknown=0,
    stalls=1,
    commits=400,
    virtual_s=61.0,
    digest="ab" * 32,
    violations=("The books are wrong.",),
    operation=17,
    latest=("     1.000  first", "     2.000  last"),
)


@pytest.fixture(autouse=True)
def broken(monkeypatch: pytest.MonkeyPatch) -> list[Scenario]:
    played: list[Scenario] = []

    def play(scenario: Scenario, seed: int, copy: object = None) -> Outcome:
        played.append(scenario)
        return BROKEN

    monkeypatch.setattr(commands, "play", play)
    return played


def test_a_violation_is_told(capsys: pytest.CaptureFixture[str], broken: list[Scenario]) -> None:
    assert run(["sim", "--seed", "7", "--hosts", "3", "--faults", "none", "--lines", "1"]) == 1
    said = capsys.readouterr()
    assert "Violations: 1" in said.out
    assert "Seed 7, after operation 17:\n  The books are wrong." in said.err
    assert "last" in said.err
    assert "first" not in said.err
    assert "The same again: helio sim --seed 7 --hosts 3 --faults none" in said.err
    assert (broken[0].hosts, broken[0].faults) == (3, ())


def test_programs_get_it_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "--seed", "7", "-o", "json"]) == 1
    shown = msgspec.json.decode(capsys.readouterr().out)
    assert shown["violations"] == ["The books are wrong."]
    assert shown["again"] == "helio sim --seed 7"
    assert shown["log"][-1].endswith("last")


def test_a_wrong_number_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "--hosts", "0"]) != 0
    assert "InvalidScenario" in capsys.readouterr().err
