"""The minimal edition as it is shipped: every rule holds, with exceptions by name only.

Its own programs are the judges of what we read from its files: sshd's idea of its
settings, PAM's and pwquality's of a password.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliostat.os.cve.installed import in_tree
from heliostat.os.extraction import System, opened
from heliostat.os.harden import sshd
from heliostat.os.harden.audit import audit
from heliostat.os.harden.telling import lines
from heliostat.os.harden.tree import Tree
from heliostat.testing.editions import edition_image

pytestmark = [pytest.mark.slow, pytest.mark.takes(20), pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def system(cache: Path) -> Iterator[System]:
    with opened(edition_image("minimal", cache)) as found:
        os.mknod(found.root / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        yield found


def inside(system: System, *argv: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["chroot", system.root, *argv], input=typed, capture_output=True, text=True, timeout=60
    )


def test_every_rule_holds(system: System) -> None:
    report = audit(Tree(system.root, system.capabilities))
    assert report.passed, "\n".join(lines(report))
    excused = {each.evidence.path for verdict in report.verdicts for each in verdict.excused}
    assert "/usr/sbin/sshd" not in excused
    assert "/usr/lib/systemd/systemd" not in excused


def test_sshd_reads_its_settings_as_the_audit_does(system: System) -> None:
    inside(system, "ssh-keygen", "-A")
    (system.root / "run/sshd").mkdir(parents=True, exist_ok=True)
    shown = inside(system, "/usr/sbin/sshd", "-T")
    assert shown.returncode == 0, shown.stderr
    theirs = dict(line.split(" ", 1) for line in shown.stdout.splitlines() if " " in line)
    ours = sshd.effective(Tree(system.root))
    assert ours is not None
    alike = {"prohibit-password": "without-password", "60": "60", "delayed": "yes"}
    for key in sshd.DEFAULTS:
        said = ours.value(key).value.lower()
        assert theirs[key].lower() in (said, alike.get(said)), key


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("Sh0rt!", "shorter than 12"),
        ("mira-2026-Zebra", "user name"),
        ("aaaaaaaaaaaaA1", "same characters"),
        ("abcdefghijK1", "monotonic sequence"),
        ("alllowercaseletters", "character classes"),
        ("Password2026", "forbidden words"),
        ("Umbra-47-quartz-Lamp9", ""),
        ("correct-Horse-7-battery", ""),
    ],
)
def test_a_password_is_judged_with_a_reason(system: System, password: str, reason: str) -> None:
    """Root sets it, and is bound by the policy like everybody."""
    if not (system.root / "home/mira").exists():
        inside(system, "useradd", "--create-home", "mira")
    set_ = inside(system, "passwd", "mira", typed=f"{password}\n{password}\n")
    said = set_.stdout + set_.stderr
    if reason:
        assert set_.returncode != 0
        assert "BAD PASSWORD" in said
        assert reason in said
    else:
        assert set_.returncode == 0, said


def test_root_is_bound_too(system: System) -> None:
    refused = inside(system, "chpasswd", typed="root:qwertyuiop\n")
    assert refused.returncode != 0
    assert "BAD PASSWORD" in refused.stdout + refused.stderr
    shadow = (system.root / "etc/shadow").read_text()
    assert shadow.startswith(("root:!", "root:*"))


def test_its_packages_tell_their_sources_and_what_they_fixed(system: System) -> None:
    packages = in_tree(system.root)
    assert all(package.is_debian for package in packages)
    sources = {package.source for package in packages}
    assert {"openssl", "glibc", "systemd"} <= sources
    assert len({cve for package in packages for cve in package.fixes}) > 100


def test_every_rule_holds_for_the_smallest_edition(cache: Path) -> None:
    with opened(edition_image("nano", cache)) as found:
        report = audit(Tree(found.root, found.capabilities))
    assert report.passed, "\n".join(lines(report))
