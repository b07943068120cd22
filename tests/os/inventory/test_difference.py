"""What differs between two systems."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from heliostat.cli.main import run as helio
from heliostat.os.inventory.difference import FileChange, Kind, compare
from heliostat.os.inventory.system import System
from heliostat.os.packages.rpm.package import FileTrigger, TriggerKind
from heliostat.os.packages.rpm.relation import Relation
from heliostat.testing.rpms import BUILT, tiny
from heliostat.testing.systems import base, library, program, system

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="installing into a root needs root")

_FIXES = (
    "* Fix CVE-2026-1003 and CVE-2026-0007",
    "* CVE-2026-1002: check the length",
    "* CVE-2026-1001: long known",
)


def test_upgrades_name_their_files_and_what_they_fix(tmp_path: Path) -> None:
    before = system(tmp_path / "before", base(), library("1.1"), program())
    after = system(tmp_path / "after", base(), library("1.3", *_FIXES), program(mode=0o700))
    found = compare(System.read(before), System.read(after))
    changed = {each.name: each for each in found.packages}
    assert list(changed) == ["greet", "libgreet1"]
    upgraded, rebuilt = changed["libgreet1"], changed["greet"]
    assert (upgraded.kind, upgraded.before, upgraded.after) == (Kind.UPGRADED, "1.1-1", "1.3-1")
    assert upgraded.files == (FileChange("/usr/lib/libgreet.so.1", ("content",)),)
    assert upgraded.fixed == found.fixed
    assert found.fixed == ("CVE-2026-0007", "CVE-2026-1002", "CVE-2026-1003")
    assert rebuilt.kind is Kind.REBUILT
    assert rebuilt.files == (FileChange("/usr/bin/greet", ("mode",)),)
    assert found.loose == ()


def test_a_rebuilt_package_tells_what_it_says_otherwise(tmp_path: Path) -> None:
    one = tiny(requires=(Relation.parse("filesystem"),))
    two = tiny(licence="MIT", file_triggers=(_TRIGGER,))
    three = tiny(build_time=BUILT + 60)
    trees = [
        System.read(system(tmp_path / str(number), base(), package))
        for number, package in enumerate((tiny(), one, two, three))
    ]
    said = [compare(trees[0], other).packages[0].said for other in trees[1:]]
    # an interpreter inside of RPM is a feature that the package requires of it
    assert said == [("requires",), ("requires", "triggers", "licence"), ()]


_TRIGGER = FileTrigger(TriggerKind.TRANSACTION_IN, ("/usr",), "print('x')", interpreter="<lua>")


def test_a_downgrade_fixes_nothing(tmp_path: Path) -> None:
    before = system(tmp_path / "before", base(), library("1.3", *_FIXES))
    after = system(tmp_path / "after", base(), library("1.1"))
    found = compare(System.read(before), System.read(after))
    assert [(each.kind, each.fixed) for each in found.packages] == [(Kind.DOWNGRADED, ())]


def test_packages_come_and_go(tmp_path: Path) -> None:
    before = system(tmp_path / "before", base(), tiny("old"))
    after = system(tmp_path / "after", base(), tiny("new"))
    found = compare(System.read(before), System.read(after))
    assert [(each.name, each.kind, each.files) for each in found.packages] == [
        ("new", Kind.ADDED, (FileChange("/usr/share/new/data", ("added",)),)),
        ("old", Kind.REMOVED, (FileChange("/usr/share/old/data", ("removed",)),)),
    ]


def test_equal_systems_do_not_differ(tmp_path: Path) -> None:
    trees = [system(tmp_path / name, base(), library()) for name in ("one", "two")]
    assert not compare(*(System.read(tree) for tree in trees))


def test_files_of_no_package_are_compared(tmp_path: Path) -> None:
    before = system(tmp_path / "before", base(), library(), program())
    after = system(tmp_path / "after", base(), library(), program())
    (before / "etc/gone").write_text("x")
    (before / "etc/other").write_text("x")
    (after / "etc/other").write_text("y")
    (after / "etc/come").symlink_to("other")
    (after / "etc/greet.conf").write_text("polite=0\n")
    assert compare(System.read(before), System.read(after)).loose == (
        FileChange("/etc/come", ("added",)),
        FileChange("/etc/gone", ("removed",)),
        FileChange("/etc/greet.conf", ("changed locally",)),
        FileChange("/etc/other", ("content",)),
    )


def test_the_command_prints_versions_and_fixes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = system(tmp_path / "before", base(), library("1.1"))
    after = system(tmp_path / "after", base(), library("1.3", *_FIXES))
    assert helio(["os", "diff", str(before), str(after), "--files"]) == 0
    said = capsys.readouterr().out
    assert "^ libgreet1 1.1-1 -> 1.3-1 (upgraded), 1 file\n" in said
    assert "fixes CVE-2026-0007, CVE-2026-1002, CVE-2026-1003" in said
    assert "/usr/lib/libgreet.so.1: content" in said
    assert helio(["os", "diff", str(before), str(after), "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["packages"][0]["fixed"] == ["CVE-2026-0007", "CVE-2026-1002", "CVE-2026-1003"]
