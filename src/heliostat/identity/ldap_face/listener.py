"""The Unix sockets that slapd asks: one request a connection, in the controller's event loop.

slapd takes a connection that ends without an answer for success, so a bind that nobody
answered would let anybody in, and a write that nobody made would be acknowledged.  All but
searches therefore have a socket of their own, whose connections are told "unavailable" in the
moment in which they are taken: a result without its end, that the true one overrules (the last
``code`` counts) and an end of any other kind leaves standing.  A search's entries come before
its result, so that can't be said of it.
Connections that nobody has taken yet wait in a socket that slapd holds open itself: when we
are gone they hear nothing, and slapd is killed with us.

slapd has a bounded number of threads, so there are never more requests than that; each is
bounded in bytes and in time, and what has no end in time is cut off.
"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from heliostat.identity.ldap_face.connection import Answer, Connection
from heliostat.identity.ldap_face.replies import RESULT, Code

PRIVATE = 0o600
BACKLOG = 128
UNANSWERED = RESULT + b"code: %d\n" % Code.UNAVAILABLE
"""What a request has come to unless something else follows."""


class Listener:
    """Open from ``open`` to ``close``; ``first`` is what a connection is sent at once."""

    def __init__(self, path: Path, answer: Answer, first: bytes = b"") -> None:
        self._path = path
        self._answer = answer
        self._first = first
        self._socket: socket.socket | None = None
        self._connections: set[Connection] = set()

    @property
    def fileno(self) -> int:
        """The listening socket, for slapd to hold open, too."""
        assert self._socket is not None
        return self._socket.fileno()

    async def open(self) -> None:
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.bind(str(self._path))
        self._path.chmod(PRIVATE)
        self._socket.listen(BACKLOG)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._take)

    async def close(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        for each in list(self._connections):
            each.cut_off()
        self._path.unlink(missing_ok=True)

    def _take(self) -> None:
        """Take a connection; nothing stands between that and its first answer."""
        assert self._socket is not None
        try:
            taken, _ = self._socket.accept()
        except OSError:  # gone again, or no room for it now
            return
        owed = self._first[self._said(taken) :]
        headed = bool(self._first)
        Connection(taken, self._answer, self._connections, headed=headed, owed=owed).begin()

    def _said(self, taken: socket.socket) -> int:
        """How much of the first word is said; what the system has no room for is owed."""
        try:
            return taken.send(self._first) if self._first else 0
        except OSError:
            return 0
