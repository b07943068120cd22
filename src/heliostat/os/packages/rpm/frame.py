"""The outside of a package file: lead, signature header, header, and where each lies.

A package appears under its name whole or not at all; what is read is measured first, so
that a file that was cut short is told as such.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from heliostat.os.full_disk import full_disk_told
from heliostat.os.packages.rpm.header import Blob, invalid, length, told_of
from heliostat.os.packages.rpm.tags import SignatureTag

_LEAD = struct.Struct(">4sBBHH66sHH16s")
_LEAD_MAGIC = b"\xed\xab\xee\xdb"
_INTRO_BYTES = 16


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class WrittenPackage:
    """``digest`` is the SHA-256 of the whole file; the header's range counts from its start."""

    path: Path
    digest: str
    size_bytes: int
    header_start: int
    header_end: int


@dataclass(frozen=True, slots=True)
class Front:
    """What stands before the payload, which begins at ``header_end``."""

    lead: bytes
    signature: Blob
    header: Blob
    header_start: int
    header_end: int

    @property
    def claimed_bytes(self) -> int:
        """Of header and payload, as the signature header says; 0 if it doesn't."""
        return self.signature.integer(SignatureTag.LONG_SIZE) or self.signature.integer(
            SignatureTag.SIZE
        )


def lead(nvr: str, *, source: bool = False) -> bytes:
    """The 96 bytes that only ``file(1)`` still reads."""
    name = nvr.encode("utf-8", "replace")[:65]
    return _LEAD.pack(_LEAD_MAGIC, 3, 0, int(source), 1, name, 1, 5, b"")


def padded(signature: bytes) -> bytes:
    """The main header begins at a multiple of eight."""
    return signature + b"\0" * (-len(signature) % 8)


def read_front(stream: BinaryIO, name: str) -> Front:
    """From the beginning of a package; ``PackageInvalid`` naming ``name`` otherwise."""
    first = stream.read(_LEAD.size)
    if first[:4] != _LEAD_MAGIC:
        raise invalid(f"{name} is no RPM package: it does not begin like one.")
    if len(first) < _LEAD.size:
        raise _short(name)
    with told_of(name):
        signature = _read_header(stream, name)
        _read(stream, -len(signature) % 8, name)
        start = _LEAD.size + len(padded(signature))
        header = _read_header(stream, name)
        parts = Blob.parse(signature), Blob.parse(header)
    return Front(first, *parts, start, start + len(header))


def place(path: Path, front: bytes, header: bytes, payload: Readable) -> WrittenPackage:
    """Put a package together under ``path``, replacing what is there at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(front + header)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(front + header)
            while chunk := payload.read(1 << 20):
                digest.update(chunk)
                stream.write(chunk)
            size = stream.tell()
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return WrittenPackage(path, digest.hexdigest(), size, len(front), len(front) + len(header))


def told_if_full(path: Path) -> AbstractContextManager[None]:
    """A disk without space becomes ``DiskFull``, naming the package that was being written."""
    return full_disk_told(
        f"There is no space left to write {path}.",
        f"Free space in {path.parent} and in {tempfile.gettempdir()}, then try again.",
    )


def _read_header(stream: BinaryIO, name: str) -> bytes:
    intro = _read(stream, _INTRO_BYTES, name)
    return intro + _read(stream, length(intro) - _INTRO_BYTES, name)


def _read(stream: BinaryIO, count: int, name: str) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise _short(name)
    return data


def _short(name: str) -> Exception:
    return invalid(f"{name} ends within its header: it was cut short on its way.")
