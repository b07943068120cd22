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
import logging
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

from heliostat.identity.ldap_face.messages import LONGEST, is_complete
from heliostat.identity.ldap_face.replies import Code, result

log = logging.getLogger(__name__)

READ_S = 5.0
ANSWER_S = 120.0
END_S = 5.0
"""For a last word to a client that does not read."""
PRIVATE = 0o600
BACKLOG = 128
UNANSWERED = b"RESULT\ncode: %d\n" % Code.UNAVAILABLE
"""What a request has come to unless something else follows."""

Answer = Callable[[bytes], AsyncIterator[bytes]]


class Listener:
    """Open from ``open`` to ``close``; ``first`` is what a connection is sent at once."""

    def __init__(self, path: Path, answer: Answer, first: bytes = b"") -> None:
        self._path = path
        self._answer = answer
        self._first = first
        self._socket: socket.socket | None = None
        self._connections: set[Connection] = set()
        self._taking: set[asyncio.Task[None]] = set()

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
        for task in self._taking:
            task.cancel()
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
        taken.setblocking(False)
        task = asyncio.create_task(self._serve(taken, owed))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    def _said(self, taken: socket.socket) -> int:
        """How much of the first word is said; what the system has no room for is owed."""
        try:
            return taken.send(self._first)
        except OSError:
            return 0

    async def _serve(self, taken: socket.socket, owed: bytes) -> None:
        loop = asyncio.get_running_loop()
        headed = bool(self._first)
        try:
            await loop.connect_accepted_socket(
                lambda: Connection(self._answer, self._connections, headed=headed, owed=owed), taken
            )
        except OSError:
            taken.close()


class Connection(asyncio.Protocol):
    """One request and its answer; ``headed``: that a result follows has been said already.

    ``owed`` is said before anything else: closing instead would be a success.
    """

    def __init__(
        self, answer: Answer, all_: set[Connection], *, headed: bool, owed: bytes = b""
    ) -> None:
        self._answer = answer
        self._all = all_
        self._headed = headed
        self._owed = owed
        self._raw = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._all.add(self)
        if self._owed:
            self._transport.write(self._owed)
        self._wait(READ_S, self._late)

    def data_received(self, data: bytes) -> None:
        if self._task is not None:
            return
        self._raw += data
        if len(self._raw) > LONGEST:
            self._finish(result(Code.ADMIN_LIMIT, "The request is too large."))
        elif is_complete(self._raw):
            self._begin()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._all.discard(self)
        self._writable.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def cut_off(self) -> None:
        """End it as it is."""
        if self._transport is not None:
            self._transport.abort()

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _begin(self) -> None:
        self._wait(ANSWER_S, self._overdue)
        self._task = asyncio.create_task(self._respond(bytes(self._raw)))

    def _late(self) -> None:
        """What came so far is all: slapd says too great a length for a password with a NUL."""
        if self._raw.endswith(b"\n\n"):
            self._begin()
        else:
            self._finish(result(Code.PROTOCOL_ERROR))

    def _overdue(self) -> None:
        """Say that this is not all, to whoever still reads."""
        if self._task is not None:
            self._task.cancel()
        self._finish(result(Code.ADMIN_LIMIT, "It took too long."))
        self._wait(END_S, self.cut_off)

    async def _respond(self, raw: bytes) -> None:
        try:
            async for piece in self._answer(raw):
                if self._transport is None or self._transport.is_closing():
                    return
                self._transport.write(self._worded(piece))
                await self._writable.wait()
        finally:
            self._finish(b"")

    def _finish(self, last: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._worded(last))
            self._transport.close()

    def _worded(self, piece: bytes) -> bytes:
        """``piece`` without the word that was said when the connection was taken."""
        return piece.removeprefix(b"RESULT\n") if self._headed else piece
