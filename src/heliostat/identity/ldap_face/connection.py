"""One request of slapd's and its answer, over a socket of its own, in the event loop.

Read and written without a transport: slapd has most often said all when the connection is
taken, so a request costs one turn of the loop and one write (the design note has numbers).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

from heliostat.identity.ldap_face.messages import LONGEST, is_complete
from heliostat.identity.ldap_face.replies import RESULT, Code, result

READ_S = 5.0
ANSWER_S = 120.0
END_S = 5.0
"""For a last word to a client that does not read."""
CHUNK = 64 << 10

Answer = Callable[[bytes], AsyncIterator[bytes]]


class Connection:
    """``headed``: that a result follows has been said already.

    ``owed`` is said before anything else: closing instead would be a success.
    """

    def __init__(
        self,
        taken: socket.socket,
        answer: Answer,
        all_: set[Connection],
        *,
        headed: bool,
        owed: bytes = b"",
    ) -> None:
        self._socket = taken
        self._answer = answer
        self._all = all_
        self._headed = headed
        self._owed = owed
        self._raw = bytearray()
        self._reading = False
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Serve it, to its end."""
        self._all.add(self)
        if self._owed:
            self._task = asyncio.create_task(self._say_owed())
        else:
            self._read()

    def cut_off(self) -> None:
        """End it as it is."""
        self._all.discard(self)
        self._stop_reading()
        if self._task is None or self._task.done():
            self._close()
        else:
            self._task.add_done_callback(lambda _: self._close())
            self._task.cancel()

    async def _say_owed(self) -> None:
        if await self._say(self._owed):
            self._task = None
            self._read()
        else:
            self._close()

    def _read(self) -> None:
        """Take what has come; wait for what is missing."""
        try:
            data = self._socket.recv(CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            self._wait_for_more()
            return
        except OSError:
            data = b""
        self._raw += data
        if not data:
            self.cut_off()
        elif len(self._raw) > LONGEST:
            self._finish(result(Code.ADMIN_LIMIT, "The request is too large."))
        elif is_complete(self._raw):
            self._begin()
        else:
            self._wait_for_more()

    def _wait_for_more(self) -> None:
        if not self._reading:
            self._reading = True
            loop = asyncio.get_running_loop()
            loop.add_reader(self._socket.fileno(), self._read)
            self._timer = loop.call_later(READ_S, self._late)

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
        if self._timer is not None:
            self._timer.cancel()

    def _late(self) -> None:
        """What came so far is all: slapd says too great a length for a password with a NUL."""
        if self._raw.endswith(b"\n\n"):
            self._begin()
        else:
            self._finish(result(Code.PROTOCOL_ERROR))

    def _begin(self) -> None:
        self._stop_reading()
        self._task = asyncio.create_task(self._respond(bytes(self._raw)))

    def _finish(self, last: bytes) -> None:
        """Say this and nothing else."""
        self._stop_reading()
        self._task = asyncio.create_task(self._end_with(last))

    async def _respond(self, raw: bytes) -> None:
        """Answer; of what takes too long whoever still reads is told that this is not all."""
        try:
            async with asyncio.timeout(ANSWER_S):
                async for piece in self._answer(raw):
                    if not await self._say(self._worded(piece)):
                        return
        except TimeoutError:
            await self._end_with(result(Code.ADMIN_LIMIT, "It took too long."))
        finally:
            self._close()

    async def _end_with(self, last: bytes) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await self._say(self._worded(last))
        self._close()

    async def _say(self, piece: bytes) -> bool:
        """Whether somebody was there to hear it."""
        try:
            try:
                sent = self._socket.send(piece, socket.MSG_DONTWAIT)
            except BlockingIOError:
                sent = 0
            if sent < len(piece):
                self._socket.setblocking(False)  # the loop wants that
                await asyncio.get_running_loop().sock_sendall(self._socket, piece[sent:])
        except OSError:  # slapd is gone
            return False
        return True

    def _close(self) -> None:
        self._all.discard(self)
        self._socket.close()

    def _worded(self, piece: bytes) -> bytes:
        """``piece`` without the word that was said when the connection was taken."""
        return piece.removeprefix(RESULT) if self._headed else piece
