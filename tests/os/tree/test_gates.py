"""Each gate lets a good tree pass and closes on the fault it is there for."""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest

from heliostat.os.monitor import SilentMonitor
from heliostat.os.packages.rpm.file import File
from heliostat.os.packages.rpm.writer import write
from heliostat.os.solve import PackageFolder
from heliostat.os.tree import Verdict, compose, gates
from heliostat.os.tree.edition import Edition
from heliostat.testing.rpms import BUILT, tiny
from heliostat.testing.tiny_system import tiny_system

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="composing a tree needs root")

UNIT = b"[Service]\nExecStart=/usr/bin/tool\n[Install]\nWantedBy=multi-user.target\n"


class Judged:
    """A composed tree that may be spoiled, and what the gates say then."""

    def __init__(self, folder: Path) -> None:
        self._system = tiny_system(folder)
        self.root = folder / "root"
        self._system.put("unit", "1.0", {"/usr/lib/systemd/system/tool.service": UNIT})
        write(
            tiny("config", files=(File.regular("/etc/tool.conf", b"a=1\n", mtime=BUILT),)),
            self._system.packages,
        )
        source = PackageFolder("packages", self._system.packages)
        compose(self.edition(), (source,), self.root, SilentMonitor())

    def edition(self, **changes: Any) -> Edition:
        packages = ["filesystem", "linux", "tool", "unit", "config"]
        return self._system.edition(**{"packages": packages, **changes})

    def says(self, gate: str, *, said: str | None = None, **changes: Any) -> Verdict:
        verdicts = gates(self.root, self.edition(**changes), said=said)
        return next(verdict for verdict in verdicts if verdict.gate == gate)


@pytest.fixture
def tree(tmp_path: Path) -> Judged:
    return Judged(tmp_path)


def test_a_tree_as_it_was_composed_passes_every_gate(tree: Judged) -> None:
    verdicts = list(gates(tree.root, tree.edition(), said=""))
    assert [verdict.gate for verdict in verdicts if not verdict.passed] == []
    assert all(verdict.reason for verdict in verdicts)


def test_a_changed_file_is_found_unless_it_may_differ(tree: Judged) -> None:
    (tree.root / "etc/tool.conf").write_text("a=2\n")
    verdict = tree.says("as-packaged")
    assert not verdict.passed
    assert any(line.endswith("/etc/tool.conf") for line in verdict.evidence)
    assert tree.says("as-packaged", changed={"/etc/tool.conf": "set when composed"}).passed


def test_a_missing_file_is_found(tree: Judged) -> None:
    (tree.root / "usr/bin/tool").unlink()
    assert any("missing" in line for line in tree.says("as-packaged").evidence)


def test_a_file_of_no_package_is_found(tree: Judged) -> None:
    (tree.root / "usr/bin/stray").touch()
    verdict = tree.says("accounted")
    assert (verdict.passed, verdict.evidence) == (False, ("/usr/bin/stray",))


def test_files_made_from_packages_are_accounted_for(tree: Judged) -> None:
    (tree.root / "usr/lib/x/__pycache__").mkdir(parents=True)
    (tree.root / "usr/lib/x/__pycache__/a.pyc").touch()
    assert tree.says("accounted").passed


def test_a_set_id_file_needs_a_name_and_a_reason(tree: Judged) -> None:
    (tree.root / "usr/bin/tool").chmod(0o4755)
    assert tree.says("set-id").evidence == ("/usr/bin/tool",)
    assert tree.says("set-id", set_id={"/usr/bin/tool": "it becomes root"}).passed


@pytest.mark.parametrize(
    ("wanted", "fault"),
    [
        ({"enable": ["tool.service"]}, "tool.service should be enabled, but nothing wants it"),
        ({"enable": ["no.service"]}, "no.service should be enabled, but there is no such unit"),
        ({"mask": ["tool.service"]}, "tool.service should be masked"),
    ],
)
def test_units_are_as_the_edition_says(
    tree: Judged, wanted: dict[str, list[str]], fault: str
) -> None:
    assert tree.says("units", units=wanted).evidence == (fault,)


def test_an_enabled_unit_passes_and_should_not_be_when_it_is_disabled(tree: Judged) -> None:
    wants = tree.root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "tool.service").symlink_to("/usr/lib/systemd/system/tool.service")
    assert tree.says("units", units={"enable": ["tool.service"]}).passed
    assert tree.says("units", units={"disable": ["tool.service"]}).evidence == (
        "tool.service should be disabled, but multi-user.target.wants wants it",
    )


def test_authorities_that_were_not_made_into_a_bundle_are_missed(tree: Judged) -> None:
    (tree.root / "usr/share/ca-certificates").mkdir(parents=True)
    assert not tree.says("certificates").passed
    bundle = tree.root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True)
    bundle.write_text("-----BEGIN CERTIFICATE-----\n" * 140)
    assert tree.says("certificates").reason == "140 certificate authorities are trusted"


def test_nothing_of_one_machine_may_be_in_a_tree(tree: Judged) -> None:
    (tree.root / "etc/machine-id").chmod(0o644)
    (tree.root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (tree.root / "etc/ssh").mkdir()
    (tree.root / "etc/ssh/ssh_host_ed25519_key").touch()
    (tree.root / "etc/shadow").write_text("root:!*:::::::\nmira::::::::\nole:$y$j9T$x:::::::\n")
    assert tree.says("identity").evidence == (
        "/etc/machine-id should be `uninitialized`",
        "/etc/ssh/ssh_host_ed25519_key",
        "mira has a password",
        "ole has a password",
    )


def test_a_program_against_the_hardening_policy_is_found(tree: Judged) -> None:
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQ", 3, 62, 1, 0, 1 << 40)
    (tree.root / "usr/bin/broken").write_bytes(header.ljust(64, b"\xff"))
    assert tree.says("elf").evidence == ("/usr/bin/broken has damaged headers",)


def test_a_library_that_was_left_out_under_a_program_is_found(tree: Judged) -> None:
    folder = tree.root / "usr/bin"
    shutil.copy(shutil.which("true") or "/usr/bin/true", folder / "true")
    assert tree.says("libraries").evidence == ("/usr/bin/true needs libc.so.6",)
    system = tree.root / "usr/lib/x86_64-linux-gnu"
    system.mkdir(parents=True)
    (system / "libc.so.6").symlink_to("libc-2.so")
    assert not tree.says("libraries").passed
    (system / "libc-2.so").write_bytes(b"of the test")
    assert tree.says("libraries").passed


def test_what_was_printed_while_composing_closes_the_gate(tree: Judged) -> None:
    verdict = tree.says("quiet", said="sort: command not found\n\n")
    assert (verdict.passed, verdict.evidence) == (False, ("sort: command not found",))
    assert tree.says("quiet", said=None).passed
