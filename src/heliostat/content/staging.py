"""Writing a blob: a locked staging file that is hashed on the way.

The lock lives as long as the writer, so that what a crash left behind can be told
from what is being written.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from heliostat.core.errors import HeliostatError

FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Blob:
    """Content that is stored: SHA-256 in hexadecimal, and its size."""

    digest: str
    size_bytes: int


class Staging:
    """A blob being written; leaving the ``with`` block without ``commit`` discards it."""

    def __init__(self, root: Path, folder: Path, place: Callable[[Path, str], None]) -> None:
        """Begin a file in ``folder``; ``place`` renames it to its digest in the end."""
        self._root, self._place = root, place
        handle, name = tempfile.mkstemp(prefix="blob-", dir=folder)
        fcntl.flock(handle, fcntl.LOCK_EX)
        self.path = Path(name)
        self._stream: BinaryIO | None = os.fdopen(handle, "wb")
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def __enter__(self) -> Staging:
        return self

    def __exit__(self, *exc: object) -> None:
        self.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append ``data``; a full disk discards the staging file (``DiskFull``)."""
        with self._full_disk():
            self._open_stream().write(data)
        self._hash.update(data)
        self.size_bytes += len(data)

    def commit(self, *, expected_digest: str | None = None) -> Blob:
        """Make the blob durable under its digest; storing known content again is no error.

        Raises ``ImageCorrupt`` when the content is not what ``expected_digest`` names.
        """
        digest = self._hash.hexdigest()
        if expected_digest is not None and digest != expected_digest:
            self.abort()
            raise corrupt(expected_digest, digest)
        stream = self._open_stream()
        with self._full_disk():
            stream.flush()
            os.fsync(stream.fileno())
        os.fchmod(stream.fileno(), 0o444)
        self._place(self.path, digest)
        self._close()
        return Blob(digest, self.size_bytes)

    def abort(self) -> None:
        """Discard what was written; after ``commit`` it does nothing."""
        if self._stream is not None:
            self.path.unlink(missing_ok=True)
            self._close()

    def _open_stream(self) -> BinaryIO:
        if self._stream is None:
            raise ValueError("the staging file was committed or discarded")
        return self._stream

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            # what is still buffered after a failed write must not fail a second time
            with contextlib.suppress(OSError):
                stream.close()

    @contextlib.contextmanager
    def _full_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.abort()
            if error.errno in FULL:
                raise disk_full(self._root, self.size_bytes) from error
            raise


def disk_full(root: Path, written_bytes: int) -> HeliostatError:
    """The error for a disk that had no room for more content."""
    return HeliostatError(
        "DiskFull",
        f"The disk that holds {root} is full: writing stopped after {written_bytes} bytes"
        " and what was written has been removed.",
        data={"path": str(root), "writtenBytes": written_bytes},
    )


def corrupt(digest: str, found: str) -> HeliostatError:
    """The error for content that is not what its name says."""
    return HeliostatError(
        "ImageCorrupt", f"Content that should have the digest {digest} has {found}."
    )
