"""Which archive is meant: the host's apt, settings, environment, snapshots."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.sources.apt import uri_to_file_name
from heliostat.os.sources.archive import ArchiveSettings, archive_of
from heliostat.os.sources.settings import archive_settings

LIST = """\
deb http://mirror.test/debian bookworm main
deb http://mirror.test/debian bookworm-updates main
deb http://mirror.test/debian-security bookworm-security main
deb http://elsewhere.test/tools stable main
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc/apt").mkdir(parents=True)
    (tmp_path / "etc/apt/sources.list").write_text(LIST)
    (tmp_path / "etc/os-release").write_text("ID=debian\nVERSION_CODENAME=bookworm\n")
    return tmp_path


def places(settings: ArchiveSettings, root: Path) -> list[str]:
    return [f"{each.uri} {each.suite}" for each in archive_of(settings, root).sources]


def test_another_release_comes_from_the_hosts_mirrors(root: Path) -> None:
    assert places(ArchiveSettings(suite="trixie"), root) == [
        "http://mirror.test/debian trixie",
        "http://mirror.test/debian trixie-updates",
        "http://mirror.test/debian-security trixie-security",
    ]


def test_a_named_mirror_needs_no_host(tmp_path: Path) -> None:
    own = ArchiveSettings(suite="own", mirror="http://own.test/debian")
    assert places(own, tmp_path) == ["http://own.test/debian own"]
    secure = ArchiveSettings(suite="own", mirror="http://a.test", security_mirror="http://b.test")
    assert places(secure, tmp_path) == ["http://a.test own", "http://b.test own-security"]


def test_a_snapshot_is_a_pattern_and_may_be_old(root: Path) -> None:
    pattern = "http://past.test/{archive}/{snapshot}"
    past = ArchiveSettings(snapshot="20260101T000000Z", snapshot_pattern=pattern)
    archive = archive_of(past, root)
    assert archive.sources[0].uri == "http://past.test/debian/20260101T000000Z"
    assert archive.sources[2].uri == "http://past.test/debian-security/20260101T000000Z"
    assert ("check-valid-until", "no") in archive.sources[0].options


def test_a_snapshot_without_a_pattern_is_refused(root: Path) -> None:
    with pytest.raises(HeliostatError, match="no snapshot_pattern is set"):
        archive_of(ArchiveSettings(snapshot="20260101T000000Z"), root)


def test_archives_differ_by_what_they_are_made_of(root: Path) -> None:
    one, two = (archive_of(ArchiveSettings(suite=suite), root) for suite in ("trixie", "sid"))
    assert one.identity != two.identity
    assert one.identity == archive_of(ArchiveSettings(suite="trixie"), root).identity


def test_options_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "archive.yaml").write_text("suite: filed\nmirror: http://file.test\n")
    environ = {"HELIO_OS_SUITE": "surroundings", "HELIO_OS_MIRROR": "http://environ.test"}
    found = archive_settings(tmp_path, environ=environ, suite="said")
    assert (found.suite, found.mirror) == ("said", "http://environ.test")
    assert archive_settings(tmp_path, environ={}).suite == "filed"


def test_an_unknown_setting_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "archive.yaml").write_text("suite: x\nmiror: http://file.test\n")
    with pytest.raises(HeliostatError, match=r"archive\.yaml:2: .*did you mean 'mirror'"):
        archive_settings(tmp_path, environ={})


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("http://m.test/debian/dists/a/InRelease", "m.test_debian_dists_a_InRelease"),
        ("https://user:secret@m.test:8080/d_x", "m.test:8080_d%5fx"),
        ("file:/srv/debian/Packages", "_srv_debian_Packages"),
    ],
)
def test_names_of_apts_lists(uri: str, name: str) -> None:
    assert uri_to_file_name(uri) == name


@pytest.mark.parametrize("pattern", ["http://past.test/{suite}", "http://past.test/{", "{0}"])
def test_a_pattern_that_cannot_be_filled_in_is_refused(pattern: str, root: Path) -> None:
    settings = ArchiveSettings(snapshot="20260101T000000Z", snapshot_pattern=pattern)
    with pytest.raises(HeliostatError, match="can't be filled in") as caught:
        archive_of(settings, root)
    assert caught.value.code == "InvalidSetting"
