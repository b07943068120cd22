"""Importing: every form, whole or not at all, once, and in any order."""

from __future__ import annotations

import gzip
import json
import lzma
import sqlite3
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import closing
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import zstandard

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.cve.feeds.detection import Feed, Form
from heliostat.os.cve.knowledge import KnowledgeBase
from heliostat.os.cve.severity import Severity
from heliostat.os.cve.statement import Entry, Knowledge, Standing
from heliostat.testing.feeds import match, nvd, nvd_cve, nvd_old, osv, tracker, written
from heliostat.testing.small_disk import small_disk

SAMPLE = nvd(nvd_cve("CVE-2026-1", [match("gnu", "bash", versionEndExcluding="5.3")]))


@pytest.fixture
def base(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase(tmp_path / "state" / "cve.sqlite", create=True) as opened:
        yield opened


def said(base: KnowledgeBase, package: str) -> list[tuple[Any, ...]]:
    return [
        (s.vulnerability, s.ecosystem, s.introduced, s.fixed, s.last_affected)
        for s in base.statements([package])
    ]


def test_nvd_2(base: KnowledgeBase, tmp_path: Path) -> None:
    done = base.add(written(tmp_path, "feed.json", SAMPLE))
    assert (done.form, done.entries, done.already) == ("NVD 2.0", 1, False)
    assert said(base, "bash") == [("CVE-2026-1", "cpe", None, "5.3", None)]
    told, _ = base.about("CVE-2026-1")
    assert (told[0].score, told[0].worded, told[0].summary) == (7.5, Severity.HIGH, "It is bad.")


def test_nvd_1(base: KnowledgeBase, tmp_path: Path) -> None:
    feed = nvd_old("CVE-2019-1", "gnu", "tar", "1.31")
    assert base.add(written(tmp_path, "feed.json", feed)).form == "NVD 1.1"
    assert said(base, "tar") == [("CVE-2019-1", "cpe", None, "1.31", None)]
    assert base.about("CVE-2019-1")[0][0].score == 5.0


@pytest.mark.parametrize(
    ("one", "statements"),
    [
        (match("gnu", "bash", versionEndExcluding="5"), 1),
        (match("gnu", "bash", "5.1"), 1),
        (match("gnu", "bash"), 0),
        (match("gnu", "bash", versionEndExcluding="5", vulnerable=False), 0),
        (match("x", "bash", versionEndExcluding="5", target="node.js"), 0),
        (match("x", "bash", versionEndExcluding="5", target="windows"), 0),
        (match("x", "bash", versionEndExcluding="5", part="h"), 0),
    ],
)
def test_only_what_can_run_here_with_a_version_counts(
    base: KnowledgeBase, tmp_path: Path, one: dict[str, Any], statements: int
) -> None:
    base.add(written(tmp_path, "feed.json", nvd(nvd_cve("CVE-2026-1", [one]))))
    assert len(said(base, "bash")) == statements


@pytest.mark.parametrize(("system", "statements"), [("windows_10", 0), ("debian_linux", 1)])
def test_on_another_system_only(
    base: KnowledgeBase, tmp_path: Path, system: str, statements: int
) -> None:
    platform = match("x", system, vulnerable=False, part="o")
    node = {"operator": "OR", "negate": False, "cpeMatch": [platform]}
    bash = match("gnu", "bash", versionEndExcluding="5")
    item = nvd_cve("CVE-2026-1", [bash], operator="AND", extra_nodes=[node])
    base.add(written(tmp_path, "feed.json", nvd(item)))
    assert len(said(base, "bash")) == statements


def test_osv_of_a_release_and_its_ranges(base: KnowledgeBase, tmp_path: Path) -> None:
    events = [
        {"introduced": "0"},
        {"fixed": "1.2-1"},
        {"introduced": "1.4"},
        {"last_affected": "1.5"},
    ]
    record = osv("DSA-1-1", "Debian:13", "bash", events, upstream=["CVE-2026-1"])
    assert base.add(written(tmp_path, "one.json", record)).form == "OSV"
    assert said(base, "bash") == [
        ("CVE-2026-1", "Debian:trixie", None, "1.2-1", None),
        ("CVE-2026-1", "Debian:trixie", "1.4", None, "1.5"),
    ]


@pytest.mark.parametrize(
    "order", list(permutations(("introduced 0", "fixed 1.9", "introduced 1.10", "fixed 1.12")))
)
def test_osv_lists_events_in_any_order(
    base: KnowledgeBase, tmp_path: Path, order: tuple[str, ...]
) -> None:
    """1.9 comes before 1.10, whatever the letters say."""
    events = [dict([each.split()]) for each in order]
    record = osv("DSA-1-1", "Debian:13", "bash", events, upstream=["CVE-2026-1"])
    base.add(written(tmp_path, "osv.json", record))
    assert said(base, "bash") == [
        ("CVE-2026-1", "Debian:trixie", None, "1.9", None),
        ("CVE-2026-1", "Debian:trixie", "1.10", "1.12", None),
    ]


def test_osv_as_an_archive_with_versions(base: KnowledgeBase, tmp_path: Path) -> None:
    listed = osv("GHSA-x", "PyPI", "jinja2", [], severity=[{"type": "CVSS_V3", "score": VECTOR}])
    listed["affected"][0]["ranges"] = []
    listed["affected"][0]["versions"] = ["2.0"]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("GHSA-x.json", json.dumps(listed))
        archive.writestr("b.json", json.dumps(osv("GHSA-y", "Go", "x/y", [{"introduced": "0"}])))
    assert base.add(tmp_path / "all.zip").entries == 2
    assert said(base, "jinja2") == [("GHSA-x", "PyPI", "2.0", None, "2.0")]
    assert said(base, "x/y") == [("GHSA-y", "Go", None, None, None)]
    assert base.about("GHSA-x")[0][0].score == 9.8


VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


@pytest.mark.parametrize(
    ("status", "fixed", "standing"),
    [
        ("open", None, Standing.AFFECTED),
        ("resolved", "5-1", Standing.AFFECTED),
        ("resolved", "0", Standing.NOT_AFFECTED),
        ("undetermined", None, Standing.UNDETERMINED),
    ],
)
def test_the_tracker(
    base: KnowledgeBase, tmp_path: Path, status: str, fixed: str | None, standing: Standing
) -> None:
    base.add(written(tmp_path, "t.json", tracker("bash", "CVE-2026-1", "trixie", status, fixed)))
    (statement,) = base.statements(["bash"])
    assert (statement.standing, statement.ecosystem) == (standing, "Debian:trixie")
    assert statement.fixed == (fixed if fixed != "0" else None)


def test_a_newer_snapshot_forgets_the_older(base: KnowledgeBase, tmp_path: Path) -> None:
    old = written(tmp_path, "1.json", tracker("bash", "CVE-2026-1", "trixie", "open"))
    new = written(tmp_path, "2.json", tracker("tar", "CVE-2026-2", "trixie", "open"))
    base.add(old)
    base.add(new)
    assert said(base, "bash") == []
    assert [each.name for each in base.files()] == ["2.json"]
    assert not base.add(old).already
    assert said(base, "tar") == []


CHANGELOG = """bash (5.3-2) unstable; urgency=low

  * Fix CVE-2026-1000.

 -- A <a@b>  Tue, 01 Jul 2025 20:00:00 +0200
"""
CONTROL = """Package: bash-doc
Version: 5.3-2
Architecture: all
Maintainer: A <a@b>
Description: x
"""


def test_a_changelog_and_a_package_with_one(base: KnowledgeBase, tmp_path: Path) -> None:
    (tmp_path / "changelog").write_text(CHANGELOG)
    assert base.add(tmp_path / "changelog").form == "Debian changelog"
    root = tmp_path / "bash-doc"
    doc = root / "usr/share/doc/bash-doc"
    doc.mkdir(parents=True)
    (doc / "changelog.Debian.gz").write_bytes(
        gzip.compress(CHANGELOG.replace("-1000.", "-7000.").encode())
    )
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN/control").write_text(CONTROL)
    deb = tmp_path / "bash-doc.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", root, deb], check=True)
    assert base.add(deb).form == "package"
    assert said(base, "bash") == [("CVE-2026-7000", "Debian", None, "5.3-2", None)]


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, zstandard.compress])
def test_packed_feeds(base: KnowledgeBase, tmp_path: Path, pack: Any) -> None:
    (tmp_path / "feed").write_bytes(pack(json.dumps(SAMPLE).encode()))
    assert base.add(tmp_path / "feed").entries == 1


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    """The newest record of an id counts; each order gives the same database."""
    feeds = [
        nvd(nvd_cve("CVE-2026-1", [match("gnu", "bash", versionEndExcluding="5.1")])),
        nvd(
            nvd_cve(
                "CVE-2026-1",
                [match("gnu", "bash", versionEndExcluding="5.2")],
                modified="2026-02-01T00:00:00.000",
            )
        ),
        tracker("bash", "CVE-2026-1", "trixie", "open"),
    ]
    paths = [written(tmp_path, f"{n}.json", feed) for n, feed in enumerate(feeds)]
    seen = []
    for number, order in enumerate(permutations(paths)):
        with KnowledgeBase(tmp_path / f"{number}.sqlite", create=True) as base:
            for path in order:
                base.add(path)
            seen.append(list(base.statements(["bash"])))
    assert all(each == seen[0] for each in seen)
    assert [s.fixed for s in seen[0] if s.knowledge is Knowledge.NVD] == ["5.2"]


@pytest.mark.parametrize("state", ["rejected", "withdrawn"])
def test_what_was_taken_back_is_gone(base: KnowledgeBase, tmp_path: Path, state: str) -> None:
    bash = match("gnu", "bash", versionEndExcluding="5")
    events = [{"introduced": "0"}]
    if state == "rejected":
        first = nvd(nvd_cve("CVE-2026-1", [bash]))
        gone = nvd_cve("CVE-2026-1", [bash], status="Rejected", modified="2026-03-01T00:00:00.000")
        second = nvd(gone)
    else:
        first = osv("OSV-1", "Debian:13", "bash", events)
        second = {**first, "modified": "2026-03-01T00:00:00Z", "withdrawn": "2026-03-01T00:00:00Z"}
    base.add(written(tmp_path, "1.json", first))
    assert said(base, "bash")
    base.add(written(tmp_path, "2.json", second))
    assert said(base, "bash") == []


def test_a_file_is_taken_in_once(base: KnowledgeBase, tmp_path: Path) -> None:
    path = written(tmp_path, "feed.json", SAMPLE)
    base.add(path)
    again = base.add(path)
    assert (again.already, again.entries) == (True, 1)


WHOLE = json.dumps(SAMPLE).encode()
RECORD = json.dumps(osv("OSV-1", "Debain:13", "bash", [{"introduced": "0"}])).encode()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (WHOLE[:300], "it ends in the middle"),
        (gzip.compress(WHOLE)[:100], "ends in the middle"),
        (b"", "neither JSON nor"),
        (b"<html>404</html>", "neither JSON nor"),
        (b"{,}", "it is not JSON"),
        (b"{}", "names no package"),
        (b'{"a": 1}', "not a snapshot of the tracker"),
        (
            b'{"vulnerabilities": [{"cve": {}}]}',
            "not an NVD 2.0 feed (object missing required field",
        ),
        (b'{"CVE_Items": 5}', "not an NVD 1.1 feed"),
        (b'{"id": "x", "modified": 5}', "not an OSV record"),
        (b'{"vulnerabilities": []}', "there is nothing in it"),
        (RECORD, "did it mean Debian?"),
        (b"PK\x03\x04garbage", "the archive is damaged"),
    ],
)
def test_bad_files_are_told_and_change_nothing(
    base: KnowledgeBase, tmp_path: Path, content: bytes, told: str
) -> None:
    base.add(written(tmp_path, "good.json", SAMPLE))
    before = said(base, "bash")
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(HeliostatError) as caught:
        base.add(tmp_path / "bad")
    assert caught.value.code == "KnowledgeUnreadable"
    assert told in caught.value.message
    assert str(tmp_path / "bad") in caught.value.message
    assert said(base, "bash") == before
    assert len(base.files()) == 1


def test_an_archive_with_one_bad_record_is_refused_whole(
    base: KnowledgeBase, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("a.json", json.dumps(osv("A", "PyPI", "x", [{"introduced": "0"}])))
        archive.writestr("b.json", RECORD)
    with pytest.raises(HeliostatError, match=r"b\.json was not imported"):
        base.add(tmp_path / "all.zip")
    assert said(base, "x") == []


def test_an_encrypted_archive_is_told(base: KnowledgeBase, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("a.json", "{}")
    raw = bytearray((tmp_path / "all.zip").read_bytes())
    raw[6] |= 1  # the flag of encryption, in the member and in the directory
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "all.zip").write_bytes(raw)
    with pytest.raises(HeliostatError, match="encrypted") as caught:
        base.add(tmp_path / "all.zip")
    assert caught.value.code == "KnowledgeUnreadable"


def test_a_missing_file_and_a_foreign_database(tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match="Nothing was imported yet"):
        KnowledgeBase(tmp_path / "none.sqlite")
    (tmp_path / "text.sqlite").write_text("this is no database at all, but text")
    with pytest.raises(HeliostatError, match="not our database"):
        KnowledgeBase(tmp_path / "text.sqlite")
    newer = sqlite3.connect(tmp_path / "newer.sqlite")
    newer.execute("PRAGMA user_version = 99")
    newer.commit()
    newer.close()
    with pytest.raises(HeliostatError, match="format 99"):
        KnowledgeBase(tmp_path / "newer.sqlite")
    with closing(sqlite3.connect(tmp_path / "others.sqlite")) as others:
        others.execute("CREATE TABLE mine (a)")
        with pytest.raises(HeliostatError, match="database of another program"):
            KnowledgeBase(tmp_path / "others.sqlite", create=True)
        assert others.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]


def test_a_full_disk_is_told_and_changes_nothing(tmp_path: Path) -> None:
    many = [nvd_cve(f"CVE-2026-{number}", []) for number in range(20_000)]
    with (
        small_disk(tmp_path / "disk", 2) as folder,
        KnowledgeBase(folder / "cve.sqlite", create=True) as base,
    ):
        base.add(written(tmp_path, "1.json", SAMPLE))
        with pytest.raises(HeliostatError) as caught:
            base.add(written(tmp_path, "2.json", nvd(*many)))
        assert caught.value.code == "DiskFull"
        assert [known.name for known in base.files()] == ["1.json"]
        assert said(base, "bash")


def test_an_import_that_another_one_keeps_waiting_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "cve.sqlite"
    with KnowledgeBase(place, create=True):
        pass
    monkeypatch.setattr("heliostat.os.cve.knowledge._BUSY_S", 0)
    with (
        closing(sqlite3.connect(place, isolation_level=None)) as other,
        KnowledgeBase(place) as base,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HeliostatError) as caught:
            base.add(written(tmp_path, "1.json", SAMPLE))
        assert caught.value.code == "KnowledgeBusy"
        other.execute("ROLLBACK")
        assert not base.add(written(tmp_path, "1.json", SAMPLE)).already


def test_a_database_on_a_medium_that_is_only_read(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4) as folder:
        with KnowledgeBase(folder / "cve.sqlite", create=True) as base:
            base.add(written(tmp_path, "1.json", SAMPLE))
        run(["mount", "-o", "remount,ro", str(folder)], timeout_s=60)
        with KnowledgeBase(folder / "cve.sqlite") as base:
            assert said(base, "bash")


def test_readers_see_the_state_before_until_a_file_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An importer that is stopped in the middle of a file leaves nothing of it."""
    place = tmp_path / "cve.sqlite"
    path = written(tmp_path, "1.json", SAMPLE)

    def stopped(_: Path) -> Feed:
        return Feed(Form.NVD, entries())

    def entries() -> Iterator[Entry]:
        yield Entry(Knowledge.NVD, "CVE-2026-1", "2027")  # takes the statement back
        assert said(reader, "bash")
        raise KeyboardInterrupt

    with KnowledgeBase(place, create=True) as writer, KnowledgeBase(place) as reader:
        writer.add(path)
        monkeypatch.setattr("heliostat.os.cve.knowledge.recognised", stopped)
        with pytest.raises(KeyboardInterrupt):
            writer.add(written(tmp_path, "2.json", {}))
        assert said(writer, "bash") == said(reader, "bash") != []
