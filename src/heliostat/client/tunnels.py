"""Byte streams to guests: the serial console and TCP ports, over WebSockets.

Binary frames are bytes of the stream, both ways.  When the other side ends the
stream for a reason, the reason is raised; a plain end reads as ``b""``.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from heliostat.client.calls import path_of
from heliostat.client.faults import Unreachable, certificate_fault, plain_reason, refusal
from heliostat.client.transport import Transport
from heliostat.core.deferred import deferred
from heliostat.core.errors import HeliostatError

if TYPE_CHECKING:
    import httpx
    from websockets import exceptions
    from websockets.sync import client as sockets
else:
    httpx = deferred("httpx")
    exceptions = deferred("websockets.exceptions")
    sockets = deferred("websockets.sync.client")

CONNECT_TIMEOUT_S = 20.0


class Tunnel:
    """An open stream; ``write`` and ``read`` may be called from two threads."""

    def __init__(self, transport: Transport, connection: sockets.ClientConnection) -> None:
        self._transport = transport
        self._connection = connection

    def read(self) -> bytes:
        """The next bytes; ``b""`` at the end of the stream."""
        try:
            frame = self._connection.recv()
        except exceptions.ConnectionClosedOK:
            return b""
        except exceptions.ConnectionClosed as error:
            raise self._cut(error) from error
        return frame.encode() if isinstance(frame, str) else frame

    def write(self, data: bytes) -> None:
        try:
            self._connection.send(data)
        except exceptions.ConnectionClosed as error:
            raise self._cut(error) from error

    def close(self) -> None:
        self._connection.close()

    def _cut(self, error: exceptions.ConnectionClosed) -> HeliostatError:
        told = error.rcvd.reason if error.rcvd is not None else ""
        return Unreachable(self._transport.target, told or "the stream was cut", was_sent=True)


def open_tunnel(transport: Transport, operation: str, *arguments: str) -> Tunnel:
    """Open a stream; raises what the controller answers instead, e.g. ``ConsoleInUse``."""
    try:
        return _open(transport, operation, arguments)
    except HeliostatError as error:
        if error.code != "ExpiredAuthToken" or transport.signer is None:
            raise
        if not transport.signer.renew():
            raise
    return _open(transport, operation, arguments)


def _open(transport: Transport, operation: str, arguments: tuple[str, ...]) -> Tunnel:
    target = transport.target
    token = transport.bearer()
    try:
        connection = sockets.connect(
            target.websocket_url + path_of(operation, *arguments),
            sock=_socket(transport),
            ssl=_tls(transport),
            additional_headers={"Authorization": f"Bearer {token}"} if token else {},
            open_timeout=CONNECT_TIMEOUT_S,
            compression=None,
            max_size=None,
        ).__enter__()  # a tunnel outlives this call; its close() is the other half
    except exceptions.InvalidStatus as error:
        body = bytes(error.response.body or b"")
        answer = httpx.Response(error.response.status_code, content=body)
        raise refusal(target, answer) from error
    except (OSError, exceptions.InvalidHandshake) as error:
        fault = certificate_fault(target, error)
        raise (fault or Unreachable(target, plain_reason(error))) from error
    return Tunnel(transport, connection)


def _tls(transport: Transport) -> ssl.SSLContext | None:
    if not transport.target.url.startswith("https:"):
        return None
    return transport.tls or ssl.create_default_context()


def _socket(transport: Transport) -> socket.socket | None:
    """A socket to a controller on this machine, past any proxy; else the library makes it."""
    target = transport.target
    if target.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.connect(target.socket)
        except OSError:
            made.close()
            raise
        return made
    if target.is_local:
        parts = urlsplit(target.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return socket.create_connection((parts.hostname or "", port), CONNECT_TIMEOUT_S)
    return None
