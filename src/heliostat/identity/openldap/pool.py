"""Connections to the directory's nodes: a bounded number of threads, each call with a time limit.

Nodes of the own site are asked first, then the others; one that failed is left alone for a
moment.  Work is given to another node when its connection broke, so it must be such that doing
it twice does no harm.  Lives as long as the controller; ``close`` ends threads and connections.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.identity.openldap.endpoint import CALL_S, Endpoint, Trust, opened, server_number
from heliostat.identity.openldap.library import ldap_library

T = TypeVar("T")
THREADS = 8
REST_S = 3.0
"""How long a node that failed is asked last."""
IDLE_KEPT = 8


@dataclass
class _Known:
    idle: list[Any] = field(default_factory=list)
    rests_until_s: float = 0.0


class Pool:
    """Runs work on a connection as the controller."""

    def __init__(self, clock: Clock, site: str, trust: Trust | None = None) -> None:
        self._clock = clock
        self._site = site
        self._trust = trust
        self._endpoints: tuple[Endpoint, ...] = ()
        self._known: dict[Endpoint, _Known] = {}
        self._threads: ThreadPoolExecutor | None = None

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return self._endpoints

    def set_endpoints(self, endpoints: Sequence[Endpoint]) -> None:
        """Who the nodes are, from now on."""
        if tuple(endpoints) == self._endpoints:
            return
        self._endpoints = tuple(endpoints)
        for gone in set(self._known) - set(endpoints):
            for each in self._known.pop(gone).idle:
                _end(each)

    def set_trust(self, trust: Trust) -> None:
        """What connections from now on are made with."""
        self._trust = trust

    def preferred(self) -> list[Endpoint]:
        """All nodes in the order in which they are asked now."""
        now_s = self._clock.monotonic_s()

        def order(endpoint: Endpoint) -> tuple[bool, bool, bool]:
            known = self._known.get(endpoint)
            rests = known is not None and known.rests_until_s > now_s
            return rests, endpoint.site != self._site, not endpoint.is_socket

        return sorted(self._endpoints, key=order)

    async def run(self, work: Callable[[Any], T], *, timeout_s: float = CALL_S) -> T:
        """``work`` on the first node that answers.

        Raises ``DirectoryUnavailable``, and ``DirectoryRefused`` for an answer that ``work``
        does not know what to do with.
        """
        tried: list[str] = []
        for endpoint in self.preferred():
            try:
                return await self.run_at(endpoint, work, timeout_s=timeout_s)
            except TemporaryError as error:
                tried.append(f"{endpoint.name}: {error.data.get('why', error.message)}")
        raise unavailable("; ".join(tried) or "there are no nodes")

    async def run_at(
        self, endpoint: Endpoint, work: Callable[[Any], T], *, timeout_s: float = CALL_S
    ) -> T:
        """``work`` on this node; raises ``DirectoryUnavailable``, ``DirectoryRefused``."""
        return await self._in_thread(lambda: self._work(endpoint, work, timeout_s))

    def bind(self, dn: str, password: bytes) -> bool:
        """Whether ``password`` opens ``dn``: the node counts what is wrong.  Blocking.

        Raises ``DirectoryUnavailable``.
        """
        tried: list[str] = []
        for endpoint in self.preferred():
            try:
                return self._bind(endpoint, dn, password)
            except TemporaryError as error:
                tried.append(f"{endpoint.name}: {error.data.get('why', error.message)}")
        raise unavailable("; ".join(tried) or "there are no nodes")

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
        self.set_endpoints(())

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="ldap")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _work(self, endpoint: Endpoint, work: Callable[[Any], T], timeout_s: float) -> T:
        ldap = ldap_library()
        known = self._known.setdefault(endpoint, _Known())
        fresh = False
        while True:
            try:
                connection = known.idle.pop()
            except IndexError:
                fresh = True
                connection = self._connected(endpoint, known)
            connection.set_option(ldap.OPT_TIMEOUT, timeout_s)
            try:
                result = work(connection)
            except _broken(ldap) as error:
                _end(connection)
                if not fresh:
                    continue  # it idled for too long, or the node was started anew
                raise self._down(known, endpoint, error) from error
            except ldap.LDAPError as error:
                known.idle.append(connection)
                raise PermanentError(
                    "DirectoryRefused", f"The directory ({endpoint.name}) refuses: {_words(error)}."
                ) from error
            except BaseException:
                known.idle.append(connection)
                raise
            if len(known.idle) < IDLE_KEPT and endpoint in self._known:
                known.idle.append(connection)
            else:
                _end(connection)
            return result

    def _connected(self, endpoint: Endpoint, known: _Known) -> Any:
        ldap = ldap_library()
        connection = opened(endpoint, self._trust)
        try:
            connection.sasl_non_interactive_bind_s("EXTERNAL")
            found = server_number(connection) if endpoint.number else 0
        except ldap.LDAPError as error:
            _end(connection)
            raise self._down(known, endpoint, error) from error
        if found != endpoint.number:
            _end(connection)
            why = f"is another one: a server with the number {found}, not {endpoint.number}"
            known.rests_until_s = self._clock.monotonic_s() + REST_S
            raise unavailable(f"{endpoint.name} {why}", why=why)
        known.rests_until_s = 0.0
        return connection

    def _bind(self, endpoint: Endpoint, dn: str, password: bytes) -> bool:
        ldap = ldap_library()
        known = self._known.setdefault(endpoint, _Known())
        connection = opened(endpoint, self._trust)
        try:
            connection.simple_bind_s(dn, password)
        except (ldap.INVALID_CREDENTIALS, ldap.INSUFFICIENT_ACCESS, ldap.INAPPROPRIATE_AUTH):
            return False
        except ldap.UNWILLING_TO_PERFORM:
            return False  # an empty password
        except ldap.LDAPError as error:
            raise self._down(known, endpoint, error) from error
        finally:
            _end(connection)
        return True

    def _down(self, known: _Known, endpoint: Endpoint, error: Exception) -> TemporaryError:
        known.rests_until_s = self._clock.monotonic_s() + REST_S
        for each in known.idle:
            _end(each)
        known.idle.clear()
        return unavailable(f"{endpoint.name} {_words(error)}", why=_words(error))


def unavailable(told: str, why: str = "") -> TemporaryError:
    return TemporaryError(
        "DirectoryUnavailable",
        f"The directory does not answer ({told}).",
        data={"why": why or told},
    )


def _broken(ldap: Any) -> tuple[type[Exception], ...]:
    """What tells that a connection, not a question, is at fault."""
    return (
        ldap.SERVER_DOWN,
        ldap.CONNECT_ERROR,
        ldap.TIMEOUT,
        ldap.UNAVAILABLE,
        ldap.BUSY,
        ldap.TIMELIMIT_EXCEEDED,
    )


def _words(error: Exception) -> str:
    told = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return str(told.get("info") or told.get("desc") or type(error).__name__)


def _end(connection: Any) -> None:
    with contextlib.suppress(Exception):
        connection.unbind_s()
