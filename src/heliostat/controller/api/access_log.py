"""One line for each request: who asked for what, and what came of it.

Made without the logging machinery and written in batches: at thousands of
requests a second a line must cost a few microseconds.  Paths are cut, queries
are not shown (a ticket would be in one), and nothing of headers or bodies is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from aiohttp import web

from heliostat.controller.api.forwarded import Network, client_address
from heliostat.core.logs import as_json, as_text, entry

LOGGER = "heliostat.access"
LONGEST_PATH = 200
FLUSH_S = 0.2
OPERATION = web.RequestKey("operation", str)
"""Set once it is known which route a request is for."""

Write = Callable[[str], object]


class AccessLog:
    """Lines of one application, written to ``write`` a moment later."""

    def __init__(self, form: str, write: Write, trusted: tuple[Network, ...] = ()) -> None:
        """``trusted`` are the proxies whose word about a client's address is taken."""
        self._render = as_json if form == "json" else as_text
        self._write = write
        self._trusted = trusted
        self._waiting: list[str] = []
        self._flush: asyncio.TimerHandle | None = None

    def answered(
        self, request: web.Request, request_id: str, subject: str, status: int, seconds: float
    ) -> None:
        """Note one answer."""
        told = request.headers.getall("X-Forwarded-For", ())
        more = {
            "request": request_id,
            "operation": request.get(OPERATION, ""),
            "subject": subject,
            "address": client_address(request.remote, told, self._trusted) or "unix",
            "status": status,
            "ms": round(seconds * 1000, 2),
        }
        message = f"{request.method} {request.path[:LONGEST_PATH]}"
        self._waiting.append(self._render(entry("INFO", LOGGER, message, more, time.time())))
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(FLUSH_S, self.flush)

    def flush(self) -> None:
        """Write what waits."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._waiting:
            self._write("\n".join(self._waiting) + "\n")
            self._waiting.clear()
