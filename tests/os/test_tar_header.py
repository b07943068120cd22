"""Tar archives that others made: sound ones read as ever, forged and damaged ones not at all."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from heliostat.core.process import run
from heliostat.os.tar_header import Header

MODES = ["r:", "r|"]


def _named(archive: bytes, mode: str) -> list[tuple[str, int, str]]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode=mode, tarinfo=Header) as tar:  # type: ignore[call-overload]
        return [(member.name, member.size, member.linkname) for member in tar]


def _archive(*members: tarfile.TarInfo, form: int = tarfile.GNU_FORMAT) -> bytearray:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return bytearray(out.getvalue())


def _file(name: str, size: int = 700) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def _header(name: str, kind: bytes, size: int) -> bytes:
    """One header alone, its size in base 256 where octal digits don't do."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", ["v7", "oldgnu", "gnu", "ustar", "posix"])
def test_what_tar_writes_is_read_as_it_is(tmp_path: Path, form: str, mode: str) -> None:
    folder = tmp_path / "tree"
    (folder / "folder").mkdir(parents=True)
    name = "folder/" + "n" * (60 if form in ("v7", "ustar") else 200)
    (folder / name).write_bytes(b"text" * 400)
    os.link(folder / name, folder / "other")
    (folder / "link").symlink_to("folder")
    with (folder / "holes").open("wb") as stream:
        stream.truncate(4 << 20)
        stream.seek(2 << 20)
        stream.write(b"middle")
    out = tmp_path / "out.tar"
    sparse = [] if form in ("v7", "ustar") else ["--sparse"]
    argv = ["tar", f"--format={form}", *sparse, "--sort=name", "-C", str(folder), "-cf", str(out)]
    run([*argv, "."], timeout_s=60)
    listed = run(["tar", "-tf", str(out)], timeout_s=60).stdout.split()
    found = _named(out.read_bytes(), mode)
    assert [name for name, _, _ in found] == [name.rstrip("/") for name in listed]
    assert {name: size for name, size, _ in found}["./holes"] == 4 << 20


@pytest.mark.parametrize("mode", MODES)
def test_a_damaged_header_is_no_end(mode: str) -> None:
    archive = _archive(_file("first"), _file("second"), _file("third"))
    archive[3 * 512 + 100] ^= 1
    with pytest.raises(tarfile.ReadError, match="damaged: bad checksum"):
        _named(bytes(archive), mode)


@pytest.mark.parametrize("mode", MODES)
def test_an_archive_that_ends_within_a_header_is_damaged(mode: str) -> None:
    archive = _archive(_file("first"), _file("second"))
    with pytest.raises(tarfile.ReadError, match="truncated"):
        _named(bytes(archive[: 3 * 512 + 100]), mode)
    assert _named(bytes(archive[: 3 * 512]), mode) == [("first", 700, "")]  # no zeros at the end


@pytest.mark.parametrize("mode", MODES)
def test_a_size_below_zero_leads_nowhere(mode: str) -> None:
    archive = _archive(_file("first")) + bytearray(1024)
    forged = _header("back", tarfile.REGTYPE, -1536)
    with pytest.raises(tarfile.ReadError, match="size below zero"):
        _named(bytes(archive[: 3 * 512]) + forged, mode)
    with pytest.raises(tarfile.ReadError, match="size below zero"):
        _named(forged, mode)


@pytest.mark.parametrize("mode", MODES)
def test_nor_does_one_that_an_extended_header_claims(mode: str) -> None:
    member = _file("back", 0)
    member.pax_headers = {"size": "-1536"}
    archive = _archive(_file("first"), member, form=tarfile.PAX_FORMAT)
    with pytest.raises(tarfile.ReadError, match=r"size below zero|invalid offset"):
        _named(bytes(archive), mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_no_header_of_gigabytes_is_read(kind: bytes, mode: str) -> None:
    archive = _header("long", kind, 64 << 30) + bytes(1024)
    with pytest.raises(tarfile.ReadError, match=f"a header of {64 << 30} bytes"):
        _named(archive, mode)


@pytest.mark.parametrize("mode", MODES)
def test_thousands_of_headers_about_one_file_are_refused(mode: str) -> None:
    one = _header("long", tarfile.GNUTYPE_LONGNAME, 4) + b"name" + bytes(508)
    with pytest.raises(tarfile.ReadError, match="about one file"):
        _named(one * 2000 + bytes(_archive(_file("last"))), mode)
