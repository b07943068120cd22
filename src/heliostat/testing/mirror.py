"""A web server for files that answers wrongly where it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection ends after so many bytes of the body, ``times`` times."""

    after: int
    times: list[int] = field(default_factory=lambda: [1_000_000])


@dataclass
class Mirror:
    """Serves ``folder`` at ``url``.

    ``faults`` changes what is answered by the end of a path: a status, another body, or a
    connection that ends early.
    """

    folder: Path
    url: str = ""
    faults: dict[str, int | bytes | Cut] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Paths of the requests, with the range if one was asked for."""


@contextmanager
def mirror(folder: Path) -> Iterator[Mirror]:
    """A running server."""
    state = Mirror(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(state))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler_of(state: Mirror) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Files, ranges included, but for the faults that were asked for."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            state.asked.append(f"{self.path} {wanted}".strip())
            path = state.folder / unquote(self.path.lstrip("/"))
            fault = next(
                (found for end, found in state.faults.items() if self.path.endswith(end)), None
            )
            if isinstance(fault, int) or not path.is_file():
                self._answer(fault if isinstance(fault, int) else 404, b"")
                return
            body = fault if isinstance(fault, bytes) else path.read_bytes()
            start = int(wanted.removeprefix("bytes=").rstrip("-") or 0) if wanted else 0
            if start >= len(body) > 0:
                self._answer(416, b"")
                return
            extra = {"Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT"}
            if start:
                extra["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            cut = fault if isinstance(fault, Cut) and fault.times[0] > 0 else None
            self._answer(206 if start else 200, body[start:], extra, cut)

        def _answer(
            self,
            status: int,
            body: bytes,
            extra: Mapping[str, str] | None = None,
            cut: Cut | None = None,
        ) -> None:
            self.send_response(status)
            for name, value in (extra or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if cut is None:
                self.wfile.write(body)
                return
            cut.times[0] -= 1
            self.wfile.write(body[: cut.after])
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Tests print what they need themselves."""

    return Handler
