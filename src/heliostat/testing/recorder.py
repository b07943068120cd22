"""A controller for client tests: answers what it is told to, and remembers what it was asked.

A real HTTP server on a thread, so that requests are seen as they travel
(chunked bodies decoded).  Answers are queued per ``METHOD path``; the last one of
a queue repeats, and what has no answer gets 404.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer; ``body`` is sent as JSON unless it is bytes."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class RecordingController:
    """The server's memory; ``url`` is where it listens."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[Seen] = []
        self._answers: dict[str, list[Answer]] = defaultdict(list)
        self._lock = threading.Lock()

    def answer(
        self, call: str, body: Any = None, *, status: int = 200, **headers: str
    ) -> RecordingController:
        """Queue an answer for ``"GET /v1/tenants"``; header names are given with ``_``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._answers[call].append(Answer(status, body, named))
        return self

    def refuse(self, call: str, status: int, code: str, message: str = "No.") -> None:
        """Queue an error in the API's own shape."""
        self.answer(call, {"code": code, "message": message, "data": {}}, status=status)

    def calls(self, call: str) -> list[Seen]:
        """What came for ``"METHOD path"``, in order."""
        return [seen for seen in self.seen if f"{seen.method} {seen.path}" == call]

    def take(self, seen: Seen) -> Answer:
        """Remember a request and choose its answer."""
        with self._lock:
            self.seen.append(seen)
            queue = self._answers.get(f"{seen.method} {seen.path}", [])
            if not queue:
                missing = {"code": "NotFound", "message": f"No {seen.path} here.", "data": {}}
                return Answer(404, missing)
            return queue.pop(0) if len(queue) > 1 else queue[0]


@contextmanager
def recording_controller() -> Iterator[RecordingController]:
    """Serve on a free port of the loopback address until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    controller = RecordingController(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = _handler(controller)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield controller
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(controller: RecordingController) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self._serve
            raise AttributeError(name)

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self._chunked() if "chunked" in headers.get("transfer-encoding", "") else b""
            body = body or self.rfile.read(int(headers.get("content-length", 0)))
            query = dict(parse_qsl(parts.query))
            answer = controller.take(Seen(self.command, parts.path, query, headers, body))
            content = answer.encoded()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _chunked(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline().strip(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing on standard error."""

    return Handler
