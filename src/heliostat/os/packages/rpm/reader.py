"""Reading packages: what a header says, without touching the payload.

Fast enough for the metadata of a repository: only what is asked for is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from heliostat.os.packages.rpm.described import Described, FileEntry
from heliostat.os.packages.rpm.frame import Front, read_front
from heliostat.os.packages.rpm.header import Blob
from heliostat.os.packages.rpm.tags import SignatureTag

__all__ = ["FileEntry", "Header", "read"]


@dataclass(frozen=True, slots=True)
class Header(Described):
    """What a package file says."""

    front: Front

    @property
    def blob(self) -> Blob:
        return self.front.header

    @property
    def archive_bytes(self) -> int:
        """Of the payload before compression."""
        found = self.front.signature
        long = found.integer(SignatureTag.LONG_PAYLOAD_SIZE)
        return long or found.integer(SignatureTag.PAYLOAD_SIZE)

    @property
    def header_range(self) -> tuple[int, int]:
        """Where the main header lies in the file: first byte, and the one after the last."""
        return self.front.header_start, self.front.header_end


def read(source: Path | BinaryIO) -> Header:
    """The header of a package file, or of a stream that stands at its beginning.

    Raises ``PackageInvalid``.
    """
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return Header(read_front(stream, source.name))
    return Header(read_front(source, getattr(source, "name", None) or "The package"))
