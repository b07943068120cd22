"""Blobs: files named by the SHA-256 of their content.

A blob is written to a staging file (``staging``), flushed to disk and then renamed
to ``sha256/<aa>/<digest>``: a reader never sees half of one, and a blob never
changes.  Who needs a blob is not known here (see ``references``); a blob lives
until somebody calls ``delete``.

Staging files and scratch folders are locked while their writer lives, so what a
crash left behind is recognised by being unlocked, whatever its age.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from heliostat.content.staging import FULL, Blob, Staging, corrupt, disk_full
from heliostat.core.errors import HeliostatError
from heliostat.core.files import sync_directory

__all__ = ["Blob", "Blobs", "Staging", "StoredBlob", "disk_full"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob as it lies on disk; ``idle_s`` is the time since it was last stored or held."""

    digest: str
    size_bytes: int
    idle_s: float


class Blobs:
    """The blobs under one folder.  Safe for several threads and processes.

    Calls block on the disk: from asyncio use ``receive``, or ``asyncio.to_thread``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.staging_path = root / "staging"
        self.staging_path.mkdir(parents=True, exist_ok=True)
        (root / "sha256").mkdir(exist_ok=True)

    def stage(self) -> Staging:
        """Begin a new blob."""
        try:
            return Staging(self.root, self.staging_path, self.place)
        except OSError as error:
            if error.errno in FULL:
                raise disk_full(self.root, 0) from error
            raise

    async def receive(
        self, chunks: AsyncIterator[bytes], *, expected_digest: str | None = None
    ) -> Blob:
        """Store a stream without blocking the event loop; any failure leaves nothing behind."""
        with self.stage() as staging:
            async for chunk in chunks:
                await asyncio.to_thread(staging.write, chunk)
            return await asyncio.to_thread(staging.commit, expected_digest=expected_digest)

    def adopt(self, path: Path) -> Blob:
        """Turn the file at ``path`` into a blob; the file is gone afterwards.

        Renamed when it lies on the same file system (``scratch`` does), else copied.
        """
        if path.stat().st_dev != self.staging_path.stat().st_dev:
            return self._adopt_copy(path)
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            os.fsync(stream.fileno())
            os.fchmod(stream.fileno(), 0o444)
            size_bytes = os.fstat(stream.fileno()).st_size
        self.place(path, digest)
        return Blob(digest, size_bytes)

    def _adopt_copy(self, path: Path) -> Blob:
        with path.open("rb") as stream, self.stage() as staging:
            while data := stream.read(_CHUNK_BYTES):
                staging.write(data)
            blob = staging.commit()
        path.unlink()
        return blob

    def place(self, path: Path, digest: str) -> None:
        """Rename the finished file ``path`` to its digest and make that durable."""
        target = self._target(digest)
        target.parent.mkdir(exist_ok=True)
        with self._deletion_lock():
            if target.exists():
                path.unlink()
            else:
                os.replace(path, target)
            os.utime(target)
        sync_directory(target.parent)
        sync_directory(target.parent.parent)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder beside the blobs for work on files to be adopted; removed at the end."""
        path = Path(tempfile.mkdtemp(prefix="work-", dir=self.staging_path))
        handle = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
            os.close(handle)

    def open(self, digest: str) -> BufferedReader:
        """The content for reading; it stays readable even if the blob is deleted meanwhile."""
        try:
            return self._target(digest).open("rb")
        except FileNotFoundError as error:
            raise _missing(digest) from error

    def path(self, digest: str) -> Path:
        """Where the blob lies (``BlobNotFound`` if it doesn't)."""
        target = self._target(digest)
        if not target.is_file():
            raise _missing(digest)
        return target

    def exists(self, digest: str) -> bool:
        return bool(_DIGEST.fullmatch(digest)) and self._target(digest).is_file()

    def size_bytes(self, digest: str) -> int:
        return self.path(digest).stat().st_size

    def hold(self, digest: str) -> None:
        """Start the blob's idle time anew, before a reference to it is committed."""
        with self._deletion_lock():
            os.utime(self.path(digest))

    def verify(self, digest: str) -> None:
        """Read the whole blob; ``ImageCorrupt`` if its content is not what its name says."""
        with self.open(digest) as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != digest:
            raise corrupt(digest, found)

    def delete(self, digest: str) -> bool:
        """Remove the blob; says whether it was there."""
        with self._deletion_lock():
            return self.exists(digest) and self._unlink(digest)

    def delete_idle(self, digest: str, *, idle_s: float) -> bool:
        """Remove the blob unless it was stored or held within ``idle_s`` seconds."""
        with self._deletion_lock():
            target = self._target(digest)
            if not target.is_file() or _idle_s(target) < idle_s:
                return False
            return self._unlink(digest)

    def stored(self) -> Iterator[StoredBlob]:
        """Every blob on disk, in order of digest."""
        for folder in sorted((self.root / "sha256").iterdir()):
            for path in sorted(folder.iterdir()):
                # a blob deleted between listing and looking is simply not there
                with contextlib.suppress(FileNotFoundError):
                    yield StoredBlob(path.name, path.stat().st_size, _idle_s(path))

    def sweep(self) -> int:
        """Remove what writers that no longer live left in staging; returns how many."""
        return sum(_sweep_one(path) for path in sorted(self.staging_path.iterdir()))

    def _unlink(self, digest: str) -> bool:
        try:
            self._target(digest).unlink()
        except FileNotFoundError:
            return False
        return True

    def _target(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise _missing(digest)
        return self.root / "sha256" / digest[:2] / digest

    @contextlib.contextmanager
    def _deletion_lock(self) -> Iterator[None]:
        """Orders storing and holding against deleting, across processes."""
        with open(self.root / "lock", "ab") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield


def _sweep_one(path: Path) -> int:
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    else:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        return 1
    finally:
        os.close(handle)


def _idle_s(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _missing(digest: str) -> HeliostatError:
    return HeliostatError("BlobNotFound", f"There is no content with the digest {digest}.")
