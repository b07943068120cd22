"""Joining a tunnel with local bytes: standard streams, or connections to a local port.

Two pumps: one thread carries local input to the guest, the caller's thread
carries the guest's output back and decides when it is over.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from enum import Enum

from heliostat.client.tunnels import Tunnel
from heliostat.core.errors import HeliostatError

LINGER_S = 5.0
"""How long after the end of local input the guest's answer is still waited for."""


class Ending(Enum):
    """Why a bridge came down."""

    REMOTE = "the other side closed"
    ESCAPE = "the user left"
    LOCAL = "local input ended"


def bridge(
    tunnel: Tunnel,
    read: Callable[[], bytes],
    write: Callable[[bytes], None],
    *,
    escape: bytes = b"",
    linger_s: float = LINGER_S,
) -> Ending:
    """Carry bytes both ways until one side ends; ``escape`` in the input ends it at once.

    Raises what the tunnel raises when it is cut.
    """
    ended: list[Ending] = []

    def carry_input() -> None:
        try:
            ended.append(_pump(tunnel, read, escape))
        except (HeliostatError, OSError):
            ended.append(Ending.REMOTE)  # the reader below meets and reports the same cut
            return
        if ended[-1] is Ending.ESCAPE:
            tunnel.close()
        else:
            timer = threading.Timer(linger_s, tunnel.close)
            timer.daemon = True
            timer.start()

    threading.Thread(target=carry_input, name="helio-input", daemon=True).start()
    try:
        while data := tunnel.read():
            write(data)
    except HeliostatError:
        if not ended or ended[0] is Ending.REMOTE:
            raise
    finally:
        tunnel.close()
    return ended[0] if ended else Ending.REMOTE


def _pump(tunnel: Tunnel, read: Callable[[], bytes], escape: bytes) -> Ending:
    while data := read():
        before, found, _ = data.partition(escape) if escape else (data, b"", b"")
        if before:
            tunnel.write(before)
        if found:
            return Ending.ESCAPE
    return Ending.LOCAL


class Forwarder:
    """A local TCP port whose every connection is carried to the guest through its own tunnel."""

    def __init__(self, address: str, port: int, open_tunnel: Callable[[], Tunnel]) -> None:
        self.address = address
        self._open = open_tunnel
        self._listener = socket.create_server((address, port))
        self.port: int = self._listener.getsockname()[1]

    def serve(self, failed: Callable[[HeliostatError], None]) -> None:
        """Accept until closed; a connection that fails is told to ``failed`` and closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(connection, failed), daemon=True).start()

    def close(self) -> None:
        # Linux wakes accept() only so; macOS and Windows refuse it, and closing wakes it there.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _carry(self, connection: socket.socket, failed: Callable[[HeliostatError], None]) -> None:
        with connection:
            try:
                bridge(self._open(), lambda: connection.recv(65536), connection.sendall)
            except HeliostatError as error:
                failed(error)
            except OSError:
                return  # the local program went away; nobody is left to tell
