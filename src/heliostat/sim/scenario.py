"""A scenario: how large the cloud is, how much is asked of it, and what goes wrong.

Read from TOML, YAML or JSON; what a file leaves out is as by default.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from heliostat.core.errors import PermanentError
from heliostat.sim.operations.catalogue import OPERATIONS
from heliostat.sim.script import DEFAULT, Rule

NONE = "none"
BUILT_IN = "default"


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``gap_s`` is the mean time between two operations, in virtual seconds.

    ``weights`` changes how often operations are asked for (0: never).  ``until_s`` ends
    the operations at that virtual time, however many are left.
    """

    hosts: int = 8
    controllers: int = 2
    operations: int = 500
    gap_s: float = 1.0
    until_s: float | None = None
    weights: dict[str, float] = {}
    faults: tuple[Rule, ...] = DEFAULT

    def checked(self) -> Scenario:
        """The scenario; raises ``InvalidScenario`` if it makes no sense."""
        for name, value, least in (
            ("hosts", self.hosts, 1),
            ("controllers", self.controllers, 1),
            ("operations", self.operations, 0),
        ):
            if value < least:
                raise invalid(f"A scenario has at least {least} {name}, not {value}.")
        if self.gap_s <= 0:
            raise invalid(f"The gap between two operations is more than 0 s, not {self.gap_s:g}.")
        for name, weight in self.weights.items():
            if name not in OPERATIONS:
                known = ", ".join(OPERATIONS)
                raise invalid(f"There is no operation {name!r}; there are {known}.")
            if weight < 0:
                raise invalid(f"The weight of {name} is at least 0, not {weight:g}.")
        for rule in self.faults:
            rule.check()
        return self


def read_scenario(path: Path) -> Scenario:
    """The scenario in a file; raises ``InvalidScenario``."""
    scenario: Scenario = _converted(_read(path), Scenario, path)
    return scenario.checked()


def read_faults(text: str) -> tuple[Rule, ...]:
    """The rules that ``--faults`` names: ``default``, ``none``, or those of a file."""
    if text == BUILT_IN:
        return DEFAULT
    if text == NONE:
        return ()
    path = Path(text)
    script: _Script = _converted(_read(path), _Script, path)
    for rule in script.faults:
        rule.check()
    return script.faults


class _Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    faults: tuple[Rule, ...] = ()


def _read(path: Path) -> Any:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise invalid(f"The file {path} can't be read: {error.strerror}.") from error
    try:
        if path.suffix == ".json":
            return msgspec.json.decode(raw)
        if path.suffix in (".yaml", ".yml"):
            return YAML(typ="safe", pure=True).load(raw)
        return tomllib.loads(raw.decode())
    except (msgspec.MsgspecError, YAMLError, ValueError, RecursionError) as error:
        raise invalid(f"The file {path} can't be understood: {error}.") from error


def _converted(value: Any, type_: Any, path: Path) -> Any:
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        raise invalid(f"The file {path} does not fit: {error}.") from error


def invalid(sentence: str) -> PermanentError:
    return PermanentError("InvalidScenario", sentence)
