"""One controller over HTTP: sends requests, signs them, retries what is safe, decodes answers.

Safe to repeat are reads, and every request with an ``Idempotency-Key`` (the
controller answers the same key with the same task), so a lost answer never
creates a thing twice.  A token that expired is renewed once and the request
replayed.  Foreign exceptions end here (:mod:`heliostat.client.faults`).
Lives as long as its client; close it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import NoneType
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import msgspec

from heliostat.client.faults import (
    InvalidAnswer,
    ServerError,
    Unreachable,
    connection_fault,
    plain_reason,
    refusal,
)
from heliostat.client.target import Target
from heliostat.core.deferred import deferred
from heliostat.core.errors import HeliostatError

if TYPE_CHECKING:
    import ssl

    import httpx
else:
    httpx = deferred("httpx")

T = TypeVar("T")

ATTEMPTS = 3
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
_AGAIN = frozenset({429, 503})
_UNAUTHORISED = 401


class Signer(Protocol):
    """What puts a bearer token on requests (:mod:`heliostat.client.credentials`)."""

    def bearer(self) -> str | None:
        """The token to send, or ``None`` where none is needed."""

    def renew(self) -> bool:
        """Get a new token after the last one expired; ``False`` if that can't be."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to send; ``content`` is bytes, or an iterator that can be sent only once.

    ``timeout_s`` bounds a silence of the other side where the usual one is too short.
    """

    method: str
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Iterator[bytes] = b""
    timeout_s: float | None = None

    @property
    def may_repeat(self) -> bool:
        if not isinstance(self.content, bytes):
            return False
        return self.method == "GET" or "Idempotency-Key" in self.headers


class Transport:
    """A connection pool to one target."""

    def __init__(
        self,
        target: Target,
        *,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
        http: httpx.BaseTransport | None = None,
    ) -> None:
        self.target = target
        self.tls = tls
        self.signer: Signer | None = None
        self._sleep = sleep
        self._has_answered = False
        if http is None and target.socket:
            http = httpx.HTTPTransport(uds=target.socket)
        self._timeout = httpx.Timeout(timeout_s, connect=10.0)
        self._http = httpx.Client(
            base_url=target.url,
            verify=tls if tls is not None else True,
            timeout=self._timeout,
            transport=http,
            trust_env=not target.is_local,
        )

    def close(self) -> None:
        self._http.close()

    def fetch(self, request: Request, answer: type[T]) -> T:
        """Send and decode; raises the errors drawn in :mod:`heliostat.client.faults`."""
        return self.decode(self.send(request), answer)

    def decode(self, response: httpx.Response, answer: type[T]) -> T:
        """The body as ``answer``; ``NoneType`` for an answer without a body."""
        if answer is NoneType:
            return cast(T, None)
        try:
            return msgspec.json.decode(response.content, type=answer)
        except msgspec.MsgspecError as error:
            raise InvalidAnswer(self.target, str(error)) from error

    def send(self, request: Request) -> httpx.Response:
        """Send, with renewal of an expired token; the answer is 2xx and fully read."""
        try:
            return self._send_patiently(request, signed=True)
        except ServerError as error:
            if error.code != "ExpiredAuthToken" or not isinstance(request.content, bytes):
                raise
            if self.signer is None or not self.signer.renew():
                raise
        return self._send_patiently(request, signed=True)

    @contextmanager
    def stream(self, request: Request) -> Iterator[httpx.Response]:
        """A 2xx answer that is read as it comes; errors while reading are mapped, too.

        One attempt, and one more after an expired token was renewed.
        """
        with self._mapped():
            response = self._open(request)
            if response.status_code == _UNAUTHORISED and self._renewed(response):
                response = self._open(request)
            try:
                if not response.is_success:
                    response.read()
                    raise refusal(self.target, response)
                yield response
            finally:
                response.close()

    def _renewed(self, response: httpx.Response) -> bool:
        """Whether a new token was got after ``response``, which is closed then."""
        response.read()
        expired = getattr(refusal(self.target, response), "code", "") == "ExpiredAuthToken"
        return expired and self.signer is not None and self.signer.renew()

    def _open(self, request: Request) -> httpx.Response:
        self._knock()
        token = self.bearer()
        headers = {**request.headers, **({"Authorization": f"Bearer {token}"} if token else {})}
        built = self._http.build_request(
            request.method,
            request.path,
            params=dict(request.query) or None,
            headers=headers,
            timeout=request.timeout_s or self._timeout,
        )
        return self._http.send(built, stream=True)

    def fetch_unsigned(self, request: Request, answer: type[T]) -> T:
        """``fetch`` without a token, for what everybody may read."""
        return self.decode(self._send_patiently(request, signed=False), answer)

    def send_unsigned(self, request: Request) -> httpx.Response:
        """Send without a token and without judging the status (sign-in uses this)."""
        return self._once(request, signed=False)

    def bearer(self) -> str | None:
        """The token that requests carry now (WebSockets need it, too)."""
        return self.signer.bearer() if self.signer is not None else None

    def _send_patiently(self, request: Request, *, signed: bool) -> httpx.Response:
        pause_s = FIRST_PAUSE_S
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS or not request.may_repeat
            try:
                response = self._once(request, signed=signed)
            except HeliostatError as error:
                if last or error.code != "Unreachable":
                    raise
            else:
                if response.is_success:
                    return response
                if last or response.status_code not in _AGAIN:
                    raise refusal(self.target, response)
                pause_s = _asked_pause_s(response, pause_s)
            self._sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, request: Request, *, signed: bool) -> httpx.Response:
        self._knock()
        headers = dict(request.headers)
        token = self.bearer() if signed else None
        if token:
            headers["Authorization"] = f"Bearer {token}"
        with self._mapped():
            return self._http.request(
                request.method,
                request.path,
                params=dict(request.query) or None,
                headers=headers,
                content=request.content,
                timeout=request.timeout_s or self._timeout,
            )

    def _knock(self) -> None:
        """See that a Unix socket answers, since the HTTP library leaks the one that doesn't."""
        if not self.target.socket or self._has_answered:
            return
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(self.target.socket)
        except OSError as error:
            raise Unreachable(self.target, plain_reason(error)) from error
        self._has_answered = True

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise connection_fault(self.target, error) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise InvalidAnswer(self.target, str(error)) from error


def _asked_pause_s(response: httpx.Response, pause_s: float) -> float:
    try:
        return min(float(response.headers["Retry-After"]), LONGEST_PAUSE_S)
    except (KeyError, ValueError):
        return pause_s
