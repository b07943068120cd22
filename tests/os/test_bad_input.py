"""What a person sees of bad input, through the commands: the code, the sentence, what is left.

Sources that lie are here; a mirror that lies is in ``sources/``, one repository's own
faults in ``repo/``.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from heliostat.cli.main import run
from heliostat.core.process import run as run_program
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.rpms import BUILT, signer, tiny
from heliostat.testing.tiny_system import TinySystem, tiny_system

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="composing a tree needs root")
EDITION = "summary: A small system\npackages: [filesystem, linux, tool]\n"


class Desk:
    """A system in a published repository, and commands typed at it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.system: TinySystem = tiny_system(folder / "system")
        self.edition = folder / "small.yaml"
        self.edition.write_text(EDITION)
        self.repository = folder / "home/os/repos/base"
        self._capsys = capsys

    def publish(self) -> None:
        """The system's packages in ``base``, signed by the key at home."""
        keys = self.folder / "home/os/keys"
        keys.mkdir(parents=True, exist_ok=True)
        (keys / "signing-key.asc").write_bytes(signer().secret_text)
        (keys / "RPM-GPG-KEY-heliostat").write_bytes(signer().public_text)
        self.helio("repo", "create", "base")
        self.helio("repo", "add", "base", self.system.packages)
        self.helio("repo", "publish", "base")

    def helio(self, *words: object, code: int = 0) -> str:
        """What the command prints, or what it complains of."""
        self._capsys.readouterr()
        done = run(["os", *map(str, words)])
        shown = self._capsys.readouterr()
        assert done == code, shown.out + shown.err
        return shown.out if code == 0 else shown.err

    def refused(self, *words: object) -> dict[str, Any]:
        """The error of a command, as JSON has it, behind what was told of the progress."""
        said = self.helio(*words, "-o", "json", code=1)
        told: dict[str, Any] = json.loads(said[f"\n{said}".index("\n{") :])
        return told

    def compose(self, *more: object) -> tuple[object, ...]:
        return "tree", "compose", self.edition, "--out", self.folder / "root", *more

    def no_tree(self) -> None:
        """Nothing may be left of a compose that was refused."""
        assert not (self.folder / "root").exists()
        assert not list(self.folder.glob(".root*"))


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    monkeypatch.setenv("HELIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HELIO_HOME", str(tmp_path / "home"))
    return Desk(tmp_path, capsys)


@needs_root
def test_a_repository_that_we_signed_is_taken(desk: Desk) -> None:
    desk.publish()
    desk.helio(*desk.compose())
    assert (desk.folder / "root/usr/bin/tool").exists()


@needs_root
@pytest.mark.parametrize("by", ["nobody", "a stranger"])
def test_an_index_that_no_trusted_key_signed_is_refused(desk: Desk, by: str) -> None:
    desk.publish()
    signature = desk.repository / "repodata/repomd.xml.asc"
    index = (desk.repository / "repodata/repomd.xml").read_bytes()
    signature.unlink()
    if by == "a stranger":
        stranger = signer("Stranger <stranger@example.invalid>")
        signature.write_bytes(stranger.sign_detached(index, BUILT))
    told = desk.refused(*desk.compose())
    assert told["code"] == "RepositoryUntrusted"
    assert ("isn't trusted" if by == "a stranger" else "is not signed") in told["message"]
    desk.no_tree()


@needs_root
def test_a_repository_that_somebody_wrote_anew_is_refused(desk: Desk) -> None:
    """A package in another's place, and metadata to match by a tool that knows no key of ours."""
    desk.publish()
    taken = shutil.copytree(desk.repository, desk.folder / "taken", symlinks=False)
    shutil.rmtree(taken / "repodata")
    write(tiny("tool", version="6.6"), taken / "Packages/t")
    run_program(["createrepo_c", "--quiet", str(taken)], timeout_s=60)
    told = desk.refused(*desk.compose("--repo", taken))
    assert told["code"] == "RepositoryUntrusted"
    desk.no_tree()


@needs_root
def test_metadata_that_was_changed_behind_its_index_is_refused(desk: Desk) -> None:
    desk.publish()
    primary = next(desk.repository.glob("repodata/*-primary.xml.gz"))
    data = bytearray(primary.read_bytes())
    data[-1] ^= 1
    primary.unlink()
    primary.write_bytes(data)
    told = desk.refused(*desk.compose())
    assert told["code"] == "RepositoryUntrusted"
    assert primary.name in told["message"]
    desk.no_tree()


@needs_root
@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_a_package_that_was_changed_after_publishing_is_refused(desk: Desk, damage: str) -> None:
    desk.publish()
    package = next(desk.repository.glob("Packages/t/tool-*.rpm"))
    data = bytearray(package.read_bytes())
    package.unlink()
    if damage == "changed":
        data[-20] ^= 0xFF
        package.write_bytes(data)
    elif damage == "cut":
        package.write_bytes(data[: len(data) // 2])
    told = desk.refused(*desk.compose())
    assert told["code"] == ("PackageMissing" if damage == "gone" else "PackageTampered")
    assert package.name in told["message"]
    desk.no_tree()


@needs_root
@pytest.mark.parametrize("by", ["nobody", "a stranger"])
def test_a_folder_with_a_package_that_no_trusted_key_signed_is_refused(desk: Desk, by: str) -> None:
    stranger = signer("Stranger <stranger@example.invalid>") if by == "a stranger" else None
    write(tiny("tool", version="6.6"), desk.system.packages, signer=stranger)
    told = desk.refused(*desk.compose("--repo", desk.system.packages, "--key", desk.system.key))
    assert told["code"] == "PackageUntrusted"
    assert "tool-6.6-1.noarch.rpm" in told["message"]
    assert "--key" in told["hint"]
    desk.no_tree()


@pytest.mark.parametrize("command", ["tree", "image"])
def test_without_a_key_nothing_is_trusted(desk: Desk, command: str) -> None:
    asked = desk.compose() if command == "tree" else ("image", "build", desk.edition)
    told = desk.refused(*asked, "--repo", desk.system.packages)
    assert told["code"] == "PackageUntrusted"
