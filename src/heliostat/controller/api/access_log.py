"""One line for each request: who asked for what, and what came of it.

Made without the logging machinery and written in batches: at thousands of
requests a second a line must cost a few microseconds.  Paths are cut, queries
are not shown (a ticket would be in one), and nothing of headers or bodies is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from aiohttp import web

from heliostat.controller.api.forwarded import Network, client_address
from heliostat.core.logs import as_json, bounded, entry, moment, one_line, word

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
        self._render = _as_json if form == "json" else _as_text
        self._write = write
        self._trusted = trusted
        self._waiting: list[str] = []
        self._flush: asyncio.TimerHandle | None = None

    def answered(
        self, request: web.Request, request_id: str, subject: str, status: int, seconds: float
    ) -> None:
        """Note one answer."""
        address = request.remote
        if self._trusted:
            told = request.headers.getall("X-Forwarded-For", ())
            address = client_address(address, told, self._trusted)
        more = {
            "request": request_id,
            "operation": request.get(OPERATION, ""),
            "subject": subject,
            "address": address or "unix",
            "status": status,
            "ms": round(seconds * 1000, 2),
        }
        message = f"{request.method} {request.path[:LONGEST_PATH]}"
        self._waiting.append(self._render(message, more, time.time()))
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


def _as_json(message: str, more: Mapping[str, Any], at_s: float) -> str:
    return as_json(entry("INFO", LOGGER, message, more, at_s))


def _as_text(message: str, more: Mapping[str, Any], at_s: float) -> str:
    """What ``as_text(entry(…))`` says, in half its time: these fields are always the same."""
    return (
        f"{moment(at_s)} INFO {LOGGER}: {one_line(message)}"
        f" [request={more['request']} operation={_known(more['operation'])}"
        f" subject={_known(more['subject'])} address={_known(more['address'])}"
        f" status={more['status']} ms={more['ms']}]"
    )


@lru_cache(maxsize=1024)
def _known(value: str) -> str:
    """Operations, subjects and addresses: the same few over and over."""
    return word(bounded(value))
