"""What is written, judged by RPM's own programs."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.packages.rpm.extract import entries, extract
from heliostat.os.packages.rpm.file import File, FileFlag, OnDisk
from heliostat.os.packages.rpm.package import Change, Package
from heliostat.os.packages.rpm.reader import read
from heliostat.os.packages.rpm.relation import Relation
from heliostat.os.packages.rpm.signing import sign
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.rpms import BUILT, signer, tiny
from heliostat.testing.small_disk import small_disk

_CONFIG = FileFlag.CONFIG | FileFlag.NO_REPLACE


def _rich() -> Package:
    """A package with one of everything."""
    return tiny(
        "rich",
        epoch=2,
        version="1.0~rc1",
        arch="x86_64",
        url="https://example.invalid/rich",
        source_rpm="rich-source-1.0~rc1-1.src.rpm",
        files=(
            File.folder("/opt/rich", 0o750, mtime=BUILT),
            File.regular("/opt/rich/run", b"#!/bin/sh\n", 0o755, mtime=BUILT),
            File("/opt/rich/walk", stat.S_IFREG | 0o755, hard_link="/opt/rich/run"),
            File.link("/opt/rich/link", "run", mtime=BUILT),
            File.regular("/etc/rich.conf", b"a=1\n", flags=_CONFIG, mtime=BUILT),
            File.regular("/usr/share/doc/rich/copyright", b"mine\n", flags=FileFlag.LICENCE),
            File("/var/log/rich", stat.S_IFREG | 0o640, flags=FileFlag.GHOST),
        ),
        provides=(Relation.parse("virtual-rich = 3"),),
        requires=(Relation.parse("(a or b >= 2)"), Relation.parse("libc6 >= 2.36")),
        conflicts=(Relation.parse("poor < 1"),),
        obsoletes=(Relation.parse("old-rich < 1"),),
        recommends=(Relation.parse("more"),),
        suggests=(Relation.parse("even-more"),),
        changelog=(Change(BUILT, "A <a@example.invalid> - 1.0-1", "- made\n  CVE-2026-1"),),
    )


def _query(path: Path, form: str) -> str:
    return run(["rpm", "-qp", "--nosignature", "--qf", form, str(path)], timeout_s=30).stdout


def test_rpm_reads_what_was_said(tmp_path: Path) -> None:
    path = write(_rich(), tmp_path).path
    assert path.name == "rich-1.0~rc1-1.x86_64.rpm"
    told = _query(path, "%{NEVRA}|%{LICENSE}|%{VENDOR}|%{URL}|%{SOURCERPM}|%{BUILDTIME}|%{SUMMARY}")
    assert told == (
        "rich-2:1.0~rc1-1.x86_64|Apache-2.0|Heliostat|https://example.invalid/rich|"
        f"rich-source-1.0~rc1-1.src.rpm|{BUILT}|The package rich"
    )
    assert _query(path, "[%{PROVIDES} %{PROVIDEFLAGS:depflags} %{PROVIDEVERSION}\n]") == (
        "virtual-rich = 3\nrich = 2:1.0~rc1-1\n"
    )
    assert _query(path, "[%{REQUIRENEVRS}\n]").splitlines()[:2] == [
        "(a or b >= 2)",
        "libc6 >= 2.36",
    ]
    assert _query(path, "[%{RECOMMENDS} ][%{SUGGESTS} ][%{CONFLICTS} ][%{OBSOLETES}]") == (
        "more even-more poor old-rich"
    )
    assert "CVE-2026-1" in run(["rpm", "-qp", "--changelog", str(path)], timeout_s=30).stdout


def test_rpm_lists_the_files_as_they_were_given(tmp_path: Path) -> None:
    path = write(_rich(), tmp_path).path
    listed = _query(path, "[%{FILEMODES:perms} %{FILEUSERNAME} %{FILESIZES} %{FILENAMES}\n]")
    assert listed.splitlines() == [
        "-rw-r--r-- root 4 /etc/rich.conf",
        "drwxr-x--- root 4096 /opt/rich",
        "lrwxrwxrwx root 3 /opt/rich/link",
        "-rwxr-xr-x root 10 /opt/rich/run",
        "-rwxr-xr-x root 10 /opt/rich/walk",
        "-rw-r--r-- root 5 /usr/share/doc/rich/copyright",
        "-rw-r----- root 0 /var/log/rich",
    ]
    assert _query(path, "[%{FILEFLAGS:fflags} ]") == "cn     l g "
    assert _query(path, "%{SIZE}") == str(4 + 3 + 10 + 5)


def test_rpm2cpio_and_cpio_unpack_the_payload(tmp_path: Path) -> None:
    path = write(_rich(), tmp_path).path
    archive = tmp_path / "archive"
    archive.write_bytes(_cpio(path))
    listed = run(["cpio", "-t", "-F", str(archive)], timeout_s=30).stdout.split()
    assert listed == [
        "./etc/rich.conf",
        "./opt/rich",
        "./opt/rich/link",
        "./opt/rich/run",
        "./opt/rich/walk",
        "./usr/share/doc/rich/copyright",
    ]


def _cpio(path: Path) -> bytes:
    return subprocess.run(["rpm2cpio", str(path)], check=True, capture_output=True).stdout


def test_unpacking_gives_the_files_back(tmp_path: Path) -> None:
    path = write(_rich(), tmp_path).path
    folder = tmp_path / "out"
    extract(path, folder)
    assert (folder / "etc/rich.conf").read_bytes() == b"a=1\n"
    assert (folder / "opt/rich/link").readlink() == Path("run")
    run_, walk = (folder / "opt/rich/run").stat(), (folder / "opt/rich/walk").stat()
    assert run_.st_ino == walk.st_ino
    assert (folder / "opt/rich/run").read_bytes() == b"#!/bin/sh\n"
    assert stat.S_IMODE(walk.st_mode) == 0o755


def test_unpacking_stays_inside_of_the_folder(tmp_path: Path) -> None:
    files = (File.link("/way", "/tmp"), File.regular("/way/out", b"no"))
    path = write(tiny("climber", files=files), tmp_path).path
    with pytest.raises(HeliostatError, match="leads outside") as caught:
        extract(path, tmp_path / "out")
    assert caught.value.code == "PackageInvalid"


def _member(name: str, mode: int, body: bytes = b"", links: int = 1) -> bytes:
    """One of a cpio archive (newc), of the inode 5."""
    text = name.encode() + b"\0"
    fields = (5, mode, 0, 0, links, BUILT, len(body), 0, 0, 0, 0, len(text), 0)
    head = b"070701" + b"".join(b"%08x" % each for each in fields) + text
    return head + b"\0" * (-len(head) % 4) + body + b"\0" * (-len(body) % 4)


def _crafted(folder: Path, *members: bytes) -> Path:
    """A package whose payload isn't what any program would write."""
    path = write(tiny("crafted"), folder).path
    payload = b"".join((*members, _member("TRAILER!!!", 0)))
    front = path.read_bytes()[: read(path).front.header_end]
    path.write_bytes(front + zstandard.compress(payload))
    return path


def test_a_hard_link_never_leads_outside(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"whole")
    path = _crafted(
        tmp_path,
        _member("./a", stat.S_IFREG | 0o644, links=2),
        _member("./a", stat.S_IFLNK | 0o777, str(victim).encode()),
        _member("./b", stat.S_IFREG | 0o644, b"spoilt", links=2),
    )
    with pytest.raises(HeliostatError, match="something else where /b links to"):
        extract(path, tmp_path / "out")
    assert victim.read_bytes() == b"whole"


@pytest.mark.parametrize("kinds", [(stat.S_IFDIR, stat.S_IFREG), (stat.S_IFREG, stat.S_IFDIR)])
def test_a_file_that_is_a_folder_too_is_refused(kinds: tuple[int, int], tmp_path: Path) -> None:
    path = _crafted(tmp_path, *(_member("./a", kind | 0o755) for kind in kinds))
    with pytest.raises(HeliostatError, match="twice, once as a folder") as caught:
        extract(path, tmp_path / "out")
    assert caught.value.code == "PackageInvalid"


_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
_STEMS = st.from_regex(r"[A-Za-z0-9äß._-]{1,8}", fullmatch=True).filter(
    lambda s: s not in (".", "..")
)
_FILES = st.dictionaries(
    _STEMS, st.tuples(st.binary(max_size=400), st.sampled_from([0o644, 0o4755]))
)


@given(summary=_TEXTS, description=_TEXTS, files=_FILES, epoch=st.none() | st.integers(0, 2**31))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_was_written_is_read_again(
    tmp_path: Path,
    summary: str,
    description: str,
    files: dict[str, tuple[bytes, int]],
    epoch: int | None,
) -> None:
    package = tiny(
        summary=summary,
        description=description,
        epoch=epoch,
        files=tuple(
            File.regular(f"/opt/{name}", content, mode) for name, (content, mode) in files.items()
        ),
    )
    path = write(package, tmp_path).path
    header = read(path)
    assert (header.summary, header.description, header.epoch) == (summary, description, epoch)
    listed = {entry.path: entry for entry in header.files()}
    stored = {entry.path: entry.body.read() for entry in entries(path)}
    assert stored == {f"/opt/{name}": content for name, (content, _) in files.items()}
    for name, (content, mode) in files.items():
        entry = listed[f"/opt/{name}"]
        assert (entry.size_bytes, stat.S_IMODE(entry.mode)) == (len(content), mode)


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """Another time zone and umask."""
    before, mask = os.environ.get("TZ"), os.umask(0o077)
    os.environ["TZ"] = "Pacific/Kiritimati"
    time.tzset()
    try:
        yield
    finally:
        os.umask(mask)
        os.environ.pop("TZ")
        os.environ |= {} if before is None else {"TZ": before}
        time.tzset()


def test_the_bytes_depend_on_the_package_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = os.urandom(1000) * 4000  # several jobs of the compressor
    source = tmp_path / "big"
    source.write_bytes(big)
    given_whole = dataclasses.replace(
        _rich(), files=(*_rich().files, File.regular("/opt/rich/big", big, mtime=BUILT))
    )
    from_disk = dataclasses.replace(
        _rich(),
        files=(File.regular("/opt/rich/big", OnDisk.whole(source), mtime=BUILT), *_rich().files),
    )
    here = write(given_whole, tmp_path / "here", threads=1)
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    with _elsewhere():
        there = write(from_disk, tmp_path / "there", threads=4)
    assert here.digest == there.digest
    assert here.path.read_bytes() == there.path.read_bytes()
    assert stat.S_IMODE(there.path.stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "no name"}, "no name of a package"),
        ({"version": "1-2"}, "has the version"),
        ({"release": ""}, "has the release"),
        ({"files": (File.regular("relative", b""),)}, "no clean absolute path"),
        ({"files": (File.regular("//a", b""),)}, "no clean absolute path"),
        ({"files": (File.regular("/a/../b", b""),)}, "no clean absolute path"),
        ({"files": (File.regular("/a\nb", b""),)}, "no clean absolute path"),
        ({"build_time": -1}, "BUILD_TIME can't be put"),
        ({"epoch": 2**32}, "EPOCH can't be put"),
        ({"files": (File.regular("/a", b""), File.folder("/a"))}, "there twice"),
        ({"files": (File("/pipe", stat.S_IFIFO | 0o600),)}, "neither file"),
        ({"files": (File("/a", stat.S_IFREG | 0o600, hard_link="/b"),)}, "hard link to /b"),
        (
            {
                "files": (
                    File("/a", stat.S_IFREG, flags=FileFlag.GHOST),
                    File("/b", stat.S_IFREG, hard_link="/a"),
                )
            },
            "hard link to /a",
        ),
        ({"summary": "a\0b"}, "zero byte"),
    ],
)
def test_what_rpm_could_not_hold_is_refused(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(HeliostatError, match=reason) as caught:
        write(tiny(**change), tmp_path)
    assert caught.value.code == "PackageInvalid"
    assert list(tmp_path.iterdir()) == []


def test_a_content_that_shrank_meanwhile_is_told(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"12345")
    content = OnDisk.whole(source)
    source.write_bytes(b"1")
    with pytest.raises(HeliostatError, match="ended after 1 of 5 bytes"):
        write(tiny(files=(File.regular("/a", content),)), tmp_path / "out")


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    noise = File.regular("/noise", os.urandom(6 << 20))
    fitting = write(tiny(), tmp_path / "fitting").path
    with small_disk(tmp_path / "disk", 4) as disk:
        with pytest.raises(HeliostatError) as caught:
            write(tiny(files=(noise,)), disk)
        assert caught.value.code == "DiskFull"
        assert [path.name for path in disk.iterdir()] == ["lost+found"]
        kept = disk / fitting.name
        kept.write_bytes(fitting.read_bytes())
        _fill(disk / "filler")
        with pytest.raises(HeliostatError) as caught:
            sign(kept, signer())
        assert caught.value.code == "DiskFull"
        assert kept.read_bytes() == fitting.read_bytes()


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as stream:
        while True:
            stream.write(b"\0" * 512)
