"""``helio os cve`` on systems, packages and sources: table, JSON, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heliostat.cli.main import run
from heliostat.os.cve.installed import in_tree
from heliostat.os.packages.rpm.package import Change
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.feeds import match, nvd, nvd_cve, osv, tracker, written
from heliostat.testing.roots import planted
from heliostat.testing.rpms import BUILT, RpmRoot, tiny

DEBIAN = "Heliostat (imported from Debian)"
STATUS = """Package: libssl3t64
Status: install ok installed
Version: 3.5.1-1+b1
Source: openssl (3.5.1-1)

Package: gone
Status: deinstall ok config-files
Version: 1
"""
CHANGELOG = """openssl (3.5.1-1) unstable; urgency=low

  * Fix CVE-2025-4575.

 -- A <a@b>  Tue, 01 Jul 2025 20:00:00 +0200
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HELIO_HOME", str(tmp_path / "home"))
    feeds = [
        written(
            tmp_path, "t.json", tracker("openssl", "CVE-2026-0001", "trixie", "resolved", "3.5.4-1")
        ),
        written(
            tmp_path,
            "n.json",
            nvd(
                nvd_cve(
                    "CVE-2026-0001", [match("openssl", "openssl", versionEndExcluding="3.5.4")]
                ),
                nvd_cve(
                    "CVE-2025-4575", [match("openssl", "openssl", versionEndExcluding="3.5.1a")]
                ),
                nvd_cve("CVE-2026-0002", [match("acme", "less-known", versionEndExcluding="9")]),
            ),
        ),
        written(
            tmp_path,
            "o.json",
            osv("RHSA", "AlmaLinux:9", "bash", [{"introduced": "0"}, {"fixed": "5.2-9.el9"}]),
        ),
    ]
    assert run(["os", "cve", "import", *map(str, feeds)]) == 0
    return tmp_path / "home"


@pytest.fixture
def said(home: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()

    def scanned(*arguments: object) -> tuple[int, dict[str, Any]]:
        code = run(["os", "cve", "scan", *(str(each) for each in arguments), "-o", "json"])
        return code, json.loads(capsys.readouterr().out)

    return scanned


def rpm(folder: Path, name: str, **changes: Any) -> Path:
    return write(tiny(name, **changes), folder).path


def imported(folder: Path, version: str = "3.5.1") -> Path:
    return rpm(
        folder,
        "libssl3t64",
        version=version,
        vendor=DEBIAN,
        source_rpm=f"openssl-{version}-1.src.rpm",
        changelog=(Change(BUILT, f"A <a@b> - {version}-1", "* Fix CVE-2025-4575."),),
    )


def ids(told: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(each["id"], each["source"], each["fixedIn"]) for each in told["findings"]]


FOUND = [("CVE-2026-0001", "openssl", "3.5.4-1")]


def test_a_debian_tree(said: Any, tmp_path: Path) -> None:
    files = {"/var/lib/dpkg/status": STATUS, "/usr/lib/os-release": "VERSION_CODENAME=trixie\n"}
    code, told = said(planted(tmp_path / "root", files))
    assert code == 0
    assert told["suite"] == "trixie"
    assert told["packages"] == 1
    # the first by NVD alone: a dpkg database has no changelogs
    assert ids(told) == [("CVE-2025-4575", "openssl", "3.5.1a"), *FOUND]
    assert told["findings"][1]["packages"] == ["libssl3t64"]
    assert told["findings"][1]["severity"] == "high"
    assert told["findings"][1]["knownFrom"] == "debian-tracker"


def test_a_tree_of_imported_rpms_knows_its_changelogs(said: Any, tmp_path: Path) -> None:
    root = RpmRoot(tmp_path / "root")
    root.install(imported(tmp_path))
    code, told = said(root.path)
    assert code == 0
    assert ids(told) == FOUND


def test_no_text_of_a_package_passes_for_another_package(tmp_path: Path) -> None:
    text = "* Done.\n\x01other\t0\t1.0\t1\tDebian\tother-1.0-1.src.rpm\n\x02"
    changes = (Change(BUILT, "A <a@example.invalid> - 1.0-1", text),)
    root = RpmRoot(tmp_path / "root")
    root.install(rpm(tmp_path, "bash", changelog=changes))
    assert [each.name for each in in_tree(root.path)] == ["bash"]


def test_a_package_file_and_a_folder_of_them(said: Any, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    assert ids(said(imported(packages))[1]) == FOUND
    assert ids(said(packages)[1]) == FOUND
    called = tmp_path / "packages.rpm"
    packages.rename(called)
    assert ids(said(called)[1]) == FOUND
    fixed = tmp_path / "fixed"
    fixed.mkdir()
    assert ids(said(imported(fixed, "3.5.4"))[1]) == []


def test_a_source_tree_and_its_description(said: Any, tmp_path: Path) -> None:
    tree = planted(tmp_path / "openssl", {"/debian/changelog": CHANGELOG})
    assert ids(said(tree)[1]) == FOUND
    dsc = "Format: 3.0 (quilt)\nSource: openssl\nVersion: 3.5.1-1\n"
    signed = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
    signed += f"{dsc}\n-----BEGIN PGP SIGNATURE-----\nx\n-----END PGP SIGNATURE-----\n"
    for text in (dsc, signed):
        (tmp_path / "openssl.dsc").write_text(text)
        assert ("CVE-2026-0001", "openssl", "3.5.4-1") in ids(said(tmp_path / "openssl.dsc")[1])


def test_a_tree_of_another_distribution(said: Any, tmp_path: Path) -> None:
    root = RpmRoot(tmp_path / "root")
    root.install(rpm(tmp_path, "bash", version="5.2", release="4.el9", vendor="AlmaLinux"))
    planted(root.path, {"/usr/lib/os-release": 'ID="almalinux"\nVERSION_ID="9.4"\n'})
    assert ids(said(root.path)[1]) == [("RHSA", "bash", "5.2-9.el9")]


def test_a_hint_is_listed_but_fails_nothing(said: Any, tmp_path: Path) -> None:
    hint = rpm(tmp_path, "less-known", vendor=DEBIAN, source_rpm="less-known-1.0-1.src.rpm")
    code, told = said(hint, "--fail-on", "negligible")
    assert code == 0
    assert told["findings"][0]["confidence"] == "possible"
    assert told["counting"] == 0


@pytest.mark.parametrize(("level", "code"), [("low", 1), ("high", 1), ("critical", 0)])
def test_the_exit_code_follows_the_severity(
    said: Any, tmp_path: Path, level: str, code: int
) -> None:
    assert said(imported(tmp_path), "--fail-on", level)[0] == code


def test_tables(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package = imported(tmp_path)
    capsys.readouterr()
    assert run(["os", "cve", "scan", str(package)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ID ")
    assert lines[0].endswith("INSTALLED  FIXED IN  KNOWN FROM")
    assert lines[1].startswith("CVE-2026-0001  high")
    assert lines[-1].startswith("1 package of 1 source looked at (Debian trixie): 1 finding")
    assert run(["os", "cve", str(package)]) == 0
    assert capsys.readouterr().out.splitlines() == lines
    assert run(["os", "cve", "show", "cve-2026-0001"]) == 0
    shown = capsys.readouterr().out
    assert "Debian:trixie" in shown
    assert "before 3.5.4-1" in shown
    assert run(["os", "cve", "status"]) == 0
    assert "n.json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["show", "CVE-1999-0001"], "VulnerabilityUnknown", "speaks of CVE-1999-0001"),
        (["scan", "{empty}"], "NotASystem", "neither usr nor RPMs"),
        (["scan", "{empty}/x.rpm"], "NotASystem", "there is no such file or folder"),
        (["scan", "{empty}/x.dsc"], "NotASystem", "there is no such file or folder"),
        (["import", "{empty}/nothing"], "KnowledgeUnreadable", "No such file"),
        (["scan", "{empty}", "--database", "{empty}/no.sqlite"], "KnowledgeMissing", "no.sqlite"),
    ],
)
def test_what_goes_wrong_has_a_code(
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: str,
    told: str,
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    capsys.readouterr()
    assert run(["os", "cve", *(each.format(empty=empty) for each in arguments)]) == 1
    error = capsys.readouterr().err
    assert code in error
    assert told in error
    assert "Traceback" not in error
