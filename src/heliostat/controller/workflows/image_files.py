"""The seam through which uploaded images are looked into and made uniform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from heliostat.content.blobs import Blobs
from heliostat.controller.model.image import ImageSetting


class NormalisedImage(msgspec.Struct, frozen=True, kw_only=True):
    """A qcow2 blob made from an upload; ``file_format`` is what was uploaded."""

    digest: str
    blob_size_bytes: int
    virtual_size_bytes: int
    file_format: str
    settings: tuple[ImageSetting, ...] = ()


class ImageFiles(Protocol):
    """Checks and converts image files."""

    async def normalise(
        self, blobs: Blobs, upload_digest: str, max_bytes: int, progress: Callable[[float], None]
    ) -> NormalisedImage:
        """Store the upload as a qcow2 blob; the same upload may be given again.

        ``progress`` gets 0..1.  Raises the error of what is wrong with the file:
        ``UnsupportedImageFileType``, ``InvalidImage``, ``InvalidVmdkFormat``,
        ``InvalidOva``; ``DiskFull``.
        """

    async def examine(self, blobs: Blobs, digest: str, max_bytes: int) -> NormalisedImage:
        """What a qcow2 blob is that a host has made; the blob begins its idle time anew.

        Raises ``BlobNotFound``, and ``InvalidImage`` for what is no whole qcow2 or refers
        outside itself: other hosts will open it.
        """
