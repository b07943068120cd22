"""The payload of a package: a cpio archive ("newc") in a zstd frame, written and read.

Written in one pass: each content is read once, digested and compressed.  The frame is made
by zstd's job-wise compressor even with one worker, because its bytes do not depend on how
many workers there are, and with the archive's size told ahead, because zstd picks its
windows by it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import zstandard

from heliostat.os.packages.rpm.file import File, opened
from heliostat.os.packages.rpm.header import invalid

_CHUNK = 1 << 18
_LARGEST = 0xFFFFFFFF


class Sink(Protocol):
    def write(self, data: bytes, /) -> int: ...


@dataclass(frozen=True, slots=True)
class Member:
    """A file with its place in the archive; of hard links only the last carries the content."""

    file: File
    inode: int
    links: int
    carries: bool

    @property
    def body_bytes(self) -> int:
        if not self.carries or self.file.is_folder:
            return 0
        return self.file.size_bytes


@dataclass(frozen=True, slots=True)
class WrittenPayload:
    """``digests`` are the contents' by inode number; all are SHA-256 in hexadecimal."""

    digest: str
    plain_digest: str
    plain_bytes: int
    compressed_bytes: int
    digests: dict[int, str]


def members(files: tuple[File, ...]) -> list[Member]:
    """The files in RPM's order (by path, as bytes), with inode numbers and link counts.

    Hard links are resolved: each gets content, mode, owner and time of the file it names.
    """
    ordered = sorted(files, key=lambda file: file.path.encode("utf-8", "surrogateescape"))
    by_path = {file.path: file for file in ordered}
    groups: dict[str, list[str]] = {}
    for file in ordered:
        groups.setdefault(_origin(file, by_path), []).append(file.path)
    inodes = {origin: number for number, origin in enumerate(groups, start=1)}
    found = []
    for file in ordered:
        origin = _origin(file, by_path)
        group = groups[origin]
        whole = file if file.path == origin else _linked(file, by_path[origin])
        found.append(Member(whole, inodes[origin], len(group), file.path == group[-1]))
    return found


def write_payload(archive: list[Member], out: Sink, *, level: int, threads: int) -> WrittenPayload:
    """Write the members that are in the payload (no ghosts) to ``out``."""
    stored = [member for member in archive if not member.file.ghost]
    total = archive_bytes(stored)
    compressed = _Digesting(out)
    frame = zstandard.ZstdCompressor(level=level, threads=max(1, threads)).compressobj(size=total)
    plain = _Digesting(_Compressing(frame, compressed))
    digests: dict[int, str] = {}
    for member in in_archive_order(stored):
        plain.write(_entry(member))
        if member.carries and not member.file.is_folder:
            digests[member.inode] = _write_body(member.file, plain)
    plain.write(_TRAILER)
    compressed.write(frame.flush())
    return WrittenPayload(
        digest=compressed.digest.hexdigest(),
        plain_digest=plain.digest.hexdigest(),
        plain_bytes=total,
        compressed_bytes=compressed.count,
        digests=digests,
    )


def in_archive_order(stored: list[Member]) -> Iterator[Member]:
    """Hard links of one file in a row, at the place of the last, as ``rpmbuild`` writes them.

    librpm relies on it: a file between the links of another one gets that one's inode.
    """
    waiting: dict[int, list[Member]] = {}
    for member in stored:
        group = waiting.setdefault(member.inode, [])
        group.append(member)
        if member.carries:
            yield from waiting.pop(member.inode)


def archive_bytes(stored: list[Member]) -> int:
    """Size of the archive before compression."""
    bodies = sum(member.body_bytes + -member.body_bytes % 4 for member in stored)
    return sum(len(_entry(member)) for member in stored) + bodies + len(_TRAILER)


def _entry(member: Member) -> bytes:
    """The archive's header of one member, name included, padded to four bytes."""
    file = member.file
    size = member.body_bytes
    if size > _LARGEST:
        raise invalid(f"{file.path} has {size} bytes: a package's file can't be over 4 GiB.")
    return _encoded(
        "." + file.path, member.inode, file.mode, member.links, file.mtime & 0xFFFFFFFF, size
    )


def _encoded(name: str, inode: int, mode: int, links: int, mtime: int, size: int) -> bytes:
    path = name.encode("utf-8", "surrogateescape") + b"\0"
    fields = (inode, mode, 0, 0, links, mtime, size, 0, 0, 0, 0, len(path), 0)
    data = b"070701" + b"".join(b"%08X" % number for number in fields) + path
    return data + b"\0" * (-len(data) % 4)


_TRAILER = _encoded("TRAILER!!!", 0, 0, 1, 0, 0)


def _write_body(file: File, out: _Digesting) -> str:
    """Copy the content; its digest, which for a link is of no use and empty."""
    if file.is_link:
        target = file.target.encode("utf-8", "surrogateescape")
        out.write(target + b"\0" * (-len(target) % 4))
        return ""
    digest, count = hashlib.sha256(), 0
    with opened(file.content) as stream:
        while chunk := stream.read(min(_CHUNK, file.size_bytes - count)):
            digest.update(chunk)
            out.write(chunk)
            count += len(chunk)
    if count != file.size_bytes:
        raise invalid(f"{file.path} ended after {count} of {file.size_bytes} bytes.")
    out.write(b"\0" * (-count % 4))
    return digest.hexdigest()


class _Compressing:
    """Passes on what the compressor makes of the bytes."""

    def __init__(self, frame: zstandard.ZstdCompressionObj, out: Sink) -> None:
        self._frame = frame
        self._out = out

    def write(self, data: bytes) -> int:
        self._out.write(self._frame.compress(data))
        return len(data)


class _Digesting:
    """Passes bytes on, counting and digesting them."""

    def __init__(self, out: Sink) -> None:
        self._out = out
        self.digest = hashlib.sha256()
        self.count = 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.count += len(data)
        self._out.write(data)
        return len(data)


def _origin(file: File, by_path: dict[str, File]) -> str:
    """The path of the file that has the content; ``PackageInvalid`` if there is none."""
    if not file.hard_link:
        return file.path
    named = by_path.get(file.hard_link)
    if named is None or named.hard_link or not named.is_regular or named.ghost or file.ghost:
        raise invalid(f"{file.path} is a hard link to {file.hard_link}, which is no file of it.")
    return named.path


def _linked(file: File, origin: File) -> File:
    """The link with what it shares with the file whose inode it is."""
    return dataclasses.replace(origin, path=file.path, flags=file.flags, language=file.language)
