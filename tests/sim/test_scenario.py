"""Scenarios are read, checked, and do what they say; every verb is asked for by some operation."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heliostat.controller import workflows
from heliostat.core.errors import PermanentError
from heliostat.sim import operations
from heliostat.sim.faults import FAULTS
from heliostat.sim.operations import catalogue
from heliostat.sim.run import play
from heliostat.sim.scenario import Scenario, read_faults, read_scenario
from heliostat.sim.script import DEFAULT, Rule

TOML = """
hosts = 3
gap_s = 0.5
[weights]
delete-host = 0
[[faults]]
fault = "host-dies"
at_s = 5.0
lasts_s = [2.0, 2.0]
"""
YAML = """
hosts: 3
faults:
  - {fault: guest-ends, every_s: 10}
"""


def test_a_scenario_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TOML)
    found = read_scenario(tmp_path / "a.toml")
    assert (found.hosts, found.operations, found.weights) == (3, 500, {"delete-host": 0.0})
    assert found.faults == (Rule(fault="host-dies", at_s=5.0, lasts_s=(2.0, 2.0)),)
    (tmp_path / "a.yaml").write_text(YAML)
    assert read_scenario(tmp_path / "a.yaml").faults[0].every_s == 10.0
    assert read_faults("default") == DEFAULT
    assert read_faults("none") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hosts = 0", "at least 1 hosts"),
        ("hots = 3", "hots"),
        ("gap_s = 0", "more than 0 s"),
        ("hosts = [", "can't be understood"),
        ("[weights]\ncreate-vn = 1", "create-vn"),
        ('[[faults]]\nfault = "host-dies"', "every_s or at_s"),
        ('[[faults]]\nfault = "host-explodes"\nevery_s = 1', "host-explodes"),
        ('[[faults]]\nfault = "host-dies"\nevery_s = 1\nlasts_s = [5, 1]', "lasts"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(PermanentError, match="InvalidScenario|" + said) as caught:
        read_scenario(path)
    assert said in caught.value.message
    assert caught.value.code == "InvalidScenario"


def test_weights_and_the_end_are_heeded() -> None:
    weights = dict.fromkeys(catalogue.OPERATIONS, 0.0)
    scenario = Scenario(
        hosts=1, operations=200, until_s=30.0, faults=(), weights={**weights, "create-tenant": 1.0}
    )
    outcome = play(scenario, 1)
    assert set(outcome.operations) == {"create-tenant"}
    assert 5 < outcome.operations.total() < 200
    assert outcome.violations == ()
    assert outcome.faults.total() == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_alone_is_survived(fault: str) -> None:
    rules = (Rule(fault=fault, every_s=8.0, lasts_s=(1.0, 15.0)),)
    outcome = play(Scenario(hosts=3, operations=50, faults=rules), 5)
    assert outcome.faults[fault] > 0
    assert outcome.violations == ()


def _verbs() -> Iterator[str]:
    for found in pkgutil.iter_modules(workflows.__path__):
        module = importlib.import_module(f"{workflows.__name__}.{found.name}")
        for name, function in vars(module).items():
            if not name.startswith("_") and _is_verb(function) and _home(function) == module:
                yield name


def _is_verb(function: Any) -> bool:
    if not inspect.iscoroutinefunction(function):
        return False
    signature = inspect.signature(function)
    return [*signature.parameters][:2] == ["ports", "caller"] and (
        signature.return_annotation == "Admission"
    )


def _home(function: Any) -> Any:
    return inspect.getmodule(function)


def test_every_verb_is_asked_for_by_some_operation() -> None:
    """A verb that operators of the simulation don't know is never rehearsed."""
    sources = [
        inspect.getsource(importlib.import_module(f"{operations.__name__}.{found.name}"))
        for found in pkgutil.iter_modules(operations.__path__)
    ]
    text = "\n".join(sources)
    assert sorted(name for name in set(_verbs()) if name not in text) == []
