"""The servers of one source: which one is asked, as whom, and what becomes of one that fails.

They are asked in the order in which they are named; one that fails is left alone for a while
(``breaker``) and the next takes its place.  Connections that are signed in as the source's own
account are kept and used again; a person's password is proved on one of its own, which is
then closed.  Lives as long as the source stays as it is.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.identity.reach.gate import Gate
from heliostat.identity.sources import breaker
from heliostat.identity.sources.breaker import WELL, Health
from heliostat.identity.sources.credentials import Credentials, sign_in
from heliostat.identity.sources.protocol import address
from heliostat.identity.sources.protocol.connection import Connection, Refused, TooMany
from heliostat.identity.sources.protocol.messages import Outcome
from heliostat.identity.sources.protocol.reach import Link, Unreachable
from heliostat.identity.sources.protocol.results import BUSY
from heliostat.identity.sources.protocol.trust import tls_context
from heliostat.identity.sources.source import Source

T = TypeVar("T")
AT_ONCE = 16
"""Questions to one source at the same time; as many again wait, four times over."""
WAITING = 64
IDLE = 4
"""Connections kept for the next question, of each server."""
IDLE_MS = 60_000
STEPS = 3
"""Time-outs that a question may last, whatever happens: a few servers, or a connection,
signing in and an answer that each take all of theirs."""
_log = logging.getLogger(__name__)


class State(NamedTuple):
    """How a server is, for people."""

    url: str
    state: str
    sentence: str


class Servers:
    """Asks one source's servers."""

    def __init__(
        self,
        source: Source,
        credentials: Credentials,
        clock: Clock,
        gate: Gate,
        at_once: int = AT_ONCE,
    ) -> None:
        self._source = source
        self._credentials = credentials
        self._clock = clock
        self._gate = gate
        self._tls: ssl.SSLContext | None = None
        self._health: dict[str, Health] = dict.fromkeys(source.urls, WELL)
        self._idle: dict[str, deque[tuple[int, Connection]]] = {url: deque() for url in source.urls}
        self._slots = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._closed = False

    async def ask(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        """What a server says to ``question``, signed in as the source's own account.

        Raises ``SourceUnavailable``, ``TooManyRequests``, and what ``question`` raises.
        """

        async def asked(url: str) -> T:
            kept = self._kept(url)
            if kept is not None:
                try:
                    return await self._used(url, kept, question)
                except Unreachable:
                    pass  # it was closed while nobody looked; a new one tells more
            return await self._used(url, await self._signed_in(url), question)

        return await self._first_that_answers(asked)

    async def prove(self, dn: str, password: str) -> Outcome:
        """What a server says to a person's password; raises as ``ask``."""

        async def proved(url: str) -> Outcome:
            connection = await Connection.open(self.link(url))
            try:
                outcome = await connection.bind(dn, password)
            finally:
                await connection.close()
            if outcome.code in BUSY:
                raise Unreachable(str(Refused("signing in was refused", outcome)))
            return outcome

        return await self._first_that_answers(proved)

    def states(self) -> tuple[State, ...]:
        """How each server is."""
        now_ms = self._clock.now_ms()
        return tuple(
            State(url, health.state, breaker.sentence(health, now_ms))
            for url, health in self._health.items()
        )

    def link(self, url: str) -> Link:
        """How ``url`` is reached; raises ``InvalidEntity`` for roots or certificates that are
        none."""
        where = address.parse(url)
        if where is None:
            raise Unreachable(f"{url} is no address of a directory server")
        encrypted = where.encrypted or self._source.start_tls
        if encrypted and self._tls is None:
            own = self._credentials
            self._tls = tls_context(self._source.roots_pem, own.certificate_pem, own.key_pem)
        tls = self._tls if encrypted else None
        return Link(where, tls, self._source.timeout_s, self._gate)

    def close(self) -> None:
        """Drop what is kept; what is asked now is answered, and kept no more."""
        self._closed = True
        for kept in self._idle.values():
            while kept:
                kept.pop()[1].drop()

    async def _first_that_answers(self, asked: Callable[[str], Awaitable[T]]) -> T:
        longest_s = self._source.timeout_s * STEPS
        ends_s = asyncio.get_running_loop().time() + longest_s
        async with self._turn(ends_s):
            for url in self._source.urls:
                health, now_ms = self._health[url], self._clock.now_ms()
                if not health.may_ask(now_ms):
                    continue
                self._health[url] = breaker.tried(health, round(longest_s * 1000), now_ms)
                try:
                    async with asyncio.timeout_at(ends_s):
                        answer = await asked(url)
                except TimeoutError:
                    self._failed(url, f"all of {longest_s:g} s were over")
                    break
                except Unreachable as error:
                    self._failed(url, str(error))
                except (Refused, TooMany):
                    self._health[url] = WELL
                    raise
                else:
                    self._health[url] = WELL
                    return answer
            raise unavailable(self._source.domain)

    def _failed(self, url: str, why: str) -> None:
        health = breaker.failed(self._health[url], why, self._clock.now_ms())
        self._health[url] = health
        sentence = breaker.sentence(health, self._clock.now_ms())
        _log.warning("identity source %s: %s %s", self._source.domain, url, sentence)

    @asynccontextmanager
    async def _turn(self, ends_s: float) -> AsyncIterator[None]:
        if self._slots.locked() and self._waiting >= WAITING:
            raise self._too_many()
        self._waiting += 1
        try:
            async with asyncio.timeout_at(ends_s):
                await self._slots.acquire()
        except TimeoutError as error:
            raise self._too_many() from error
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()

    def _too_many(self) -> HeliostatError:
        return TemporaryError(
            "TooManyRequests", f"{self._waiting} questions to {self._source.domain} wait."
        )

    def _kept(self, url: str) -> Connection | None:
        kept = self._idle[url]
        while kept:
            since_ms, connection = kept.pop()
            if not connection.broken and self._clock.now_ms() - since_ms < IDLE_MS:
                return connection
            connection.drop()
        return None

    async def _used(
        self, url: str, connection: Connection, question: Callable[[Connection], Awaitable[T]]
    ) -> T:
        try:
            return await question(connection)
        finally:
            if self._closed or connection.broken or len(self._idle[url]) >= IDLE:
                connection.drop()
            else:
                self._idle[url].append((self._clock.now_ms(), connection))

    async def _signed_in(self, url: str) -> Connection:
        connection = await Connection.open(self.link(url))
        try:
            await sign_in(connection, self._credentials)
        except BaseException:
            connection.drop()
            raise
        return connection


def unavailable(domain: str, why: str = "") -> HeliostatError:
    """What people are told; why is for administrators, in the log and with the source."""
    return TemporaryError(
        "SourceUnavailable",
        f"The directory of {domain} can't be asked now{f': {why}' if why else ''}.",
        retry_after_s=5.0,
    )
