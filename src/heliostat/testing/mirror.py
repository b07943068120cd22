"""A web server for files that answers wrongly where it is told to."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_DRIP_S = 0.1


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection ends after so many bytes of the body, ``times`` times."""

    after: int
    times: list[int] = field(default_factory=lambda: [1_000_000])


@dataclass(frozen=True, slots=True)
class Busy:
    """The status instead of the file, ``times`` times; ``later`` is told as ``Retry-After``."""

    status: int
    times: list[int] = field(default_factory=lambda: [1])
    later: str = ""


@dataclass(frozen=True, slots=True)
class Stall:
    """After so many bytes nothing more comes, and the connection stays."""

    after: int


@dataclass(frozen=True, slots=True)
class Drip:
    """The body comes in pieces of so many bytes, a tenth of a second apart."""

    piece: int


@dataclass(frozen=True, slots=True)
class Lie:
    """The length that is told; the body is the file's, as far as that length goes."""

    length: int


@dataclass(frozen=True, slots=True)
class Redirect:
    """Somewhere else; an address."""

    to: str


Fault = int | bytes | Cut | Busy | Stall | Drip | Lie | Redirect


@dataclass
class Mirror:
    """Serves ``folder`` at ``url``.

    ``faults`` changes what is answered by the end of a path: a status, another body, or
    one of the classes above.  With ``ranges=False`` every answer is the whole file.
    ``password`` (``name:word``) is asked for, and ``proxy_password`` of who wants a proxy:
    as such it serves whatever host is asked for from ``folder``, and is a way through to
    servers of this machine (``CONNECT``).
    """

    folder: Path
    url: str = ""
    faults: dict[str, Fault] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Paths of the requests, with the range if one was asked for."""
    headers: list[dict[str, str]] = field(default_factory=list)
    """Of the requests, names in small letters."""
    ranges: bool = True
    remembers: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    """A cache's old body by the end of a path, and what it gives who asks it not to remember."""
    password: str = ""
    proxy_password: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def count(self, end: str) -> int:
        """How often a path with this end was asked for."""
        return sum(each.partition(" ")[0].endswith(end) for each in self.asked)


@contextlib.contextmanager
def mirror(
    folder: Path, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[Mirror]:
    """A running server."""
    state = Mirror(folder)
    kind = _ServerOfSix if ":" in host else _Server
    server = kind((host, 0), state)
    if tls is not None:
        # the handshake is made in the request's own thread, when it first reads
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        scheme = "http" if tls is None else "https"
        place = f"[{host}]" if ":" in host else host
        state.url = f"{scheme}://{place}:{server.server_address[1]}"
        yield state
    finally:
        state.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], state: Mirror) -> None:
        self.state = state
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up, or shows no certificate, is what tests are about."""


class _ServerOfSix(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    """Files, ranges included, but for the faults that were asked for."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        # a proxy is asked for whole addresses
        place = urlsplit(self.path).path
        self._note(f"{place} {self.headers.get('Range', '')}".strip())
        if not self._known():
            return
        if (body := self._remembered(place)) is not None:
            self._file(body, None)
        else:
            self._answer_place(place)

    def do_CONNECT(self) -> None:
        self._note(self.path)
        if not self._known():
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as further:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_relay, args=(further, self.connection))
            back.start()
            _relay(self.connection, further)
            back.join()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Tests print what they need themselves."""

    def _note(self, asked: str) -> None:
        self.server.state.asked.append(asked)
        headers = {name.lower(): each for name, each in self.headers.items()}
        self.server.state.headers.append(headers)

    def _known(self) -> bool:
        """Whether the passwords are right; if not, that was the answer."""
        state = self.server.state
        for header, word, status, asking in (
            ("Proxy-Authorization", state.proxy_password, 407, "Proxy-Authenticate"),
            ("Authorization", state.password, 401, "WWW-Authenticate"),
        ):
            right = "Basic " + base64.b64encode(word.encode()).decode()
            if word.strip(":") and self.headers.get(header) != right:
                self._answer(status, b"", {asking: 'Basic realm="tests"'})
                return False
        return True

    def _remembered(self, place: str) -> bytes | None:
        """What a cache between would give, if there is one for that place."""
        for end, (old, new) in self.server.state.remembers.items():
            if place.endswith(end):
                return new if self.headers.get("Cache-Control") == "no-cache" else old
        return None

    def _answer_place(self, place: str) -> None:
        """The file, or the fault that was asked for."""
        state = self.server.state
        path = state.folder / unquote(place.lstrip("/"))
        fault = next((each for end, each in state.faults.items() if place.endswith(end)), None)
        if isinstance(fault, Busy) and fault.times[0] > 0:
            fault.times[0] -= 1
            self._answer(fault.status, b"", {"Retry-After": fault.later} if fault.later else {})
        elif isinstance(fault, Redirect):
            self._answer(302, b"", {"Location": fault.to})
        elif isinstance(fault, int) or not path.is_file():
            self._answer(fault if isinstance(fault, int) else 404, b"")
        else:
            self._file(fault if isinstance(fault, bytes) else path.read_bytes(), fault)

    def _file(self, body: bytes, fault: Fault | None) -> None:
        """The body, from where it is asked for."""
        wanted = self.headers.get("Range", "") if self.server.state.ranges else ""
        start = int(wanted.removeprefix("bytes=").rstrip("-") or 0) if wanted else 0
        if start >= len(body) > 0:
            self._answer(416, b"")
            return
        extra = {"Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT"}
        if start:
            extra["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        self._answer(206 if start else 200, body[start:], extra, fault)

    def _answer(
        self,
        status: int,
        body: bytes,
        extra: Mapping[str, str] | None = None,
        fault: Fault | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        length = fault.length if isinstance(fault, Lie) else len(body)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if isinstance(fault, Cut) and fault.times[0] > 0:
            fault.times[0] -= 1
            self.wfile.write(body[: fault.after])
            self.close_connection = True
        elif isinstance(fault, Stall):
            self.wfile.write(body[: fault.after])
            self.wfile.flush()
            self.server.state.closing.wait()
            self.close_connection = True
        elif isinstance(fault, Drip):
            for start in range(0, length, fault.piece):
                self.wfile.write(body[start : start + fault.piece])
                self.server.state.closing.wait(_DRIP_S)
        else:
            self.wfile.write(body[:length])
            self.close_connection = isinstance(fault, Lie)


def _relay(source: socket.socket, target: socket.socket) -> None:
    """Bytes as they come, till one of both has had enough."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
