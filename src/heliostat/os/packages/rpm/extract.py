"""Reading a package's payload: its files one after another, or into a folder.

Any compression that RPM uses is taken (zstd, xz, gzip, bzip2, none), up to a bound.  The
archive is untrusted even if the package is not: nothing is written outside of the folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from heliostat.os.compressed import DAMAGED, PACKAGE_BYTES, TooLarge, unpacking
from heliostat.os.kind import Kinded
from heliostat.os.packages.rpm.frame import Readable, read_front
from heliostat.os.packages.rpm.header import invalid, told_of
from heliostat.os.packages.rpm.tags import Tag

_HEADER_BYTES = 110
_MAGICS = (b"070701", b"070702")
_LONGEST_NAME = 1 << 16
_PACKINGS = {"zstd": "zst", "xz": "xz", "lzma": "lzma", "gzip": "gz", "bzip2": "bz2"}
_UNPACKED = ("none", "uncompressed")


@dataclass(frozen=True, slots=True)
class Entry(Kinded):
    """``body`` is readable until the next entry is taken; empty for all but files and links."""

    path: str
    mode: int
    mtime: int
    inode: int
    links: int
    size_bytes: int
    body: Body


class Body:
    """The next ``left`` bytes of a stream."""

    def __init__(self, stream: Readable, size_bytes: int) -> None:
        self._stream = stream
        self.left = size_bytes

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, or all that are left; ``PackageInvalid`` if they are missing."""
        wanted = self.left if size < 0 else min(size, self.left)
        data = _exactly(self._stream, wanted)
        self.left -= wanted
        return data


def entries(path: Path) -> Iterator[Entry]:
    """The members of a package's payload in its order; ``PackageInvalid`` if it is damaged."""
    with path.open("rb") as stream:
        front = read_front(stream, path.name)
        method = front.header.string(Tag.PAYLOAD_COMPRESSOR) or "gzip"
        with told_of(path.name), _plain(stream, method) as plain:
            yield from _members(plain)


def extract(path: Path, folder: Path) -> list[Path]:
    """Unpack a package below ``folder``: files, folders and links, as the caller's own.

    For looking into a package; an installation is ``rpm --root``'s.  Raises
    ``PackageInvalid`` for names that lead outside of the folder.
    """
    with told_of(path.name):
        return _extracted(path, folder)


def _extracted(path: Path, folder: Path) -> list[Path]:
    written: list[Path] = []
    first: dict[int, Path] = {}
    for entry in entries(path):
        target = _inside(folder, entry.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.is_folder:
            if target.is_symlink() or (target.exists() and not target.is_dir()):
                raise invalid(f"The package has {entry.path} twice, once as a folder.")
            target.mkdir(exist_ok=True)
            continue
        if target.is_dir() and not target.is_symlink():
            raise invalid(f"The package has {entry.path} twice, once as a folder.")
        target.unlink(missing_ok=True)
        if entry.is_link:
            target.symlink_to(os.fsdecode(entry.body.read()))
        elif entry.is_regular:
            _write(entry, target, first)
        written.append(target)
    return written


def _write(entry: Entry, target: Path, first: dict[int, Path]) -> None:
    """Of hard links the last carries the content, and it is the same file for all."""
    if entry.links > 1 and entry.inode in first:
        if not stat.S_ISREG(first[entry.inode].lstat().st_mode):
            raise invalid(f"The package puts something else where {entry.path} links to.")
        os.link(first[entry.inode], target)
        mode = "r+b"
    else:
        first[entry.inode] = target
        mode = "wb"
    with target.open(mode) as out:
        while chunk := entry.body.read(1 << 20):
            out.write(chunk)
    target.chmod(stat.S_IMODE(entry.mode) & 0o777)


def _inside(folder: Path, name: str) -> Path:
    """The path of a member; a link on the way, made by the archive itself, is refused."""
    parts = PurePosixPath("/", name).relative_to("/").parts
    target = folder
    for part in parts:
        if part == ".." or target.is_symlink():
            raise invalid(f"The package has the file {name}, which leads outside.")
        target = target / part
    return target


@contextmanager
def _plain(stream: BinaryIO, method: str) -> Iterator[Readable]:
    """The payload without its compression."""
    if method in _UNPACKED:
        yield stream
    elif method in _PACKINGS:
        with unpacking(stream, _PACKINGS[method], PACKAGE_BYTES) as plain:
            yield plain
    else:
        raise invalid(f"The payload is compressed with {method!r}, which isn't known here.")


def _members(stream: Readable) -> Iterator[Entry]:
    while True:
        fields = _fields(_exactly(stream, _HEADER_BYTES))
        inode, mode, _, _, links, mtime, size, _, _, _, _, name_bytes, _ = fields
        if name_bytes > _LONGEST_NAME:
            raise invalid("The payload has a name that is far too long.")
        name = _exactly(stream, name_bytes).rstrip(b"\0").decode("utf-8", "surrogateescape")
        _exactly(stream, -(_HEADER_BYTES + name_bytes) % 4)
        if name == "TRAILER!!!":
            return
        body = Body(stream, size)
        yield Entry("/" + name.removeprefix(".").lstrip("/"), mode, mtime, inode, links, size, body)
        while body.read(min(body.left, 1 << 20)):
            pass
        _exactly(stream, -size % 4)


def _fields(header: bytes) -> list[int]:
    if header[:6] not in _MAGICS:
        raise invalid("The payload is no cpio archive of the kind that RPM writes.")
    try:
        return [int(header[at : at + 8], 16) for at in range(6, _HEADER_BYTES, 8)]
    except ValueError as error:
        raise invalid("The payload has a header that isn't one.") from error


def _exactly(stream: Readable, count: int) -> bytes:
    parts = []
    try:
        while count and (chunk := stream.read(count)):
            parts.append(chunk)
            count -= len(chunk)
    except (*DAMAGED, TooLarge) as error:
        raise invalid(f"The payload can't be unpacked: {error}.") from error
    if count:
        raise invalid("The payload ends in the middle of a file.")
    return b"".join(parts)
