"""Editions: what they include, and how faults of them are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.tree import edition_names, load_edition
from heliostat.os.tree.edition import EditionFile, Units, resolve


def refused(name: str, files: dict[str, EditionFile]) -> str:
    with pytest.raises(HeliostatError) as caught:
        resolve(name, files)
    assert caught.value.code == "InvalidSetting"
    return caught.value.message


def test_an_edition_has_what_it_includes_first_and_each_thing_once() -> None:
    files = {
        "base": EditionFile("Base", packages=("bash", "systemd"), exclude=("/usr/share/man",)),
        "more": EditionFile("More", include=("base",), packages=("git", "bash"), free_mib=5),
        "all": EditionFile("All", include=("base", "more"), exclude=("!/usr/share/man",)),
    }
    found = resolve("all", files)
    assert found.summary == "All"
    assert found.packages == ("bash", "systemd", "git")
    assert found.exclude == ("/usr/share/man", "!/usr/share/man")
    assert found.free_mib == 5


def test_the_last_word_on_a_unit_counts() -> None:
    files = {
        "base": EditionFile("Base", units=Units(enable=("a", "b"), mask=("c",))),
        "top": EditionFile("Top", include=("base",), units=Units(enable=("c",), disable=("a",))),
    }
    assert resolve("top", files).units == Units(enable=("b", "c"), disable=("a",))


def test_a_name_that_is_not_there_tells_the_nearest_and_who_wants_it() -> None:
    files = {"minimal": EditionFile("Minimal", include=("bse",)), "base": EditionFile("Base")}
    assert refused("minimal", files) == (
        "There is no edition bse, which minimal includes; did you mean base?"
    )
    assert refused("minmal", files) == "There is no edition minmal; did you mean minimal?"


def test_a_circle_of_inclusions_is_told_as_such() -> None:
    files = {"a": EditionFile("A", include=("b",)), "b": EditionFile("B", include=("a",))}
    assert refused("a", files) == "The editions include each other: a → b → a."


def test_a_fragment_is_no_edition(tmp_path: Path) -> None:
    (tmp_path / "part.yaml").write_text("summary: Part\nfragment: true\n")
    (tmp_path / "whole.yaml").write_text("summary: Whole\ninclude: [part]\n")
    assert edition_names(tmp_path) == ["whole"]
    with pytest.raises(HeliostatError, match="only a part of editions"):
        load_edition("part", tmp_path)


def test_an_unknown_key_names_file_line_and_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("summary: Own\npackges: [bash]\n")
    with pytest.raises(HeliostatError) as caught:
        load_edition(str(path), tmp_path)
    assert f"{path}:2" in caught.value.message
    assert "did you mean 'packages'?" in caught.value.message


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("units: {mask: [../../../x.service]}", "'../../../x.service' is no name of a unit"),
        ('units: {enable: ["a.service\\ndisable *"]}', "is no name of a unit"),
        ("free_mib: -5", ">= 0"),
    ],
)
def test_a_value_that_makes_no_system_names_its_line(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(f"summary: Own\n{line}\n")
    with pytest.raises(HeliostatError) as caught:
        load_edition(str(path), tmp_path)
    assert f"{path}:2" in caught.value.message
    assert told in caught.value.message


def test_an_edition_of_ones_own_may_include_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("summary: Own\ninclude: [minimal]\npackages: [git]\n")
    own, minimal = load_edition(str(path)), load_edition("minimal")
    assert own.name == "own"
    assert own.packages == (*minimal.packages, "git")


def test_the_three_editions_grow_out_of_each_other() -> None:
    assert edition_names() == ["full", "minimal", "nano"]
    nano, minimal, full = (load_edition(name) for name in ("nano", "minimal", "full"))
    assert set(minimal.packages) < set(full.packages)
    assert not {"python3", "rpm", "cloud-init"} & set(nano.packages)
    assert {"auditd.service", "etcd.service"} <= set(full.units.enable)
    assert "docker.socket" in minimal.units.enable
