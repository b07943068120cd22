"""Build roots: what the archive says of their packages, and their records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.monitor import SilentMonitor
from heliostat.os.packages.build.archive import SourceArchive
from heliostat.os.packages.build.root import build_root, digest_of
from heliostat.os.sources.apt import Apt
from heliostat.testing.debian_archive import TinyArchive, tiny_archive
from heliostat.testing.debs import TinyDeb


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[TinyArchive]:
    with tiny_archive(tmp_path / "archive") as made:
        made.publish(TinyDeb("cc", "1:12-1"), TinyDeb("cc", "1:13-1"), TinyDeb("make", "4~rc1"))
        yield made


def sources(archive: TinyArchive, folder: Path) -> SourceArchive:
    apt = Apt(folder, archive.archive)
    apt.update()
    return SourceArchive(archive.archive, apt)


def test_digests_are_those_of_the_signed_index(archive: TinyArchive, tmp_path: Path) -> None:
    found = sources(archive, tmp_path / "apt")
    index = (archive.root / "www/dists/testing/main/binary-amd64/Packages").read_text()
    digests = found.digests(["cc=1:12-1", "make=4~rc1"])
    assert digests.keys() == {"cc=1:12-1", "make=4~rc1"}
    for package, digest in digests.items():
        name, version = package.split("=")
        (stanza,) = (
            each
            for each in index.split("\n\n")
            if f"Package: {name}\n" in each and f"Version: {version}\n" in each
        )
        assert f"SHA256: {digest}" in stanza


def test_a_version_that_the_archive_lost_is_told(archive: TinyArchive, tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match="has no cc=1:11-1 any more"):
        sources(archive, tmp_path / "apt").digests(["cc=1:11-1"])


@pytest.mark.parametrize("told", [["make=4~rc1"], {"make=4~rc1": "a" * 64}])
def test_a_root_that_is_there_is_taken_with_what_its_record_says(
    archive: TinyArchive, tmp_path: Path, told: list[str] | dict[str, str]
) -> None:
    """Records of earlier versions have no digests."""
    folder = tmp_path / "roots" / digest_of(["make=4~rc1"])[:16]
    folder.mkdir(parents=True)
    folder.with_suffix(".json").write_text(json.dumps(told))
    found = SourceArchive(archive.archive, Apt(tmp_path / "apt", archive.archive))
    root = build_root(found, ["make=4~rc1"], tmp_path, SilentMonitor())
    assert (root.path, root.packages) == (folder, ("make=4~rc1",))
    assert root.digests == (told if isinstance(told, dict) else {})
