"""The rebuild list, and what it means for a build."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.image.distro import locate_distro
from heliostat.os.packages.build.debian import environment_of, script_of
from heliostat.os.packages.build.rebuilds import Rebuild, load_rebuilds

WITHOUT_HARDENING = {"runc", "containerd", "docker.io", "gawk", "python3.13", "tar"}
"""Sources of which the archive ships programs that can be loaded at fixed addresses only, or
that bind lazily, and that the editions need."""


def test_the_shipped_list_has_every_source_that_is_not_hardened() -> None:
    listed = load_rebuilds(locate_distro() / "rebuilds.yaml").rebuilds
    assert set(listed) >= WITHOUT_HARDENING
    assert all(each.why and each.packages for each in listed.values())


def test_overlays_of_go_have_every_file_that_they_add() -> None:
    """The sandbox has only the files that a rebuild names; a missing one fails after minutes."""
    distro = locate_distro()
    added = _files_by_change((distro / "rebuilds" / "go-overlay.sh").read_text())
    used = set()
    for rebuild in load_rebuilds(distro / "rebuilds.yaml").rebuilds.values():
        names = {Path(name).name for name in rebuild.files}
        for called in re.findall(r"go-overlay\.sh \S+ (.*)", rebuild.prepare):
            assert names >= {file for change in called.split() for file in added[change]}
        used |= names
    assert {path.name for path in (distro / "rebuilds" / "go").iterdir()} <= used


def _files_by_change(script: str) -> dict[str, list[str]]:
    """What each case of the overlay's script adds."""
    _, _, cases = script.partition('case "$change" in')
    found: dict[str, list[str]] = {}
    for words in map(str.split, cases.partition("esac")[0].splitlines()):
        if words and words[0].endswith(")"):
            found[change := words.pop(0).rstrip(")")] = []
        if words and words[0] == "add":
            found[change].append(words[2])
    return found


def test_an_unknown_key_is_told_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "rebuilds.yaml"
    path.write_text("rebuilds:\n  runc:\n    enviroment: {}\n")
    with pytest.raises(HeliostatError, match=r"rebuilds\.yaml:3: .*did you mean 'environment'"):
        load_rebuilds(path)


def test_a_patch_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rebuilds.yaml"
    path.write_text("rebuilds:\n  runc:\n    patches: [missing.patch]\n")
    with pytest.raises(HeliostatError, match=r"runc names the patch missing\.patch"):
        load_rebuilds(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rebuilds.yaml"
    path.write_text("rebuilds:\n  runc:\n    files: [missing.go]\n")
    with pytest.raises(HeliostatError, match=r"runc names the file missing\.go"):
        load_rebuilds(path)


def test_everything_is_built_hardened_unless_the_list_says_otherwise() -> None:
    environment = environment_of(Rebuild())
    assert environment["DEB_BUILD_MAINT_OPTIONS"] == "hardening=+all"
    assert "hardening=+all" in environment["DEB_BUILD_OPTIONS"]


def test_the_lists_environment_wins() -> None:
    environment = environment_of(Rebuild(environment={"DEB_BUILD_MAINT_OPTIONS": "hardening=-pie"}))
    assert environment["DEB_BUILD_MAINT_OPTIONS"] == "hardening=-pie"


def test_patches_come_before_preparations() -> None:
    script = script_of(Rebuild(prepare="prepare-it\n"), ["a.patch", "b.patch"])
    places = [script.index(word) for word in ("a.patch", "b.patch", "prepare-it", "buildpackage")]
    assert places == sorted(places)
