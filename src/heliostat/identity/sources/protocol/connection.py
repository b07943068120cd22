"""One connection to a directory server, by one caller at a time.

Everything has an end: a server that says nothing, drips, or says too much ends in
``Unreachable`` within the time given.  A connection on which that happened is of no further
use; close it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine
from typing import TypeVar

from heliostat.identity.sources.protocol import messages
from heliostat.identity.sources.protocol.ber import Malformed
from heliostat.identity.sources.protocol.messages import Answer, Entry, Outcome, Search
from heliostat.identity.sources.protocol.reach import (
    START_TLS_NUMBER,
    Link,
    Unreachable,
    connect,
    explained,
    message,
    resolve,
    start_tls,
)
from heliostat.identity.sources.protocol.results import SIZE_EXCEEDED, named

T = TypeVar("T")
LONGEST_ANSWER = 16 << 20
"""Bytes of all answers to one search."""
PAGE = 500
GOODBYE_S = 0.2
"""A server that does not close is not waited for."""


class Refused(Exception):
    """The server's answer is no; ``outcome`` has its code and words."""

    def __init__(self, what: str, outcome: Outcome) -> None:
        words = outcome.words.replace("\0", "").strip()[:200]
        super().__init__(f"{what}: {named(outcome.code)}" + (f" ({words})" if words else ""))
        self.outcome = outcome


class TooMany(Exception):
    """More entries than the caller wanted."""


class Connection:
    """An open connection."""

    def __init__(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._link = link
        self._reader = reader
        self._writer = writer
        self._number = START_TLS_NUMBER
        self._received = 0
        self.broken = False

    @classmethod
    async def open(cls, link: Link) -> Connection:
        """Connect, encrypt and check the certificate; raises ``Unreachable``."""
        return await cls.over(link, await connect(link, await resolve(link)))

    @classmethod
    async def over(cls, link: Link, connected: socket.socket) -> Connection:
        """Over a socket, which is closed if this fails; raises ``Unreachable``."""
        try:
            async with asyncio.timeout(link.timeout_s):
                if link.tls is not None and not link.address.encrypted:
                    await start_tls(connected)
                host = link.address.host if link.tls is not None else None
                reader, writer = await asyncio.open_connection(
                    sock=connected, ssl=link.tls, server_hostname=host
                )
        except BaseException as error:
            connected.close()
            raise explained(link, error) or error from error
        return cls(link, reader, writer)

    @property
    def encryption(self) -> str:
        """What protects it, in a sentence."""
        tls = self._writer.get_extra_info("ssl_object")
        if tls is None:
            return f"{self._link.address} is not encrypted."
        subject = dict(part[0] for part in tls.getpeercert().get("subject", ()))
        name = subject.get("commonName") or self._link.address.host
        return f"{tls.version()} with {name}, whose certificate is trusted."

    async def bind(self, dn: str, password: str) -> Outcome:
        """Whether ``password`` is that of ``dn``; raises ``Unreachable``."""
        if not password or not dn:
            raise ValueError("binding without a name or a password proves nothing")
        return await self._bind(messages.bind(self._next(), dn, password))

    async def bind_external(self) -> Outcome:
        """Be whom our TLS certificate names; raises ``Unreachable``."""
        return await self._bind(messages.bind_external(self._next()))

    async def _bind(self, request: bytes) -> Outcome:
        async def exchange() -> Outcome:
            await self._send(request)
            tag, answer = await self._answer()
            if tag != Answer.BOUND or not isinstance(answer, Outcome):
                raise Malformed("an answer to something else")
            return answer

        return await self._within(exchange())

    async def search(self, asked: Search) -> list[Entry]:
        """The entries; raises as ``each``."""
        found: list[Entry] = []
        await self.each(asked, found.append)
        return found

    async def each(self, asked: Search, take: Callable[[Entry], None]) -> None:
        """Give each entry to ``take``, so that not all have to be kept.

        Raises ``Unreachable``, ``Refused``, and ``TooMany`` beyond the limit.
        """

        async def exchange() -> None:
            cookie, until, count = b"", self._received + LONGEST_ANSWER, 0
            page = PAGE if asked.limit > 2 else 0
            while True:
                await self._ask(asked, page, cookie)
                outcome, count = await self._page(asked, take, count, until)
                cookie = outcome.cookie
                if outcome.code == SIZE_EXCEEDED and count:
                    raise TooMany(f"more than the {count} that the server gives at once")
                if outcome.code:
                    raise Refused("the search was refused", outcome)
                if not cookie:
                    return

        await self._within(exchange())

    async def _ask(self, asked: Search, page: int, cookie: bytes) -> None:
        limit_s = max(1, round(self._link.timeout_s))
        request = messages.search(self._next(), asked, page=page, cookie=cookie, limit_s=limit_s)
        await self._send(request)

    async def _page(
        self, asked: Search, take: Callable[[Entry], None], count: int, until: int
    ) -> tuple[Outcome, int]:
        """How a page ends, and how many entries there were up to then."""
        while True:
            tag, answer = await self._answer()
            if isinstance(answer, Entry) and tag == Answer.ENTRY:
                count += 1
                if count <= asked.limit:
                    take(answer)
            elif tag == Answer.DONE and isinstance(answer, Outcome):
                return answer, count
            elif tag != Answer.REFERENCE:
                raise Malformed("an answer to something else")
            if count > asked.limit or self._received > until:
                self.broken = True  # the rest of the answer would be taken for the next one
                raise TooMany(f"more than {asked.limit} entries or {LONGEST_ANSWER} bytes")

    async def close(self) -> None:
        """Say good-bye, and wait a moment until it is gone; closing twice does nothing."""
        if not self.broken:
            with contextlib.suppress(OSError, RuntimeError):
                self._writer.write(messages.unbind(self._next()))
        self.broken = True
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._writer.wait_closed()

    def drop(self) -> None:
        """End it at once."""
        self.broken = True
        with contextlib.suppress(RuntimeError):  # of a loop that is closed already
            self._writer.transport.abort()

    def _next(self) -> int:
        self._number += 1
        return self._number

    async def _send(self, request: bytes) -> None:
        self._writer.write(request)
        await self._writer.drain()

    async def _answer(self) -> tuple[int, Entry | Outcome | None]:
        data = await message(self._reader.readexactly)
        self._received += len(data)
        number, tag, content = messages.read(data)
        if number == 0 and isinstance(content, Outcome):
            raise Unreachable(f"{self._link.address} ended the connection: {content.words[:200]}")
        if number != self._number:
            raise Malformed("an answer to something else")
        return tag, content

    async def _within(self, exchange: Coroutine[None, None, T]) -> T:
        """What an exchange gives, within the time; afterwards the connection may be broken."""
        if self.broken:
            exchange.close()
            raise Unreachable(f"the connection to {self._link.address} is closed")
        try:
            async with asyncio.timeout(self._link.timeout_s):
                return await exchange
        except (Refused, TooMany):
            raise
        except BaseException as error:
            self.broken = True
            raise explained(self._link, error) or error from error
