"""The host's caches of images and of disc images: files named by the SHA-256 of their content.

A file under its final name was verified when it was put there; beside it lies a
record of the size and time stamp it had then.  If they differ later, the content
is hashed again before use.  Partial files are continued after a cut.  Each image
is fetched by one task, however many VMs wait for it.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from heliostat.content.blobs import disk_full
from heliostat.core.errors import PermanentError
from heliostat.core.files import atomic_write, sync_directory, sync_file

Fetch = Callable[[str, int], AsyncIterator[bytes]]
Progress = Callable[[str, int], None]
_FULL = (errno.ENOSPC, errno.EDQUOT)
_CHUNK_BYTES = 1 << 20


class _Verified(msgspec.Struct):
    size_bytes: int
    mtime_ns: int


class ImageCorrupt(PermanentError):
    """Content that arrived twice was not what its digest names."""

    def __init__(self, digest: str, found: str) -> None:
        super().__init__(
            "ImageCorrupt", f"The content of image {digest[:12]} has the digest {found[:12]}."
        )


class ImageCache:
    """Images under ``root``; ``progress(digest, bytes)`` is called while one arrives.

    ``writer`` tells the partial files of this agent from those of others that share ``root``.
    """

    def __init__(
        self,
        root: Path,
        fetch: Fetch,
        progress: Progress,
        *,
        suffix: str = "qcow2",
        writer: str = "",
    ) -> None:
        self._root = root
        self._suffix = suffix
        self._writer = writer
        self._fetch = fetch
        self._progress = progress
        self._arriving: dict[str, asyncio.Task[Path]] = {}
        self._trusted: set[str] = set()
        root.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        return self._root / f"{digest}.{self._suffix}"

    def has(self, digest: str) -> bool:
        """Whether the image is here; whether it is intact, ``ensure`` finds out."""
        return self.path(digest).exists()

    def digests(self) -> list[str]:
        """Every cached image."""
        return sorted(path.stem for path in self._root.glob(f"*.{self._suffix}"))

    async def ensure(self, digest: str) -> Path:
        """The verified image, fetched if need be; one fetch serves all callers.

        Raises ``ImageCorrupt``, ``DiskFull``, and ``TemporaryError`` when it was cut off.
        """
        task = self._arriving.get(digest)
        if task is None:
            task = asyncio.create_task(self._ensure(digest), name=f"image {digest[:12]}")
            self._arriving[digest] = task
            task.add_done_callback(lambda done: self._arrived(digest, done))
        return await asyncio.shield(task)

    def delete(self, digest: str) -> None:
        """Remove an image, its record and what arrived of it."""
        self._trusted.discard(digest)
        for path in (self.path(digest), self._record(digest), self._part(digest)):
            path.unlink(missing_ok=True)

    async def close(self) -> None:
        """Break off what is arriving; partial files stay to be continued."""
        tasks = list(self._arriving.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _arrived(self, digest: str, task: asyncio.Task[Path]) -> None:
        self._arriving.pop(digest, None)
        if not task.cancelled():
            task.exception()  # its callers have it; without any it is told at the next try

    async def _ensure(self, digest: str) -> Path:
        if self.has(digest) and await self._intact(digest):
            return self.path(digest)
        try:
            return await self._receive(digest)
        except ImageCorrupt:
            return await self._receive(digest)  # once more, from the start

    async def _intact(self, digest: str) -> bool:
        if digest in self._trusted:
            return True
        path = self.path(digest)
        if self._recorded(digest) != _stamp(path):
            if await asyncio.to_thread(_digest, path) != digest:
                self.delete(digest)
                return False
            self._write_record(digest)
        self._trusted.add(digest)
        return True

    async def _receive(self, digest: str) -> Path:
        part = self._part(digest)
        try:
            found = await self._append(digest, part)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            written = part.stat().st_size if part.exists() else 0
            part.unlink(missing_ok=True)
            raise disk_full(self._root, written) from error
        if found != digest:
            part.unlink(missing_ok=True)
            raise ImageCorrupt(digest, found)
        part.chmod(0o444)
        part.replace(self.path(digest))
        sync_directory(self._root)
        self._write_record(digest)
        self._trusted.add(digest)
        return self.path(digest)

    async def _append(self, digest: str, part: Path) -> str:
        """Continue ``part`` to its end; the digest of the whole."""
        with part.open("ab") as stream:
            hasher = await asyncio.to_thread(_hash_of, part)
            size = stream.tell()
            async for chunk in self._fetch(digest, size):
                await asyncio.to_thread(stream.write, chunk)
                await asyncio.to_thread(hasher.update, chunk)
                size += len(chunk)
                self._progress(digest, size)
            await asyncio.to_thread(sync_file, part, stream)
        return hasher.hexdigest()

    def _part(self, digest: str) -> Path:
        name = f"{digest}.{self._writer}" if self._writer else digest
        return self._root / f"{name}.part"

    def _record(self, digest: str) -> Path:
        return self._root / f"{digest}.json"

    def _recorded(self, digest: str) -> _Verified | None:
        try:
            return msgspec.json.decode(self._record(digest).read_bytes(), type=_Verified)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def _write_record(self, digest: str) -> None:
        atomic_write(self._record(digest), msgspec.json.encode(_stamp(self.path(digest))))


def _stamp(path: Path) -> _Verified:
    stat = path.stat()
    return _Verified(stat.st_size, stat.st_mtime_ns)


def _hash_of(path: Path) -> hashlib._Hash:
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            hasher.update(chunk)
    return hasher


def _digest(path: Path) -> str:
    return _hash_of(path).hexdigest()
