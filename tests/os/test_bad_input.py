"""What a person sees of bad input, through the commands: the code, the sentence, what is left.

A mirror that lies is in ``test_bad_archive``, one repository's own
faults in ``repo/``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heliostat.cli.main import run as run_code_of
from heliostat.core.process import run
from heliostat.os.packages.rpm.file import File
from heliostat.os.packages.rpm.relation import Relation
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.desk import Desk
from heliostat.testing.rpms import BUILT, signer, tiny
from heliostat.testing.small_disk import small_disk
from heliostat.testing.tiny_system import TinySystem, tiny_system

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="composing a tree needs root")
EDITION = "summary: A small system\npackages: [filesystem, linux, tool]\n"


class Room:
    """A desk, and a system of a few files to compose at it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.folder = desk.folder
        self.system: TinySystem = tiny_system(desk.folder / "system")
        self.edition = desk.folder / "small.yaml"
        self.edition.write_text(EDITION)

    @property
    def repository(self) -> Path:
        return self.desk.repository

    def publish(self) -> None:
        """The system's packages in ``base``."""
        self.desk.helio("repo", "create", "base")
        self.desk.helio("repo", "add", "base", self.system.packages)
        self.desk.helio("repo", "publish", "base")

    def compose(self, *more: object) -> tuple[object, ...]:
        return "tree", "compose", self.edition, "--out", self.folder / "root", *more

    def build(self, *more: object) -> tuple[object, ...]:
        return "image", "build", self.edition, "--out", self.folder / "images", *more

    def started(self, *words: object) -> subprocess.Popen[str]:
        """The command in a process of its own, which asks for JSON."""
        argv = [sys.executable, "-m", "heliostat.cli", "os", *map(str, words), "-o", "json"]
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True)

    def no_tree(self) -> None:
        """Nothing may be left of a compose that was refused."""
        assert not (self.folder / "root").exists()
        assert not list(self.folder.glob(".root*"))


@pytest.fixture
def room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Room:
    return Room(Desk.at(tmp_path, monkeypatch, capsys))


@needs_root
def test_a_repository_that_we_signed_is_taken(room: Room) -> None:
    room.publish()
    room.desk.helio(*room.compose())
    assert (room.folder / "root/usr/bin/tool").exists()


@needs_root
@pytest.mark.parametrize("by", ["nobody", "a stranger"])
def test_an_index_that_no_trusted_key_signed_is_refused(room: Room, by: str) -> None:
    room.publish()
    signature = room.repository / "repodata/repomd.xml.asc"
    index = (room.repository / "repodata/repomd.xml").read_bytes()
    signature.unlink()
    if by == "a stranger":
        stranger = signer("Stranger <stranger@example.invalid>")
        signature.write_bytes(stranger.sign_detached(index, BUILT))
    told = room.desk.refused(*room.compose())
    assert told["code"] == "RepositoryUntrusted"
    assert ("isn't trusted" if by == "a stranger" else "is not signed") in told["message"]
    room.no_tree()


@needs_root
def test_a_repository_that_somebody_wrote_anew_is_refused(room: Room) -> None:
    """A package in another's place, and metadata to match by a tool that knows no key of ours."""
    room.publish()
    taken = shutil.copytree(room.repository, room.folder / "taken", symlinks=False)
    shutil.rmtree(taken / "repodata")
    write(tiny("tool", version="6.6"), taken / "Packages/t")
    run(["createrepo_c", "--quiet", str(taken)], timeout_s=60)
    told = room.desk.refused(*room.compose("--repo", taken))
    assert told["code"] == "RepositoryUntrusted"
    room.no_tree()


@needs_root
def test_metadata_that_was_changed_behind_its_index_is_refused(room: Room) -> None:
    room.publish()
    primary = next(room.repository.glob("repodata/*-primary.xml.gz"))
    data = bytearray(primary.read_bytes())
    data[-1] ^= 1
    primary.unlink()
    primary.write_bytes(data)
    told = room.desk.refused(*room.compose())
    assert told["code"] == "RepositoryUntrusted"
    assert primary.name in told["message"]
    room.no_tree()


@needs_root
@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_a_package_that_was_changed_after_publishing_is_refused(room: Room, damage: str) -> None:
    room.publish()
    package = next(room.repository.glob("Packages/t/tool-*.rpm"))
    data = bytearray(package.read_bytes())
    package.unlink()
    if damage == "changed":
        data[-20] ^= 0xFF
        package.write_bytes(data)
    elif damage == "cut":
        package.write_bytes(data[: len(data) // 2])
    told = room.desk.refused(*room.compose())
    assert told["code"] == ("PackageMissing" if damage == "gone" else "PackageTampered")
    assert package.name in told["message"]
    room.no_tree()


@needs_root
@pytest.mark.parametrize("by", ["nobody", "a stranger"])
def test_a_folder_with_a_package_that_no_trusted_key_signed_is_refused(room: Room, by: str) -> None:
    stranger = signer("Stranger <stranger@example.invalid>") if by == "a stranger" else None
    write(tiny("tool", version="6.6"), room.system.packages, signer=stranger)
    told = room.desk.refused(
        *room.compose("--repo", room.system.packages, "--key", room.system.key)
    )
    assert told["code"] == "PackageUntrusted"
    assert "tool-6.6-1.noarch.rpm" in told["message"]
    assert "--key" in told["hint"]
    room.no_tree()


@pytest.mark.parametrize("command", ["tree", "image"])
def test_without_a_key_nothing_is_trusted(room: Room, command: str) -> None:
    (room.folder / "home/os/keys/RPM-GPG-KEY-heliostat").unlink()
    asked = room.compose() if command == "tree" else room.build()
    told = room.desk.refused(*asked, "--repo", room.system.packages)
    assert told["code"] == "PackageUntrusted"


@needs_root
def test_a_dependency_that_nothing_meets_is_told_as_a_chain(room: Room) -> None:
    needy = tiny("needy", requires=(Relation.parse("nowhere >= 2"),))
    write(needy, room.system.packages, signer=signer())
    room.system.put("other", "1.0", {"/usr/bin/other": b"other"})
    write(tiny("app", requires=(Relation.parse("needy"),)), room.system.packages, signer=signer())
    room.edition.write_text(EDITION.replace("tool]", "app]"))
    room.publish()
    for command in (room.compose(), room.build()):
        told = room.desk.refused(*command)
        assert told["code"] == "DependencyUnmet"
        assert told["data"]["chains"] == [
            [
                "the list of packages needs app",
                "app-1.0-1.noarch needs needy",
                "needy-1.0-1.noarch needs nowhere >= 2, which no package provides",
            ]
        ]
    room.no_tree()


@needs_root
def test_two_packages_with_one_file_are_both_named(room: Room) -> None:
    held = (File.regular("/usr/bin/tool", b"mine", 0o755, mtime=BUILT),)
    write(tiny("rival", files=held), room.system.packages, signer=signer())
    room.edition.write_text(EDITION.replace("tool]", "tool, rival]"))
    room.publish()
    told = room.desk.refused(*room.compose())
    assert told["code"] == "FileConflict"
    for word in ("/usr/bin/tool", "tool-1.0-1", "rival-1.0-1"):
        assert word in told["message"]
    room.no_tree()


@needs_root
@pytest.mark.parametrize(("free_mib", "stage"), [(3, "tree"), (24, "disk")])
def test_a_disk_that_is_full_leaves_no_image_and_the_same_command_goes_on(
    room: Room, free_mib: int, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.system.put("tool", "1.0", {"/usr/bin/tool": os.urandom(8 << 20)}, 0o755)
    room.publish()
    with small_disk(room.folder / "disk", 8 + free_mib) as disk:
        monkeypatch.setenv("HELIO_CACHE", str(disk))
        told = room.desk.refused(*room.build())
        assert told["code"] == "DiskFull"
        assert str(disk / "os/stages") in told["message"]
        assert not (room.folder / "images").exists()
        assert not list(disk.glob("os/stages/making-*"))
        kept = shutil.copytree(disk / "os", room.folder / "larger/os", symlinks=True)
    monkeypatch.setenv("HELIO_CACHE", str(kept.parent))
    made = room.desk.told(*room.build())
    assert made["stages"][0]["reused"] == (stage == "disk")
    assert Path(made["path"]).is_file()


@needs_root
def test_a_build_that_was_killed_goes_on_behind_its_last_stage(room: Room) -> None:
    room.publish()
    stages = room.folder / "cache/os/stages"
    first = room.started(*room.build())
    while not list(stages.glob("[!.]*/stage.json")) and first.poll() is None:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    made = room.desk.told(*room.build())
    assert made["stages"][0]["name"] == "small/tree"
    assert made["stages"][0]["reused"]
    assert not list(stages.glob("making-*"))
    run(["qemu-img", "check", "-q", made["path"]], timeout_s=60)


@needs_root
def test_of_two_builds_at_once_each_ends_well_with_the_same_image(room: Room) -> None:
    room.publish()
    both = [room.started(*room.build()) for _ in range(2)]
    made = []
    for each in both:
        out, err = each.communicate()
        assert each.returncode == 0, err
        made.append(json.loads(out))
    assert made[0]["digest"] == made[1]["digest"]
    reused = [[stage["reused"] for stage in each["stages"]] for each in made]
    assert [sum(kept) for kept in zip(*reused, strict=True)] == [1, 1, 1]
    assert [image["name"] for image in room.desk.told("image", "list", "--out",
            room.folder / "images")["images"]] == ["small"]  # fmt: skip


@needs_root
def test_the_time_that_was_chosen_is_that_of_the_tree_unless_a_package_is_younger(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.publish()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(BUILT + 3600))
    room.desk.helio(*room.compose())
    assert (room.folder / "root").stat().st_mtime == BUILT + 3600
    assert (room.folder / "root/usr/bin/tool").stat().st_mtime == BUILT
    made = room.desk.told(*room.build("--epoch", "1"))
    shown = room.desk.told("image", "show", made["name"], "--out", room.folder / "images")
    assert shown["epoch"] == BUILT


@pytest.mark.parametrize("text", ["yesterday", "-5", "4294967296", "1.5"])
def test_a_time_that_is_none_is_told_before_anything_is_done(
    room: Room, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    for command in (room.compose(), room.build()):
        told = room.desk.refused(*command)
        assert told["code"] == "InvalidSetting"
        assert text in told["message"]
    assert run_code_of(["os", "tree", "compose", "nano", "--out", "x", "--epoch", text]) == 2


def test_a_file_that_is_no_key_is_named(room: Room) -> None:
    told = room.desk.refused(*room.compose("--key", room.edition))
    assert str(room.edition) in told["message"]
    assert "helio os key export" in told["hint"]
