"""Data files of the operating system: read into structs, refused with file and line."""

from __future__ import annotations

import datetime
from enum import StrEnum
from pathlib import Path

import msgspec
import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.data import load


class Kind(StrEnum):
    ENABLE = "enable"
    DISABLE = "disable"


class Unit(msgspec.Struct, frozen=True):
    name: str
    preset: Kind = Kind.ENABLE
    after: tuple[str, ...] = ()


class Presets(msgspec.Struct, frozen=True):
    units: dict[str, Unit] = {}
    limit: int | None = None
    wanted: tuple[str | Unit, ...] = ()


def read(folder: Path, text: str) -> Presets:
    path = folder / "presets.yaml"
    path.write_text(text)
    return load(path, Presets)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(HeliostatError) as caught:
        read(folder, text)
    assert caught.value.code == "InvalidSetting"
    return [line.partition("presets.yaml:")[2] for line in caught.value.data["faults"]]


def test_a_file_becomes_a_struct(tmp_path: Path) -> None:
    presets = read(tmp_path, "units:\n  ssh: {name: ssh.service, after: [network]}\nlimit: 3\n")
    assert presets.units["ssh"] == Unit("ssh.service", after=("network",))
    assert presets.limit == 3
    assert read(tmp_path, "") == Presets()
    assert read(tmp_path, "wanted: [a, {name: b}]").wanted == ("a", Unit("b"))


def test_every_fault_is_told_with_its_line_and_the_nearest_key(tmp_path: Path) -> None:
    text = "units:\n  ssh:\n    nam: x\n    preset: enabled\n  tty:\n    name: 7\nlimt: 3\n"
    assert faults(tmp_path, text) == [
        "3: units.ssh.nam: unknown key 'nam'; did you mean 'name'?",
        "4: units.ssh.preset: invalid enum value 'enabled'",
        "2: units.ssh: the key 'name' is missing",
        "6: units.tty.name: expected `str`, got `int`",
        "7: limt: unknown key 'limt'; did you mean 'limit'?",
    ]


def test_lists_and_alternatives_are_looked_into(tmp_path: Path) -> None:
    text = "wanted:\n- a\n- name: b\n  afer: []\nunits: []\nlimit: many\n"
    assert faults(tmp_path, text) == [
        "4: wanted.1.afer: unknown key 'afer'; did you mean 'after'?",
        "5: units: expected `object`, got `array`",
        "6: limit: expected `int`, got `str`",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1\nb: 2\n", "2: "), ("limit: 1\nlimit: 2\n", "2: "), ("a: \tb: c", "1")],
)
def test_what_is_not_yaml_is_told_with_its_line(tmp_path: Path, text: str, line: str) -> None:
    assert faults(tmp_path, text)[0].startswith(line)


class Excuse(msgspec.Struct, frozen=True):
    until: datetime.date


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("# from 2026-01-01 on\nuntil: 2027-02-30\n", "excuse.yaml:2: this is no date: day is out"),
        ("until: 2027-01-01\nwhy: a\x01b\n", "excuse.yaml:2: this is not YAML: the character 0x01"),
        ("until: " + "[" * 3000, "excuse.yaml: it is nested too deeply"),
    ],
)
def test_what_a_file_cannot_hold_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "excuse.yaml"
    path.write_text(text)
    with pytest.raises(HeliostatError) as caught:
        load(path, Excuse)
    assert caught.value.code == "InvalidSetting"
    assert told in caught.value.message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match="There is no file"):
        load(tmp_path / "nothing.yaml", Presets)
