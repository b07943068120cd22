"""Frames, byte streams and TLS contexts that both ends of the link share.

A frame is one WebSocket text message.  A tunnel is one WebSocket of binary
messages: consoles and ports never share the control connection, so bulk can't
delay control.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
from aiohttp import ClientWebSocketResponse, WSMsgType, web

from heliostat.core.errors import TemporaryError

HEARTBEAT_S = 10.0
"""Agents ping this often when nothing else is heard; see ``silence`` for the other end."""

MAX_FRAME_BYTES = 16 << 20
"""A snapshot of some ten thousand entities fits; anything larger is a defect."""

T = TypeVar("T")
WebSocket = ClientWebSocketResponse | web.WebSocketResponse


class Tunnel(Protocol):
    """A two-way byte stream."""

    async def read(self) -> bytes:
        """The next bytes; ``b""`` once the other end has closed."""

    async def write(self, data: bytes) -> None:
        """Send bytes; raises ``TemporaryError`` when the other end is gone."""

    async def close(self) -> None:
        """Close both directions; closing twice does nothing."""


class SocketTunnel:
    """A tunnel over one WebSocket."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def read(self) -> bytes:
        while True:
            message = await self._socket.receive()
            if message.type is WSMsgType.BINARY:
                if message.data:
                    return bytes(message.data)
                continue
            return b""

    async def write(self, data: bytes) -> None:
        try:
            await self._socket.send_bytes(data)
        except (ConnectionError, RuntimeError) as error:
            raise TemporaryError("GuestUnreachable", "The tunnel was closed.") from error

    async def close(self) -> None:
        await self._socket.close()


class FrameCodec:
    """Encodes frames of any kind and decodes those of one union."""

    def __init__(self, union: object) -> None:
        self._decoder: msgspec.json.Decoder[object] = msgspec.json.Decoder(union)
        self._encoder = msgspec.json.Encoder()

    def encode(self, frame: object) -> str:
        return self._encoder.encode(frame).decode()

    def decode(self, text: str) -> object:
        """Raises ``msgspec.ValidationError`` or ``DecodeError`` for what is no frame."""
        return self._decoder.decode(text)


def agent_client_context(ca: Path, identity: Path) -> ssl.SSLContext:
    """TLS as an agent: trusts the platform's CA alone and shows the host's certificate.

    ``identity`` holds certificate and key.  Raises ``OSError`` for files of no use.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(identity)
    return context
