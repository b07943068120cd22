"""What is packed unpacks to what it was, and no further than it may."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from heliostat.core.errors import HeliostatError
from heliostat.os import compressed
from heliostat.os.compressed import TooLarge, packing_of, told, unpacked, unpacking
from heliostat.os.cve.feeds import detection
from heliostat.os.cve.feeds.detection import recognised
from heliostat.os.packages.deb import archive as deb_archive
from heliostat.os.packages.deb.archive import read_control, read_deb
from heliostat.os.packages.rpm import extract as rpm_extract
from heliostat.os.packages.rpm.extract import extract
from heliostat.os.packages.rpm.file import File
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.rpms import tiny

_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("packing", _PACKERS)
def test_every_packing_is_told_by_its_first_bytes_and_bounded(packing: str) -> None:
    content = os.urandom(3 << 20)
    packed = _PACKERS[packing](content)
    assert packing_of(packed) == packing
    assert unpacked(packed, len(content)) == content
    with pytest.raises(TooLarge, match="more than 3 MiB"):
        unpacked(_PACKERS[packing](content + b"x"), len(content))
    stream = unpacking(io.BytesIO(packed), packing, len(content))
    assert stream.read(10) == content[:10]


def test_what_is_not_packed_stays_as_it_is() -> None:
    assert unpacked(b"plain", 3) == b"plain"
    assert [told(size) for size in (5, 2048, 3 << 20, 16 << 30)] == [
        "5 bytes",
        "2 KiB",
        "3 MiB",
        "16 GiB",
    ]


def test_several_members_and_frames_are_one_stream() -> None:
    for packing in ("gz", "zst"):
        pack = _PACKERS[packing]
        assert unpacked(pack(b"one") + pack(b"two"), 10) == b"onetwo"


def _deb(path: Path, payload: bytes) -> Path:
    """An ``ar`` of the three members that a package has."""
    control = io.BytesIO()
    with tarfile.open(fileobj=control, mode="w") as tar:
        text = b"Package: bomb\nVersion: 1\nArchitecture: all\n"
        member = tarfile.TarInfo("./control")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        member = tarfile.TarInfo("./usr/share/zeros")
        member.size = len(payload)
        tar.addfile(member, io.BytesIO(payload))
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": gzip.compress(control.getvalue()),
        "data.tar.xz": lzma.compress(data.getvalue()),
    }
    with path.open("wb") as out:
        out.write(b"!<arch>\n")
        for name, content in members.items():
            head = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n"
            out.write(head.encode() + content + b"\n" * (len(content) % 2))
    return path


def test_a_package_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deb = _deb(tmp_path / "bomb.deb", bytes(2 << 20))
    assert [member.path for member in read_deb(deb, tmp_path).members] == ["/usr/share/zeros"]
    monkeypatch.setattr(deb_archive, "PACKAGE_BYTES", 1 << 20)
    with pytest.raises(HeliostatError, match="unpacks to more than 1 MiB"):
        read_deb(deb, tmp_path)
    monkeypatch.setattr(deb_archive, "_CONTROL_BYTES", 1 << 10)
    with pytest.raises(HeliostatError, match="unpacks to more than 1 KiB"):
        read_control(deb)


def test_an_rpm_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rpm = write(tiny("bomb", files=(File.regular("/zeros", bytes(2 << 20)),)), tmp_path).path
    extract(rpm, tmp_path / "fits")
    monkeypatch.setattr(rpm_extract, "PACKAGE_BYTES", 1 << 20)
    with pytest.raises(HeliostatError, match="unpacks to more than 1 MiB"):
        extract(rpm, tmp_path / "too-large")


def test_feeds_that_unpack_to_too_much_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection, "DOCUMENT_BYTES", 1 << 20)
    for packing, pack in _PACKERS.items():
        path = tmp_path / f"feed.{packing}"
        path.write_bytes(pack(b"[" + b" " * (2 << 20)))
        with pytest.raises(HeliostatError, match="unpacks to more than 1 MiB"):
            recognised(path)
    zipped, plain = tmp_path / "feed.zip", tmp_path / "feed.json"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.json", b"[" + b" " * (2 << 20))
    plain.write_bytes(b"[" + b" " * (2 << 20))
    with pytest.raises(HeliostatError, match="unpacks to more than 1 MiB"):
        recognised(zipped)
    with pytest.raises(HeliostatError, match="2 MiB are too many"):
        recognised(plain)
    monkeypatch.setattr(detection, "ARCHIVE_BYTES", 1 << 20)
    with pytest.raises(HeliostatError, match="unpacks to more than 1 MiB"):
        recognised(zipped)


def test_a_zip_that_lies_about_its_size_is_bounded_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection, "DOCUMENT_BYTES", 1 << 20)
    zipped = tmp_path / "feed.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.json", b"[" + b" " * (2 << 20))
    true, said = (2 << 20) + 1, 100
    content = zipped.read_bytes().replace(true.to_bytes(4, "little"), said.to_bytes(4, "little"))
    zipped.write_bytes(content)
    with pytest.raises(HeliostatError, match="KnowledgeUnreadable"):
        recognised(zipped)


def test_bounds_are_far_above_what_there_is() -> None:
    assert compressed.PACKAGE_BYTES >= 16 << 30
    assert detection.DOCUMENT_BYTES >= 1 << 30
