"""``helio os image`` as its users type it, on a system of a few files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from heliostat.cli.main import run
from heliostat.testing.tiny_system import tiny_system

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="composing a tree needs root")
EDITION = "summary: A small system\npackages: [filesystem, linux, tool]\n"


class Shell:
    """A folder with an edition and packages, and commands run in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.system = tiny_system(folder)
        self.edition = folder / "small.yaml"
        self.edition.write_text(EDITION)
        self.images = folder / "images"
        self._capsys = capsys

    def image(self, *words: str, exit_code: int = 0) -> str:
        assert run(["os", "image", *words, "--out", str(self.images)]) == exit_code
        shown = self._capsys.readouterr()
        return shown.out if exit_code == 0 else shown.err

    def build(self, *options: str) -> str:
        return self.image("build", str(self.edition), *self.trusted, *options)

    @property
    def trusted(self) -> tuple[str, ...]:
        """The packages and the key that signed them."""
        return "--repo", str(self.system.packages), "--key", str(self.system.key)

    def told(self, *words: str) -> Any:
        return json.loads(self.image(*words, "-o", "json"))


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.setenv("HELIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HELIO_HOME", str(tmp_path / "home"))
    return Shell(tmp_path, capsys)


@needs_root
def test_building_twice_tells_why_nothing_was_done(shell: Shell) -> None:
    first = shell.build("--why")
    assert "small/tree" in first
    assert "this was never made here" in first
    again = shell.build("--why")
    assert "reused: nothing changed" in again
    assert "Nothing has changed since it was built" in again
    stages = json.loads(shell.build("-o", "json"))["stages"]
    assert [stage["reused"] for stage in stages] == [True, True, True]


@needs_root
def test_a_built_image_is_listed_shown_published_and_pruned(shell: Shell, tmp_path: Path) -> None:
    shell.build("--format", "qcow2,oci")
    shell.system.put("tool", "1.1", {"/usr/bin/tool": b"#!/bin/sh\n"}, 0o755)
    shell.build()
    assert [image["name"] for image in shell.told("list")["images"]] == ["small", "small"]
    shown = shell.told("show", "small")
    assert {"filesystem", "linux", "tool"} == {each["name"] for each in shown["packages"]}
    assert "small/tree" in shown["inputs"]
    site = tmp_path / "site"
    assert len(shell.told("publish", str(site))["files"]) == 3
    assert (site / "streams/v1/index.sjson").is_file()
    pruned = shell.told("prune")
    assert len(pruned["images"]) == 1
    assert len(pruned["stages"]) >= 2
    assert len(shell.told("list")["images"]) == 1


def test_formats_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["os", "image", "formats", "-o", "json"]) == 0
    names = {row["name"] for row in json.loads(capsys.readouterr().out)}
    assert {"raw", "qcow2", "ova", "vagrant-libvirt", "oci", "pxe"} <= names


def test_unknown_editions_and_formats_are_refused(shell: Shell) -> None:
    told = shell.image("build", "minimul", *shell.trusted, exit_code=1)
    assert "did you mean minimal" in told
    told = shell.image("build", str(shell.edition), *shell.trusted, "--format", "vmdq", exit_code=1)
    assert "did you mean vmdk" in told


@needs_root
def test_repositories_filled_by_hand_are_taken_as_they_are(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "home/os/repos/extras").mkdir(parents=True)
    told = shell.image("build", str(shell.edition), exit_code=1)
    assert "helio os import" in told
