"""Content of images, without files: what uploads are and what becomes of them.

An upload is its own name; its qcow2 is a few bytes made from that.  Agents check
the digests of what they fetch, so these are true ones.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from heliostat.content.blobs import Blob, Blobs, StoredBlob
from heliostat.content.staging import corrupt
from heliostat.controller.workflows.image_files import NormalisedImage
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.units import GIB

BROKEN = b"broken"
BLOB_BYTES = 24 << 10


class MemoryBlobs(Blobs):
    """The blob store that all simulated controllers share."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._contents: dict[str, bytes] = {}
        self._held_s: dict[str, float] = {}

    def keep(self, content: bytes) -> Blob:
        """Store ``content``; known content begins its idle time anew."""
        digest = hashlib.sha256(content).hexdigest()
        self._contents[digest] = content
        self._held_s[digest] = self._now_s()
        return Blob(digest, len(content))

    async def receive(
        self, chunks: AsyncIterator[bytes], *, expected_digest: str | None = None
    ) -> Blob:
        content = b"".join([chunk async for chunk in chunks])
        digest = hashlib.sha256(content).hexdigest()
        if expected_digest is not None and digest != expected_digest:
            raise corrupt(expected_digest, digest)
        return self.keep(content)

    def content(self, digest: str) -> bytes:
        found = self._contents.get(digest)
        if found is None:
            raise HeliostatError("BlobNotFound", f"There is no content with the digest {digest}.")
        return found

    def open(self, digest: str) -> Any:
        return io.BytesIO(self.content(digest))

    def path(self, digest: str) -> Path:
        self.content(digest)
        return Path("/content") / digest

    def exists(self, digest: str) -> bool:
        return digest in self._contents

    def size_bytes(self, digest: str) -> int:
        return len(self.content(digest))

    def hold(self, digest: str) -> None:
        self.content(digest)
        self._held_s[digest] = self._now_s()

    def verify(self, digest: str) -> None:
        self.content(digest)

    def delete(self, digest: str) -> bool:
        return self._contents.pop(digest, None) is not None

    def delete_idle(self, digest: str, *, idle_s: float) -> bool:
        if digest not in self._contents or self._idle_s(digest) < idle_s:
            return False
        return self.delete(digest)

    def stored(self) -> Iterator[StoredBlob]:
        for digest in sorted(self._contents):
            yield StoredBlob(digest, len(self._contents[digest]), self._idle_s(digest))

    def sweep(self) -> int:
        return 0

    def _idle_s(self, digest: str) -> float:
        return self._now_s() - self._held_s[digest]


class MemoryImages:
    """Makes an image of every upload but those that say they are broken."""

    async def normalise(
        self, blobs: Blobs, upload_digest: str, max_bytes: int, progress: Callable[[float], None]
    ) -> NormalisedImage:
        del max_bytes
        with blobs.open(upload_digest) as stream:
            upload = stream.read()
        progress(0.5)
        if upload.startswith(BROKEN):
            raise PermanentError("InvalidImage", "The file is no image.")
        assert isinstance(blobs, MemoryBlobs)
        blob = blobs.keep(hashlib.sha256(upload).digest() * (BLOB_BYTES // 32))
        return NormalisedImage(
            digest=blob.digest,
            blob_size_bytes=blob.size_bytes,
            virtual_size_bytes=2 * GIB,
            file_format="raw",
        )

    async def examine(self, blobs: Blobs, digest: str, max_bytes: int) -> NormalisedImage:
        del max_bytes
        blobs.hold(digest)
        return NormalisedImage(
            digest=digest,
            blob_size_bytes=blobs.size_bytes(digest),
            virtual_size_bytes=2 * GIB,
            file_format="qcow2",
        )
