"""Image uploads, byte for byte as existing clients send them, and all that can go wrong."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from heliostat.content.blobs import Staging
from heliostat.controller.model.system import System, SystemState
from heliostat.controller.workflows import kinds, reading
from heliostat.testing.examples import BOUNDARY, upload_body
from heliostat.testing.site import Site, furnished_site

BIG = 3 << 20


def head(path: str = "/v1/images", token: str = "admin") -> bytes:
    """What an existing client sends first: chunked, no length."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: site\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    ).encode()


def chunks(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


async def connect(site: Site) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(site.base)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, Any]:
    async with asyncio.timeout(20):
        top = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in top.split("\r\n")[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
    return int(top.split()[1]), json.loads(body)


async def send(site: Site, body: bytes, size: int, *, path: str = "/v1/images") -> tuple[int, Any]:
    reader, writer = await connect(site)
    try:
        writer.write(head(path))
        for piece in chunks(body, size):
            writer.write(piece)
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        return await answer_of(reader)
    finally:
        writer.close()
        await writer.wait_closed()


def left_behind(site: Site) -> list[str]:
    return [path.name for path in site.ports.blobs.staging_path.iterdir()]


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20], ids=lambda size: f"chunks of {size}")
async def test_existing_clients_form(site: Site, size: int) -> None:
    """However the body is cut into chunks, the stored bytes are the file's."""
    content = "\r\n--not a boundary\r\n" * 20
    status, task = await send(site, upload_body("debian-12", content, "ON_DEMAND"), size)
    assert status == 201
    assert (task["operation"], task["state"]) == ("CREATE_IMAGE", "QUEUED")
    image = (await reading.image(site.ports.store, task["entity"]["id"])).value
    assert (image.name, image.replication) == ("debian-12", "ON_DEMAND")
    with site.ports.blobs.open(image.upload_digest) as stored:
        assert stored.read() == content.encode()


async def test_large_file_is_streamed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """No single write to disk comes near the file's size."""
    sizes: list[int] = []
    write = Staging.write

    def counted(self: Staging, data: bytes | bytearray | memoryview) -> None:
        sizes.append(len(data))
        write(self, data)

    monkeypatch.setattr(Staging, "write", counted)
    status, _ = await send(site, upload_body("big", "x" * BIG, "EAGER"), 1 << 16)
    assert status == 201
    assert sum(sizes) == BIG
    assert max(sizes) <= 1 << 19


FIELD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="ImageReplication"\r\n\r\nEAGER\r\n'
FILE = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n'
    "Content-Type: application/octet-stream\r\n\r\nbytes\r\n"
)
OTHER = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="Colour"\r\n\r\nblue\r\n'
END = f"--{BOUNDARY}--"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (FILE + END, "ImageUploadError"),
        (FILE + FIELD + END, "ImageUploadError"),
        (FIELD + END, "ImageUploadError"),
        (FIELD + FILE.replace("bytes", "") + END, "ImageUploadError"),
        (FIELD + OTHER + FILE + END, "UnsupportedImageUploadParameter"),
        (FIELD + FILE + OTHER + END, "UnsupportedImageUploadParameter"),
        (FIELD.replace("EAGER", "NEVER") + FILE + END, "InvalidImageReplicationType"),
        (FIELD.replace("EAGER", "E" * 5000) + FILE + END, "ImageUploadError"),
        (FIELD + FILE, "ImageUploadError"),
        ("nothing multipart at all", "ImageUploadError"),
    ],
    ids=[
        "no replication",
        "replication after the file",
        "no file",
        "empty file",
        "unknown field",
        "more after the file",
        "unknown replication",
        "endless field",
        "no closing boundary",
        "no boundary",
    ],
)
async def test_wrong_form(site: Site, body: str, code: str) -> None:
    before = await site.ports.store.revision()
    status, answer = await send(site, b"\r\n" + body.encode(), 512)
    assert (status, answer["code"]) == (400, code), answer
    assert await site.ports.store.revision() == before
    assert left_behind(site) == []


async def test_disk_full(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """507, and neither a staging file nor an image is left."""

    class FullDisk:
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            self._stream.close()

    made = Staging.__init__

    def full(self: Staging, *args: Any) -> None:
        made(self, *args)
        self._stream = FullDisk(self._stream)  # type: ignore[assignment]

    monkeypatch.setattr(Staging, "__init__", full)
    before = await site.ports.store.revision()
    status, answer = await send(site, upload_body("x", "y" * 1000, "EAGER"), 4096)
    assert (status, answer["code"]) == (507, "DiskFull")
    assert await site.ports.store.revision() == before
    assert left_behind(site) == []


async def test_client_goes_away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload that is cut off leaves nothing; the server goes on."""
    started, gone = asyncio.Event(), asyncio.Event()
    receive = type(site.ports.blobs).receive

    async def watched(self: Any, pieces: AsyncIterator[bytes], **more: Any) -> Any:
        started.set()
        try:
            return await receive(self, pieces, **more)
        finally:
            gone.set()

    monkeypatch.setattr(type(site.ports.blobs), "receive", watched)
    before = await site.ports.store.revision()
    _, writer = await connect(site)
    body = upload_body("x", "y" * BIG, "EAGER")
    writer.write(head() + next(chunks(body[: 1 << 16], 1 << 16)))
    await writer.drain()
    async with asyncio.timeout(20):
        await started.wait()
        writer.transport.abort()
        await gone.wait()
    assert left_behind(site) == []
    assert await site.ports.store.revision() == before
    status, _ = await send(site, upload_body("x", "y", "EAGER"), 4096)
    assert status == 201


@pytest.mark.parametrize("after_bytes", [0, 30, 90, 110, 1 << 16])
async def test_client_falls_silent(tmp_path: Path, after_bytes: int) -> None:
    """Nobody keeps a staging file or a connection by sending nothing: neither before the
    first part, in its header or field, nor in the file."""
    async with furnished_site(tmp_path, body_timeout_s=0.05) as site:
        reader, writer = await connect(site)
        body = upload_body("x", "y" * BIG, "EAGER")
        writer.write(head() + b"".join(chunks(body[:after_bytes], 1 << 16)))
        await writer.drain()
        status, answer = await answer_of(reader)
        writer.close()
        await writer.wait_closed()
        assert (status, answer["code"]) == (400, "ImageUploadError")
        assert left_behind(site) == []


@pytest.mark.parametrize("name", ["\xf0\xff", "a\x00b", '"', "\x1a\x85"])
async def test_odd_bytes_in_a_parts_header(site: Site, name: str) -> None:
    """What is no header is the client's mistake, whatever the parser says about it."""
    body = upload_body("x", "y", "EAGER").replace(b"ImageReplication", name.encode("latin-1"))
    status, answer = await send(site, body, 4096)
    assert status == 400
    assert answer["code"] in ("ImageUploadError", "UnsupportedImageUploadParameter")


async def _pause(site: Site) -> None:
    paused = System(state=SystemState.PAUSED)
    await site.ports.store.commit((), kinds.SYSTEM.put(paused))


async def test_a_pause_during_an_upload_counts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    receive = type(site.ports.blobs).receive

    async def interrupted(self: Any, pieces: AsyncIterator[bytes], **more: Any) -> Any:
        blob = await receive(self, pieces, **more)
        await _pause(site)
        return blob

    monkeypatch.setattr(type(site.ports.blobs), "receive", interrupted)
    status, answer = await send(site, upload_body("x", "y", "EAGER"), 4096)
    assert (status, answer["code"]) == (403, "SystemPaused")


async def test_a_pause_while_a_body_arrives_counts(site: Site) -> None:
    reader, writer = await connect(site)
    body = b'{"name": "late"}'
    writer.write(
        b"POST /v1/tenants HTTP/1.1\r\nHost: site\r\nAuthorization: Bearer admin\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    await writer.drain()
    await asyncio.sleep(0.1)  # until the request waits for its body
    await _pause(site)
    writer.write(body)
    status, answer = await answer_of(reader)
    writer.close()
    await writer.wait_closed()
    assert (status, answer["code"]) == (403, "SystemPaused")


async def test_refused_before_the_body_is_read(site: Site) -> None:
    """A caller without the right is told so at once, whatever it still wants to send."""
    reader, writer = await connect(site)
    writer.write(head(token="stranger"))
    await writer.drain()
    status, answer = await answer_of(reader)
    writer.close()
    await writer.wait_closed()
    assert (status, answer["code"]) == (403, "AccessForbidden")


async def test_plan_needs_the_size(site: Site) -> None:
    status, answer = await send(site, b"", 1, path="/v1/images?plan=true")
    assert (status, answer["code"]) == (400, "PlanNotPossible")
