"""A port of Kerberos under connections that say nothing: others are still answered."""

from __future__ import annotations

import asyncio
import socket

from heliostat.identity.kerberos.port import CONNECTIONS, Port


async def echo(message: bytes, _address: str) -> bytes:
    return message


async def by_connection(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"\0\0\0\5hello")
        return (await reader.readexactly(9))[4:]
    finally:
        writer.close()


async def by_datagram(port: int) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(asking, b"hello", ("127.0.0.1", port))
        return await loop.sock_recv(asking, 100)


async def test_connections_that_say_nothing_keep_nobody_out() -> None:
    port = await Port.open("127.0.0.1", 0, echo)
    silent = []
    try:
        async with asyncio.timeout(5):
            for _ in range(CONNECTIONS + 10):
                silent.append(await asyncio.open_connection("127.0.0.1", port.port))
            assert await by_connection(port.port) == b"hello"
            assert await by_datagram(port.port) == b"hello"
            assert await silent[0][0].read() == b""  # the oldest had to go
    finally:
        for _, writer in silent:
            writer.close()
        await port.close()
