"""One port of Kerberos: datagrams, and connections of messages that begin with their length.

What is under way at once is bounded; ``close`` ends all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from heliostat.identity.kerberos.kdc import MAX_MESSAGE

IDLE_S = 10.0
AT_ONCE = 128
"""Requests under way; more datagrams are dropped (clients repeat them), connections wait."""
CONNECTIONS = 2 * AT_ONCE
"""Open at once; the oldest goes for who comes, so nobody keeps others out by being there."""
Answers = Callable[[bytes, str], Awaitable[bytes | None]]
"""From a message and the address it is from to what is answered, if anything."""


class Port(asyncio.DatagramProtocol):
    """One protocol on one port: datagrams, and connections of messages with their length."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._under_way: set[asyncio.Task[None]] = set()
        self._connections: dict[asyncio.Task[None], None] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._room = asyncio.Semaphore(AT_ONCE)
        self.port = 0

    @classmethod
    async def open(cls, host: str, port: int, answers: Answers) -> Port:
        made = cls(answers)
        made._server = await asyncio.start_server(made._connected, host, port)
        made.port = made._server.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        try:
            made._transport, _ = await loop.create_datagram_endpoint(
                lambda: made, local_addr=(host, made.port)
            )
        except OSError:
            made._server.close()
            raise
        return made

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(self._under_way) < 2 * AT_ONCE:
            task = asyncio.ensure_future(self._datagram(data, addr))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _datagram(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = await self._answers(data, addr[0])
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = (writer.get_extra_info("peername") or ("",))[0]
        task = asyncio.current_task()
        if task is not None:
            while len(self._connections) >= CONNECTIONS:
                oldest = next(iter(self._connections))
                del self._connections[oldest]
                oldest.cancel()
            self._connections[task] = None
            task.add_done_callback(lambda done: self._connections.pop(done, None))
        try:
            while await self._exchange(reader, writer, address):
                pass
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other end has gone, or we do
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str
    ) -> bool:
        async with asyncio.timeout(IDLE_S):
            size = int.from_bytes(await reader.readexactly(4), "big")
            if size > MAX_MESSAGE:
                return False
            message = await reader.readexactly(size)
        async with self._room:
            answer = await self._answers(message, address)
        if answer is None:
            return False
        writer.write(len(answer).to_bytes(4, "big") + answer)
        async with asyncio.timeout(IDLE_S):
            await writer.drain()
        return True

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()
        ending = (*self._under_way, *self._connections)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
