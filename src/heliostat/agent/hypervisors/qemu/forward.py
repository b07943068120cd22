"""Byte streams to a guest: its serial console, its screen and its TCP ports.

A port is reached through a forwarding on loopback that exists only while the
connection is made: added, connected to, removed.  An established connection
survives the removal, and no other user of the host finds an open door to guests.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

from heliostat.agent.hypervisors.qemu.command_line import SERIAL_SOCKET, VNC_SOCKET
from heliostat.agent.hypervisors.qemu.machine import Machine
from heliostat.agent.hypervisors.qemu.qmp import short_path
from heliostat.core.errors import HeliostatError, TemporaryError

_CHUNK_BYTES = 1 << 16
_TRIES = 5
STUCK_S = 120.0
"""A guest that takes no input for so long never will: whoever sends must not hang on it."""
FLUSH_S = 2.0
"""How long the last bytes may take when a stream is closed."""
GRACE_S = 0.3
"""A port that nobody listens on is refused by the guest within this time."""


class SocketStream:
    """A byte stream over an asyncio connection; ``first`` bytes were read ahead."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes = b""
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._first = first

    async def read(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        try:
            return await self._reader.read(_CHUNK_BYTES)
        except ConnectionError:
            return b""

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        try:
            async with asyncio.timeout(STUCK_S):
                await self._writer.drain()
        except TimeoutError as error:
            why = f"The guest took no input for {STUCK_S:g} s."
            raise TemporaryError("GuestUnreachable", why) from error

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):  # also a time-out
            async with asyncio.timeout(FLUSH_S):
                await self._writer.wait_closed()
        self._writer.transport.abort()


async def console(machine: Machine) -> SocketStream:
    """The serial line; QEMU serves one client at a time, which the agent sees to."""
    return await _connect(machine, SERIAL_SOCKET, "serial console")


async def screen(machine: Machine) -> SocketStream:
    """QEMU's VNC server, which only the agent's user can reach."""
    return await _connect(machine, VNC_SOCKET, "screen")


async def _connect(machine: Machine, name: str, what: str) -> SocketStream:
    try:
        with short_path(machine.folder, name) as address:
            return SocketStream(*await asyncio.open_unix_connection(address))
    except OSError as error:
        raise TemporaryError("GuestUnreachable", f"The {what} can't be opened: {error}.") from error


async def dial(machine: Machine, port: int) -> SocketStream:
    """A TCP connection to ``port`` of the guest's first interface."""
    host_port = await _forward(machine, port)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", host_port)
    except OSError as error:
        raise _unreachable(port, str(error)) from error
    finally:
        with contextlib.suppress(HeliostatError):
            await machine.human(f"hostfwd_remove net0 tcp:127.0.0.1:{host_port}")
    return await _settled(reader, writer, port)


async def _forward(machine: Machine, port: int) -> int:
    answer = ""
    for _ in range(_TRIES):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            free = int(probe.getsockname()[1])
        # somebody else may take the port before QEMU does: then another one is tried
        answer = await machine.human(f"hostfwd_add net0 tcp:127.0.0.1:{free}-:{port}")
        if not answer.strip():
            return free
    raise _unreachable(port, answer.strip())


async def _settled(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
) -> SocketStream:
    """QEMU accepts before the guest does; a refusal shows as an immediate end."""
    try:
        first = await asyncio.wait_for(reader.read(_CHUNK_BYTES), GRACE_S)
    except TimeoutError:
        return SocketStream(reader, writer)
    except ConnectionError:
        first = b""
    stream = SocketStream(reader, writer, first)
    if not first:
        await stream.close()
        raise _unreachable(port, "nothing listens there")
    return stream


def _unreachable(port: int, why: str) -> TemporaryError:
    return TemporaryError("GuestUnreachable", f"Port {port} of the guest can't be reached: {why}.")
