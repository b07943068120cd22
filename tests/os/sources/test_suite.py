"""The index and the packages of an archive, and everything a mirror may do wrong."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from heliostat.core.errors import HeliostatError
from heliostat.os.sources import apt
from heliostat.os.sources.archive import Archive
from heliostat.os.sources.download import deb_path, fetch
from heliostat.os.sources.lock import keep, open_locked, read_lock, write_lock
from heliostat.os.sources.suite import Suite, index_text, open_suite
from heliostat.testing.debian_archive import TinyArchive, tiny_archive
from heliostat.testing.debs import TinyDeb
from heliostat.testing.mirror import Cut

ONE = TinyDeb("one", fields={"Depends": "two (>= 1.0)", "Source": "ones (2.0-3)"})
TWO = TinyDeb("two", "1:2.0-1", files={"/usr/share/two/data": "x" * 300_000})


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[TinyArchive]:
    with tiny_archive(tmp_path / "archive") as made:
        made.publish(ONE, TWO)
        yield made


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def opened(archive: TinyArchive, cache: Path) -> Suite:
    return open_suite(archive.archive, cache, max_age_s=0)


def test_entries_are_what_the_index_says(archive: TinyArchive, cache: Path) -> None:
    suite = opened(archive, cache)
    one = suite.find("one")
    assert (one.version, one.depends) == ("1.0-1", "two (>= 1.0)")
    assert (one.source, one.source_version) == ("ones", "2.0-3")
    assert one.url == f"{archive.mirror.url}/pool/one_1.0-1_amd64.deb"
    assert one.summary == "one of the test"
    assert (suite.find("two").source, suite.find("two").source_version) == ("two", "1:2.0-1")


@pytest.mark.parametrize("scheme", ["file:", "file://"])
def test_an_archive_may_be_a_folder(scheme: str, archive: TinyArchive, cache: Path) -> None:
    (source,) = archive.archive.sources
    local = dataclasses.replace(source, uri=f"{scheme}{archive.root / 'www'}")
    suite = open_suite(Archive((local,)), cache, max_age_s=0)
    one = suite.find("one")
    assert fetch(suite.archive, [one], cache)[one.sha256].stat().st_size == one.size_bytes


def test_a_young_index_is_not_asked_for_again(archive: TinyArchive, cache: Path) -> None:
    first = opened(archive, cache)
    archive.mirror.asked.clear()
    again = open_suite(archive.archive, cache, max_age_s=3600)
    assert again.entries == first.entries
    assert archive.mirror.asked == []


def test_the_newest_of_a_name_is_debians_newest(archive: TinyArchive, cache: Path) -> None:
    archive.publish(TinyDeb("one", "1.0~rc1-1"), TinyDeb("one", "1.0-1+b1"))
    suite = opened(archive, cache)
    assert len([entry for entry in suite.packages() if entry.name == "one"]) == 3
    assert suite.find("one").version == "1.0-1+b1"


def test_an_unknown_name_tells_the_nearest(archive: TinyArchive, cache: Path) -> None:
    with pytest.raises(HeliostatError, match=r"no package twoo\. Did you mean two\?") as raised:
        opened(archive, cache).find("twoo")
    assert raised.value.code == "PackageNotFound"


def refused(archive: TinyArchive, cache: Path) -> HeliostatError:
    with pytest.raises(HeliostatError) as raised:
        opened(archive, cache)
    return raised.value


def test_an_unsigned_archive_is_refused(archive: TinyArchive, cache: Path) -> None:
    release = archive.root / "www" / "dists" / "testing"
    text = (release / "InRelease").read_text()
    plain = text.split("\n\n", 1)[1].split("-----BEGIN PGP SIGNATURE")[0]
    (release / "InRelease").unlink()
    (release / "Release").write_text(plain)
    error = refused(archive, cache)
    assert error.code == "ArchiveUntrusted"
    assert error.message == f"The suite testing of {archive.mirror.url} is not signed."


def test_a_tampered_index_is_refused(archive: TinyArchive, cache: Path) -> None:
    release = archive.root / "www" / "dists" / "testing" / "InRelease"
    release.write_text(release.read_text().replace("Origin: Test", "Origin: Evil"))
    error = refused(archive, cache)
    assert error.code == "ArchiveUntrusted"
    assert "changed after signing" in error.message


def test_another_key_is_refused(archive: TinyArchive, cache: Path, tmp_path: Path) -> None:
    with tiny_archive(tmp_path / "other") as other:
        archive.keyring.write_bytes(other.keyring.read_bytes())
    error = refused(archive, cache)
    assert error.code == "ArchiveUntrusted"
    assert "isn't in the keyring" in error.message


def test_an_expired_index_is_refused(archive: TinyArchive, cache: Path) -> None:
    archive.index(valid_for=datetime.timedelta(days=-1))
    error = refused(archive, cache)
    assert error.code == "ArchiveUntrusted"
    assert "too old" in error.message


def test_an_index_that_is_not_the_signed_one_is_refused(archive: TinyArchive, cache: Path) -> None:
    packages = archive.root / "www/dists/testing/main/binary-amd64/Packages"
    archive.mirror.faults["/Packages"] = packages.read_bytes().replace(b"1.0-1", b"9.9-9")
    assert refused(archive, cache).code == "DigestMismatch"


def test_a_mirror_without_the_release_says_where_to_look(archive: TinyArchive, cache: Path) -> None:
    archive.mirror.faults["/InRelease"] = 404
    error = refused(archive, cache)
    assert error.code == "ArchiveUnreachable"
    assert error.message == f"{archive.mirror.url} has no suite testing."
    assert "helio os source show" in error.hint


def test_a_refused_index_leaves_the_old_one_in_use(archive: TinyArchive, cache: Path) -> None:
    before = opened(archive, cache)
    archive.mirror.faults["/InRelease"] = b"<html>Please sign in</html>"
    assert refused(archive, cache).code == "ArchiveUntrusted"
    assert open_suite(archive.archive, cache, max_age_s=3600).entries == before.entries


@pytest.mark.parametrize("left", [b"", b"Package: one\n"])
def test_a_kept_index_that_was_changed_is_fetched_anew(
    archive: TinyArchive, cache: Path, left: bytes
) -> None:
    before = opened(archive, cache)
    (kept,) = cache.rglob("lists/*_Packages")
    kept.write_bytes(left)
    (parsed,) = cache.rglob("entries-*.msgpack")
    parsed.unlink()
    with pytest.raises(HeliostatError) as raised:
        index_text(archive.archive, before.indexes[0], cache)
    assert raised.value.code == "DigestMismatch"
    kept.write_bytes(left)
    assert open_suite(archive.archive, cache, max_age_s=3600).entries == before.entries
    kept.write_bytes(left)
    assert opened(archive, cache).entries == before.entries


def test_packages_are_kept_by_digest_and_asked_for_once(archive: TinyArchive, cache: Path) -> None:
    suite = opened(archive, cache)
    paths = fetch(archive.archive, suite.packages(), cache)
    for entry in suite.packages():
        data = paths[entry.sha256].read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry.sha256
    archive.mirror.asked.clear()
    assert fetch(archive.archive, suite.packages(), cache) == paths
    assert archive.mirror.asked == []
    one = suite.find("one")
    paths[one.sha256].write_bytes(b"")  # as a power cut leaves it
    assert fetch(archive.archive, suite.packages(), cache) == paths
    assert paths[one.sha256].stat().st_size == one.size_bytes
    assert archive.mirror.count(".deb") == 1


def test_more_packages_than_fit_into_one_command_are_fetched(
    archive: TinyArchive, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt, "_TOGETHER", 1)
    archive.publish(*(TinyDeb(f"n{number}") for number in range(9)))
    suite = opened(archive, cache)
    paths = fetch(archive.archive, suite.packages(), cache)
    assert len(paths) == len(suite.packages()) > 9
    assert all(path.is_file() for path in paths.values())


def test_a_package_that_is_gone_names_its_address(archive: TinyArchive, cache: Path) -> None:
    suite = opened(archive, cache)
    archive.mirror.faults["one_1.0-1_amd64.deb"] = 404
    with pytest.raises(HeliostatError, match=r"no http.*one_1.0-1_amd64.deb \(404\)") as raised:
        fetch(archive.archive, suite.packages(), cache)
    assert raised.value.code == "ArchiveUnreachable"
    # what could be had is there
    assert deb_path(suite.find("two"), cache).is_file()


def test_a_tampered_package_is_refused(archive: TinyArchive, cache: Path) -> None:
    suite = opened(archive, cache)
    deb = archive.root / "www/pool/one_1.0-1_amd64.deb"
    archive.mirror.faults["one_1.0-1_amd64.deb"] = deb.read_bytes()[:-1] + b"?"
    with pytest.raises(HeliostatError) as raised:
        fetch(archive.archive, [suite.find("one")], cache)
    assert raised.value.code == "DigestMismatch"
    assert not deb_path(suite.find("one"), cache).exists()


def test_half_a_download_is_resumed(archive: TinyArchive, cache: Path) -> None:
    suite = opened(archive, cache)
    two = suite.find("two")
    begun = cache / "debs" / "partial" / two.sha256
    begun.parent.mkdir(parents=True)
    whole = (archive.root / "www/pool" / two.file_name).read_bytes()
    begun.write_bytes(whole[: len(whole) // 2])
    subprocess.run(["touch", "-d", "2023-11-14 22:13:20 UTC", str(begun)], check=True)
    archive.mirror.asked.clear()
    assert fetch(archive.archive, [two], cache)[two.sha256].read_bytes() == whole
    assert any("bytes=" in asked for asked in archive.mirror.asked)


def test_a_connection_that_ends_early_is_tried_again(archive: TinyArchive, cache: Path) -> None:
    suite = opened(archive, cache)
    archive.mirror.faults["two_2.0-1_amd64.deb"] = Cut(100, [1])
    two = suite.find("two")
    assert fetch(archive.archive, [two], cache)[two.sha256].stat().st_size == two.size_bytes


def test_a_mirror_that_always_ends_early_is_told(archive: TinyArchive, cache: Path) -> None:
    suite = opened(archive, cache)
    archive.mirror.faults["two_2.0-1_amd64.deb"] = Cut(0)
    with pytest.raises(HeliostatError) as raised:
        fetch(archive.archive, [suite.find("two")], cache)
    assert raised.value.code == "ArchiveUnreachable"
    assert "two_2.0-1_amd64.deb" in raised.value.message


def test_a_lock_opens_the_suite_as_it_was(
    archive: TinyArchive, cache: Path, tmp_path: Path
) -> None:
    before = opened(archive, cache)
    write_lock(keep(before, cache), tmp_path / "lock.json")
    archive.publish(TinyDeb("one", "3.0-1"))
    assert opened(archive, cache).find("one").version == "3.0-1"
    then = open_locked(read_lock(tmp_path / "lock.json"), archive.archive, cache)
    assert then.find("one").version == "1.0-1"
    assert fetch(archive.archive, [then.find("one")], cache)


def test_a_lock_of_another_machine_is_filled_from_the_archive(
    archive: TinyArchive, cache: Path, tmp_path: Path
) -> None:
    lock = keep(opened(archive, cache), cache)
    elsewhere = tmp_path / "elsewhere"
    assert open_locked(lock, archive.archive, elsewhere).find("one").version == "1.0-1"
    archive.publish(TinyDeb("one", "3.0-1"))
    assert open_locked(lock, archive.archive, elsewhere).find("one").version == "1.0-1"


def test_a_locked_suite_is_fetched_from_where_the_archive_is_now(
    archive: TinyArchive, cache: Path
) -> None:
    lock = keep(opened(archive, cache), cache)
    (source,) = archive.archive.sources
    moved = dataclasses.replace(source, uri=f"file:{archive.root / 'www'}")
    then = open_locked(lock, Archive((moved,)), cache)
    asked = len(archive.mirror.asked)
    assert fetch(then.archive, [then.find("one")], cache)
    assert len(archive.mirror.asked) == asked


def test_a_lock_whose_index_is_nowhere_is_refused(
    archive: TinyArchive, cache: Path, tmp_path: Path
) -> None:
    lock = keep(opened(archive, cache), cache)
    archive.publish(TinyDeb("one", "3.0-1"))
    with pytest.raises(HeliostatError, match="the archive has another one now") as raised:
        open_locked(lock, archive.archive, tmp_path / "elsewhere")
    assert lock.indexes[0].sha256 in str(raised.value.hint)


def test_a_kept_index_that_was_changed_is_refused(archive: TinyArchive, cache: Path) -> None:
    lock = keep(opened(archive, cache), cache)
    (kept,) = (cache / "indexes").iterdir()
    kept.write_bytes(zstandard.ZstdCompressor().compress(b"Package: other"))
    with pytest.raises(HeliostatError, match="was changed"):
        open_locked(lock, archive.archive, cache)


def test_a_file_that_is_no_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock.json").write_text("{}")
    with pytest.raises(HeliostatError, match="is no lock of an archive"):
        read_lock(tmp_path / "lock.json")
