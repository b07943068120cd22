"""Reading a .deb: an ``ar`` of three members, two of which are compressed tars (deb(5)).

The payload is unpacked once, into memory, or into a file of the work folder when it is
large; contents are then slices of it.  Nothing of the package is ever executed.
"""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

from heliostat.core.errors import HeliostatError
from heliostat.os.compressed import DAMAGED, PACKAGE_BYTES, unpacking
from heliostat.os.packages.rpm.file import Content, OnDisk
from heliostat.os.tar_header import Header

_MAGIC = b"!<arch>\n"
_CHUNK = 1 << 20
_BROKEN = (*DAMAGED, ValueError, struct.error, tarfile.TarError)
_CONTROL_BYTES = 64 << 20
_NEEDED = ("Package", "Version", "Architecture")
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
IN_MEMORY_BYTES = 320 << 20
"""Payloads above this are unpacked to a file: two conversions run side by side."""


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of the payload; its content, if it is a regular file."""

    info: tarfile.TarInfo
    content: Content = b""

    @property
    def path(self) -> str:
        """Absolute: ``./usr/bin/bash`` in the tar is ``/usr/bin/bash``."""
        return absolute(self.info.name)


@dataclass(frozen=True, slots=True)
class Deb:
    """A package: its control data, and what it installs."""

    control: dict[str, str]
    scripts: dict[str, str] = field(default_factory=dict)
    """Text of the maintainer scripts that there are."""
    config_files: frozenset[str] = frozenset()
    members: tuple[Member, ...] = ()

    @property
    def name(self) -> str:
        return self.control["Package"]

    @property
    def version(self) -> str:
        return self.control["Version"]


def absolute(name: str) -> str:
    """A name in the tar as an absolute path, without dots and trailing slashes."""
    return "/" + "/".join(part for part in name.split("/") if part not in ("", "."))


def read_deb(path: Path, work: Path) -> Deb:
    """The package in ``path``; a large payload is unpacked below ``work``, which outlives it."""
    with _faults_named(path), path.open("rb") as stream:
        parts: dict[str, str | dict[str, bytes]] = {}
        members: tuple[Member, ...] = ()
        for name, size in _ar_members(stream):
            if name.startswith("control.tar"):
                parts.update(_control(_unpacked(stream, name, size, _CONTROL_BYTES)))
            elif name.startswith("data.tar"):
                members = tuple(_payload(stream, name, size, work))
                break
    files = {name: text for name, text in parts.items() if isinstance(text, str)}
    if "control" not in files or not members:
        raise _broken(path, "it has no control data or no payload")
    with _faults_named(path):
        control = fields_of(files["control"])
        if missing := [name for name in _NEEDED if not control.get(name)]:
            raise ValueError(f"its control data has no {' and no '.join(missing)}")
    return Deb(
        control=control,
        scripts={name: files[name] for name in SCRIPTS if name in files},
        config_files=frozenset(_config_files(files.get("conffiles", ""))),
        members=members,
    )


def read_control(path: Path) -> dict[str, str]:
    """All text files of the control part (``control``, ``postinst``…), without the payload."""
    with _faults_named(path), path.open("rb") as stream:
        for name, size in _ar_members(stream):
            if name.startswith("control.tar"):
                return _control(_unpacked(stream, name, size, _CONTROL_BYTES))
    raise _broken(path, "it has no control data")


def fields_of(text: str) -> dict[str, str]:
    """The fields of a control file; continuation lines are kept, without their first blank.

    Raises ``ValueError`` if it begins with one of those.
    """
    fields: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line[:1] in (" ", "\t"):
            if not name:
                raise ValueError("its control data begins in the middle of a field")
            fields[name] += "\n" + line[1:]
        elif ":" in line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
    return fields


def _ar_members(stream: BinaryIO) -> Iterator[tuple[str, int]]:
    """Name and size of each member; the stream stands at its first byte."""
    if stream.read(8) != _MAGIC:
        raise ValueError("it is no archive")
    while header := stream.read(60):
        if len(header) < 60 or header[58:] != b"`\n":
            raise EOFError("it ends early")
        name, size = header[:16].decode("ascii").strip().rstrip("/"), int(header[48:58])
        if size < 0:  # would lead back to where we were
            raise ValueError(f"{name} in it is {size} bytes long")
        start = stream.tell()
        yield name, size
        stream.seek(start + size + size % 2)


def _unpacked(stream: BinaryIO, name: str, size: int, most_bytes: int) -> IO[bytes]:
    """The member as a stream of what it was before compression, which has a bound."""
    raw = io.BytesIO(stream.read(size))
    if len(raw.getbuffer()) < size:
        raise EOFError("it ends early")
    packing = name.rpartition(".")[2]
    return raw if packing == "tar" else unpacking(raw, packing, most_bytes)


def _control(packed: IO[bytes]) -> dict[str, str]:
    with packed, tarfile.open(fileobj=io.BytesIO(packed.read()), mode="r:", tarinfo=Header) as tar:
        return {
            absolute(info.name)[1:]: stream.read().decode("utf-8", "surrogateescape")
            for info in tar
            if info.isfile() and (stream := tar.extractfile(info)) is not None
        }


def _payload(stream: BinaryIO, name: str, size: int, work: Path) -> Iterator[Member]:
    """The members, whose contents are slices of the unpacked tar."""
    with _unpacked(stream, name, size, PACKAGE_BYTES) as unpacked:
        head = unpacked.read(IN_MEMORY_BYTES)
        rest = unpacked.read(_CHUNK)
        if not rest:
            yield from _members(io.BytesIO(head), memoryview(head))
            return
        path = work / "payload.tar"
        with path.open("wb") as out:
            out.write(head)
            while rest:
                out.write(rest)
                rest = unpacked.read(_CHUNK)
    with path.open("rb") as tar:
        yield from _members(tar, path)


def _members(stream: BinaryIO, whole: memoryview | Path) -> Iterator[Member]:
    with tarfile.open(fileobj=stream, mode="r:", tarinfo=Header) as tar:
        for info in tar:
            if not info.isreg():
                yield Member(info)
            elif isinstance(whole, Path):
                yield Member(info, OnDisk(whole, info.size, info.offset_data))
            else:
                end = info.offset_data + info.size
                if end > len(whole):
                    raise EOFError("it ends early")
                yield Member(info, bytes(whole[info.offset_data : end]))


def _config_files(text: str) -> Iterator[str]:
    """``conffiles``: one path a line, some with a flag before it (deb-conffiles(5))."""
    for line in text.splitlines():
        words = line.split()
        if words and words[0] != "remove-on-upgrade":
            yield words[-1]


@contextmanager
def _faults_named(path: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's complaint, not the package's
        raise _broken(path, str(error) or type(error).__name__) from error


def _broken(path: Path, why: str) -> HeliostatError:
    return HeliostatError(
        "DigestMismatch",
        f"{path.name} is no whole Debian package: {why}.",
        hint="Remove the file and run the same again; it is then fetched anew.",
    )
