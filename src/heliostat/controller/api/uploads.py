"""Image uploads: multipart bodies streamed to the blob store, never held in memory.

Existing clients send ``Transfer-Encoding: chunked`` without a length, an empty
line before the first boundary, the field ``ImageReplication`` before the file
part, and no line end after the closing boundary.  Whatever ends an upload early
(client gone, disk full, malformed body) leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import os.path
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import BodyPartReader, MultipartReader, web

from heliostat.content.blobs import Blob, Blobs
from heliostat.controller.model.image import Replication
from heliostat.core.errors import PermanentError

FIELD = "ImageReplication"
MAX_FIELD_BYTES = 1024
CHUNK_BYTES = 256 << 10
PLANNED_NAME, PLANNED_REPLICATION = "planned", Replication.ON_DEMAND
PLANNED_DIGEST = "0" * 64


@dataclass(frozen=True, slots=True)
class Upload:
    """A received image file; ``name`` is its file name on the wire."""

    name: str
    replication: Replication
    blob: Blob


async def receive(request: web.Request, blobs: Blobs, *, idle_s: float) -> Upload:
    """Read the whole upload into ``blobs``; ImageUploadError tells what is wrong with it.

    A client that sends nothing for ``idle_s`` seconds has given up.
    """
    if not request.content_type.startswith("multipart/"):
        raise _refused(f"The body is {request.content_type}, not multipart/form-data.")
    try:
        return await _receive(await request.multipart(), blobs, idle_s)
    except (ValueError, RuntimeError, AssertionError) as error:
        # aiohttp's words for a malformed multipart body
        raise _refused(f"The multipart body is malformed: {error}.") from error


def declared(request: web.Request, declared_size: int | None) -> Upload:
    """An upload to plan with: nothing is read but its declared size."""
    size = declared_size if declared_size is not None else request.content_length
    if not size or size < 0:
        raise PermanentError("PlanNotPossible", "The size of the upload is not declared.")
    return Upload(PLANNED_NAME, PLANNED_REPLICATION, Blob(PLANNED_DIGEST, size))


async def _receive(reader: MultipartReader, blobs: Blobs, idle_s: float) -> Upload:
    replication: Replication | None = None
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise _refused("A part of the body is itself multipart.")
        if part.filename is None:
            if part.name != FIELD:
                raise PermanentError(
                    "UnsupportedImageUploadParameter", f"There is no upload field {part.name!r}."
                )
            replication = _parse(await _field(part))
            continue
        if replication is None:
            raise _refused(f"The field {FIELD} is missing before the file part.")
        blob = await blobs.receive(_chunks(part, idle_s))
        if blob.size_bytes == 0:
            raise _refused("The file is empty.")
        if await reader.next() is not None:
            raise PermanentError("UnsupportedImageUploadParameter", "A part follows the file part.")
        return Upload(os.path.basename(part.filename), replication, blob)
    raise _refused("The body has no file part.")


async def _field(part: BodyPartReader) -> str:
    value = bytearray()
    while chunk := await part.read_chunk(MAX_FIELD_BYTES):
        value += chunk
        if len(value) > MAX_FIELD_BYTES:
            raise _refused(f"The field {FIELD} is longer than {MAX_FIELD_BYTES} bytes.")
    return value.decode("utf-8", "replace").strip()


def _parse(text: str) -> Replication:
    """Told before the file is read, so nobody uploads gigabytes to learn it."""
    try:
        return Replication(text.upper())
    except ValueError as error:
        known = " and ".join(Replication)
        raise PermanentError(
            "InvalidImageReplicationType", f"{text!r} is no replication type; there are {known}."
        ) from error


async def _chunks(part: BodyPartReader, idle_s: float) -> AsyncIterator[bytes]:
    """The file's bytes; a body that ends without its closing boundary is refused."""
    while not part.at_eof():
        try:
            async with asyncio.timeout(idle_s):
                chunk = await part.read_chunk(CHUNK_BYTES)
        except TimeoutError as error:
            raise _refused(f"The client sent nothing for {idle_s:g} s.") from error
        if chunk:
            yield bytes(chunk)


def _refused(sentence: str) -> PermanentError:
    return PermanentError("ImageUploadError", sentence)
