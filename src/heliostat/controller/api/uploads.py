"""Uploads of images and ISOs: multipart bodies streamed to the blob store, never held in memory.

Existing clients send ``Transfer-Encoding: chunked`` without a length, an empty
line before the first boundary, the field ``ImageReplication`` (images only) before
the file part, and no line end after the closing boundary.  Whatever ends an upload
early (client gone, disk full, malformed body) leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import os.path
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from heliostat.content.blobs import Blob, Blobs
from heliostat.controller.model.image import Replication
from heliostat.core.errors import PermanentError

T = TypeVar("T")

FIELD = "ImageReplication"
MAX_FIELD_BYTES = 1024
CHUNK_BYTES = 256 << 10
PLANNED_NAME, PLANNED_REPLICATION = "planned", Replication.ON_DEMAND
PLANNED_DIGEST = "0" * 64


@dataclass(frozen=True, slots=True)
class Form:
    """What is uploaded: the code of what is wrong with it, and what else the body may hold."""

    refused_code: str
    odd_part_code: str
    has_replication: bool

    def refused(self, sentence: str) -> PermanentError:
        return PermanentError(self.refused_code, sentence)

    def odd_part(self, sentence: str) -> PermanentError:
        return PermanentError(self.odd_part_code, sentence)


IMAGE = Form("ImageUploadError", "UnsupportedImageUploadParameter", has_replication=True)
ISO = Form("IsoUploadError", "IsoUploadError", has_replication=False)


@dataclass(frozen=True, slots=True)
class Upload:
    """A received file; ``name`` is its file name on the wire."""

    name: str
    replication: Replication
    blob: Blob


async def receive(
    request: web.Request, blobs: Blobs, *, idle_s: float, form: Form = IMAGE
) -> Upload:
    """Read the whole upload into ``blobs``; the form's error tells what is wrong with it.

    A client that sends nothing for ``idle_s`` seconds has given up.
    """
    if not request.content_type.startswith("multipart/"):
        raise form.refused(f"The body is {request.content_type}, not multipart/form-data.")
    try:
        return await _receive(await request.multipart(), blobs, idle_s, form)
    except (ValueError, RuntimeError, AssertionError, HttpProcessingError) as error:
        # aiohttp's words for a malformed multipart body
        raise form.refused(f"The multipart body is malformed: {_told(error)}.") from error


def _told(error: Exception) -> str:
    """The parser's reason on one line; it may quote any bytes."""
    reason = error.message if isinstance(error, HttpProcessingError) else str(error)
    return " ".join(reason.split())[:200].rstrip(".:")


def declared(request: web.Request, declared_size: int | None) -> Upload:
    """An upload to plan with: nothing is read but its declared size."""
    size = declared_size if declared_size is not None else request.content_length
    if not size or size < 0:
        raise PermanentError("PlanNotPossible", "The size of the upload is not declared.")
    return Upload(PLANNED_NAME, PLANNED_REPLICATION, Blob(PLANNED_DIGEST, size))


async def _receive(reader: MultipartReader, blobs: Blobs, idle_s: float, form: Form) -> Upload:
    replication = None if form.has_replication else PLANNED_REPLICATION
    while (part := await _in_time(reader.next(), idle_s, form)) is not None:
        if not isinstance(part, BodyPartReader):
            raise form.refused("A part of the body is itself multipart.")
        if part.filename is None:
            if part.name != FIELD or not form.has_replication:
                raise form.odd_part(f"There is no upload field {part.name!r}.")
            replication = parse_replication(await _in_time(_field(part), idle_s, form))
            continue
        if replication is None:
            raise form.refused(f"The field {FIELD} is missing before the file part.")
        blob = await blobs.receive(_chunks(part, idle_s, form))
        if blob.size_bytes == 0:
            raise form.refused("The file is empty.")
        if await _in_time(reader.next(), idle_s, form) is not None:
            raise form.odd_part("A part follows the file part.")
        return Upload(os.path.basename(part.filename), replication, blob)
    raise form.refused("The body has no file part.")


async def _field(part: BodyPartReader) -> str:
    value = bytearray()
    while chunk := await part.read_chunk(MAX_FIELD_BYTES):
        value += chunk
        if len(value) > MAX_FIELD_BYTES:
            raise IMAGE.refused(f"The field {FIELD} is longer than {MAX_FIELD_BYTES} bytes.")
    return value.decode("utf-8", "replace").strip()


def parse_replication(text: str) -> Replication:
    """Told before the file is read, so nobody uploads gigabytes to learn it."""
    try:
        return Replication(text.upper())
    except ValueError as error:
        known = " and ".join(Replication)
        raise PermanentError(
            "InvalidImageReplicationType", f"{text!r} is no replication type; there are {known}."
        ) from error


async def _chunks(part: BodyPartReader, idle_s: float, form: Form) -> AsyncIterator[bytes]:
    """The file's bytes; a body that ends without its closing boundary is refused."""
    while not part.at_eof():
        chunk = await _in_time(part.read_chunk(CHUNK_BYTES), idle_s, form)
        if chunk:
            yield bytes(chunk)


async def _in_time(reading: Awaitable[T], idle_s: float, form: Form) -> T:
    """What is read next, unless the client takes longer than ``idle_s`` to send it."""
    try:
        async with asyncio.timeout(idle_s):
            return await reading
    except TimeoutError as error:
        raise form.refused(f"The client sent nothing for {idle_s:g} s.") from error
