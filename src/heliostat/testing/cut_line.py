"""A line between two places that can be cut and mended: a TCP proxy.

Cut, it ends what goes through it and lets nothing begin, as a router does that lost its way.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class CutLine:
    """From ``port`` on loopback to ``target``; made by ``cut_line``."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self._target = target
        self._server: asyncio.Server | None = None
        self._through: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        """Let everything through from now on."""
        if self._server is None:
            self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Let nothing through from now on."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._through):
            writer.transport.abort()
        self._through.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._through |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        self._through -= {writer, back}

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        sink.transport.abort()


@asynccontextmanager
async def cut_line(port: int, target: int) -> AsyncIterator[CutLine]:
    """A line that is whole; it ends with the context."""
    line = CutLine(port, target)
    await line.mend()
    try:
        yield line
    finally:
        await line.cut()
