"""Our own packages as data: what is read, and what is refused with its line."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.own import own_package, own_package_named, own_packages
from heliostat.os.packages.rpm.file import FileFlag
from heliostat.os.packages.rpm.package import TriggerKind
from heliostat.os.packages.rpm.relation import Relation, Sense
from heliostat.os.packages.rpm.writer import write

_GIVEN = """\
name: hello
version: "1.2"
date: 2026-11-01
summary: Says hello
description: Greets.
requires: ["bash >= 5", (a or b)]
requires_for_scripts: [coreutils]
folders: [{path: /var/lib/hello, mode: "0700", group: adm}]
files:
  - {path: /etc/secret, mode: "0600", content: "a\\n"}
  - {path: /usr/bin/hello, capabilities: cap_net_raw=ep}
  - {path: /etc/fixed, config: false}
links: {/usr/bin/hi: hello}
ghosts: [/var/lib/hello/state]
triggers:
  - {paths: [/usr/lib], run: ldconfig, priority: 2000}
changes:
  - {date: 2026-11-01, version: 1.2-1, text: First.}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the package ``hello``."""
    files = tmp_path / "hello" / "files"
    for name, mode in (("etc/hello.conf", 0o640), ("etc/fixed", 0o644), ("usr/bin/hello", 0o711)):
        path = files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(mode)
    (tmp_path / "hello" / "package.yaml").write_text(_GIVEN)
    return tmp_path / "hello"


def test_files_are_taken_as_they_lie_and_as_told(folder: Path) -> None:
    package = own_package(folder)
    files = {file.path: file for file in package.files}
    told = {path: (oct(stat.S_IMODE(file.mode)), str(file.flags)) for path, file in files.items()}
    config = str(FileFlag.CONFIG | FileFlag.NO_REPLACE)
    plain = str(FileFlag.NONE)
    assert told == {
        "/etc/hello.conf": ("0o644", config),  # of the mode only the executable bit counts
        "/etc/fixed": ("0o644", plain),
        "/usr/bin/hello": ("0o755", plain),
        "/etc/secret": ("0o600", config),
        "/var/lib/hello": ("0o700", plain),
        "/usr/bin/hi": ("0o777", plain),
        "/var/lib/hello/state": ("0o644", str(FileFlag.GHOST)),
    }
    assert files["/usr/bin/hello"].capabilities == "cap_net_raw=ep"
    assert files["/var/lib/hello"].group == "adm"
    assert {file.mtime for file in package.files} == {1_793_491_200}
    assert package.build_time == 1_793_491_200


def test_relations_triggers_and_changes_are_read(folder: Path) -> None:
    package = own_package(folder)
    before = Sense.SCRIPT_PRE | Sense.SCRIPT_POST
    assert package.requires == (
        Relation.parse("bash >= 5"),
        Relation.parse("(a or b)"),
        Relation("coreutils", before),
    )
    (trigger,) = package.file_triggers
    assert (trigger.kind, trigger.priority) == (TriggerKind.TRANSACTION_IN, 2000)
    assert package.changelog[0].author.endswith(" - 1.2-1")


def test_neither_time_nor_mask_of_the_checkout_gets_in(folder: Path, tmp_path: Path) -> None:
    one = write(own_package(folder), tmp_path / "one")
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))
        if path.is_file():
            path.chmod(path.stat().st_mode & 0o700)
    two = write(own_package(folder), tmp_path / "two")
    assert one.digest == two.digest


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "ghosts:",
            "gosts:",
            "package.yaml:14: gosts: unknown key 'gosts'; did you mean 'ghosts'?",
        ),
        ('"0700"', "rwx", "package.yaml:8: folders.0.mode"),
        ("date: 2026-11-01\nsummary", "date: soon\nsummary", "package.yaml:3: date"),
        ('"bash >= 5"', '"bash => 5"', "yaml:6: requires.0: 'bash => 5' is not a relation"),
        ("(a or b)", "((a or b)", "requires: the parentheses of '((a or b)' don't match"),
        ("name: hello", "name: goodbye", "must lie in a folder of that name"),
        ("/etc/fixed, config", "/etc/nowhere, config", "there is no /etc/nowhere in files/"),
        ("/usr/bin/hi:", "/usr/bin/hello:", "/usr/bin/hello is there twice"),
        ("/var/lib/hello,", "var/lib/hello,", "folders.0.path"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_place(
    folder: Path, old: str, new: str, told: str
) -> None:
    assert old in _GIVEN
    (folder / "package.yaml").write_text(_GIVEN.replace(old, new, 1))
    with pytest.raises(HeliostatError) as caught:
        own_package(folder)
    assert caught.value.code == "InvalidSetting"
    assert told in caught.value.message


def test_an_unknown_name_lists_those_that_there_are(folder: Path) -> None:
    with pytest.raises(HeliostatError) as caught:
        own_package_named("helo", folder.parent)
    assert caught.value.code == "PackageNotFound"
    assert "hello" in caught.value.hint


def test_every_package_of_this_distribution_can_be_written(tmp_path: Path) -> None:
    for package in own_packages():
        assert write(package, tmp_path, level=1).size_bytes > 0
