"""A proxy that loses answers: the request gets there, its answer doesn't get back.

What a broken line does to a client at the worst moment.  It counts what it
forwarded, so a test sees that the request was sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

HEAD_END = b"\r\n\r\n"


@dataclass
class LossyProxy:
    """Drops the first ``losses`` answers to requests whose first line holds ``to_lose``."""

    target: str
    losses: int = 1
    to_lose: str = "POST"
    url: str = ""
    requests: list[str] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, and one to the controller behind it."""
        parts = urlsplit(self.target)
        try:
            there, back = await asyncio.open_connection(parts.hostname, parts.port)
        except OSError:
            writer.close()
            return
        try:
            while (head := await _head(reader)) and await self._exchange(
                head, reader, writer, there, back
            ):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # one of the two is gone
        finally:
            for each in (writer, back):
                each.close()
                with contextlib.suppress(OSError):
                    await each.wait_closed()

    async def _exchange(
        self,
        head: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> bool:
        """One request and its answer; ``False`` if the answer is lost and the line with it."""
        first = head.split(b"\r\n", 1)[0].decode()
        self.requests.append(first)
        back.write(head + await reader.readexactly(_length(head)))
        await back.drain()
        answer = await _head(there)
        answer += await there.readexactly(_length(answer))
        if self.losses and self.to_lose in first:
            self.losses -= 1
            return False
        writer.write(answer)
        await writer.drain()
        return True


@asynccontextmanager
async def lossy_proxy(
    target: str, *, losses: int = 1, to_lose: str = "POST"
) -> AsyncIterator[LossyProxy]:
    """A proxy on a free port before ``target`` (a URL)."""
    proxy = LossyProxy(target, losses, to_lose)
    server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield proxy


async def _head(reader: asyncio.StreamReader) -> bytes:
    """First line and headers; empty at the end of the stream."""
    try:
        return await reader.readuntil(HEAD_END)
    except asyncio.IncompleteReadError:
        return b""


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0
