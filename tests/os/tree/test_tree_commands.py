"""`helio os tree` and `helio os edition`, as they are typed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from heliostat.core.errors import HeliostatError
from heliostat.os.commands import os_group
from heliostat.testing.tiny_system import TinySystem, tiny_system

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="composing a tree needs root")


@pytest.fixture
def system(tmp_path: Path) -> TinySystem:
    system = tiny_system(tmp_path / "system")
    edition = "summary: Small\npackages: [filesystem, linux, tool]\n"
    (tmp_path / "small.yaml").write_text(edition)
    return system


def helio(*arguments: object) -> Result:
    return CliRunner().invoke(os_group, [str(each) for each in arguments])


def compose(system: TinySystem, out: Path, *more: object) -> Result:
    edition = system.folder.parent / "small.yaml"
    trusted = ["--repo", system.packages, "--key", system.key]
    return helio("tree", "compose", edition, "--out", out, *trusted, *more)


def test_editions_are_listed_and_shown() -> None:
    assert "minimal" in helio("edition", "list").stdout
    shown = json.loads(helio("edition", "show", "nano", "-o", "json").stdout)
    assert "containerd" in shown["packages"]
    assert "containerd.service" in shown["units"]["enable"]


@needs_root
def test_a_tree_is_composed_judged_and_weighed(system: TinySystem, tmp_path: Path) -> None:
    out = tmp_path / "root"
    done = compose(system, out, "-o", "json")
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert made["passed"] is True
    assert {gate["gate"] for gate in made["gates"]} >= {"quiet", "units", "elf"}
    assert helio("tree", "digest", out).stdout.strip() == made["digest"]

    judged = helio("tree", "check", out)
    assert judged.exit_code == 0
    assert "passed  quiet         nothing complained" in judged.stdout

    sizes = json.loads(helio("tree", "size", out, "-o", "json").stdout)
    assert {row["name"] for row in sizes["rows"]} >= {"filesystem", "linux", "tool"}
    assert sizes["bytes"] == sum(row["bytes"] for row in sizes["rows"])
    files = helio("tree", "size", out, "--package", "tool").stdout
    assert "/usr/bin/tool" in files


@needs_root
def test_a_spoiled_tree_fails_the_check_with_the_evidence(
    system: TinySystem, tmp_path: Path
) -> None:
    out = tmp_path / "root"
    compose(system, out)
    (out / "usr/bin/tool").write_text("changed\n")
    judged = helio("tree", "check", out)
    assert judged.exit_code == 1
    assert "FAILED  as-packaged" in judged.stdout
    assert "/usr/bin/tool" in judged.stdout


@needs_root
def test_a_tree_that_nothing_is_known_of_is_judged_by_an_edition(
    system: TinySystem, tmp_path: Path
) -> None:
    out = tmp_path / "root"
    compose(system, out)
    (tmp_path / "root.json").unlink()
    assert helio("tree", "check", out).exit_code == 2
    judged = helio("tree", "check", out, "--edition", tmp_path / "small.yaml")
    assert judged.exit_code == 0
    assert "not known any more" in judged.stdout


@needs_root
def test_a_package_that_is_not_in_a_tree_has_no_size(system: TinySystem, tmp_path: Path) -> None:
    out = tmp_path / "root"
    compose(system, out)
    error = helio("tree", "size", out, "--package", "nothing").exception
    assert isinstance(error, HeliostatError)
    assert error.code == "PackageNotFound"


def test_without_repositories_the_next_step_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELIO_HOME", str(tmp_path))
    error = helio("tree", "compose", "nano", "--out", tmp_path / "root").exception
    assert isinstance(error, HeliostatError)
    assert error.code == "RepositoryUnusable"
    assert "helio os import" in error.hint
