"""Compressed data of others, unpacked no further than a bound.

A kilobyte can unpack to gigabytes, so whoever unpacks says how much it may be; what is
more raises :class:`TooLarge`.  Which compression it is tell the first bytes, not the name.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from typing import IO, Protocol, cast

import zstandard

from heliostat.os.zstd_frames import WholeFrames

DAMAGED = (EOFError, OSError, lzma.LZMAError, zlib.error, zstandard.ZstdError)
"""What unpacking raises when the data is damaged or ends early."""
PACKAGE_BYTES = 16 << 30
"""The most that one package may unpack to: the archive's largest have some 10 GB."""
CHANGELOG_BYTES = 64 << 20
_PIECE_BYTES = 1 << 20

_MAGICS = {
    b"\x1f\x8b": "gz",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zst",
    b"BZh": "bz2",
}


class TooLarge(ValueError):
    """There is more in it than it may have."""


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class Bounded(io.RawIOBase):
    """A stream that ends with :class:`TooLarge` after ``most_bytes``."""

    def __init__(self, stream: Readable, most_bytes: int) -> None:
        self._stream = stream
        self._left = most_bytes
        self._most = most_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")[:_PIECE_BYTES]  # type: ignore[arg-type]
        data = self._stream.read(len(view))
        self._left -= len(data)
        if self._left < 0:
            raise TooLarge(f"it unpacks to more than {told(self._most)}")
        view[: len(data)] = data
        return len(data)


def packing_of(head: bytes) -> str | None:
    """``gz``, ``xz``, ``zst`` or ``bz2``; ``None`` for anything else."""
    return next((name for magic, name in _MAGICS.items() if head.startswith(magic)), None)


def unpacking(stream: IO[bytes], packing: str, most_bytes: int) -> IO[bytes]:
    """What ``stream`` was before it was packed, up to ``most_bytes``; it stays open itself.

    ``ValueError`` for a packing that isn't known.
    """
    match packing:
        case "xz" | "lzma":
            plain: Readable = lzma.LZMAFile(stream)  # noqa: SIM115 - the caller does
        case "zst":
            plain = zstandard.ZstdDecompressor().stream_reader(
                cast(IO[bytes], WholeFrames(stream)), read_across_frames=True, closefd=False
            )
        case "gz":
            plain = gzip.GzipFile(fileobj=stream)
        case "bz2":
            plain = bz2.BZ2File(stream)
        case _:
            raise ValueError(f"nothing here unpacks {packing}")
    return cast(IO[bytes], io.BufferedReader(Bounded(plain, most_bytes), 1 << 16))


def unpacked(content: bytes, most_bytes: int) -> bytes:
    """``content``, unpacked if it is packed; ``TooLarge``, or one of ``DAMAGED``."""
    packing = packing_of(content)
    if packing is None:
        return content
    return unpacking(io.BytesIO(content), packing, most_bytes).read()


def told(size_bytes: int) -> str:
    """A size for people."""
    for unit, step in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size_bytes >= 1 << step:
            return f"{size_bytes / (1 << step):.4g} {unit}"
    return f"{size_bytes} bytes"
