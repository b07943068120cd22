"""A read-only web server for repositories: enough for clients, nothing more.

``GET`` and ``HEAD`` of files: ranges (RFC 9110, one range), ``ETag`` with
``If-None-Match``, ``If-Range``, ``Last-Modified`` with ``If-Modified-Since``.  Paths are
resolved inside of one folder, links included; what begins with a dot, or isn't meant
for clients, is not there.
"""

from __future__ import annotations

import html
import mimetypes
import os
import re
import sys
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit

from heliostat.os.repo.pairing import Pairing

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_CHUNK = 1 << 18
_PRIVATE = {"repository.json", "next.json", "pins"}


class RepositoryServer(ThreadingHTTPServer):
    """Serves the files below ``folder``; port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path, host: str, port: int, *, quiet: bool = False) -> None:
        self.folder = folder.resolve()
        self.pairing = Pairing()
        self.quiet = quiet
        super().__init__((host, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, or goes to sleep, does what it may: that is no news."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        name = host.decode() if isinstance(host, bytes | bytearray) else str(host)
        return f"http://{f'[{name}]' if ':' in name else name}:{port}/"


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: RepositoryServer
    server_version = "heliostat-repository"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 60.0

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, format: str, *args: object) -> None:
        if not self.server.quiet:
            super().log_message(format, *args)

    def _answer(self, *, body: bool) -> None:
        found = self._found()
        if found is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        if found.is_dir():
            self._answer_folder(found, body=body)
            return
        try:
            stream = found.open("rb")
        except OSError:  # gone since it was looked up
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with stream:
            self._send(found, stream, body=body)

    def _found(self) -> Path | None:
        """The file or folder asked for, if it lies inside and shows itself."""
        path = unquote(urlsplit(self.path).path)
        parts = [part for part in path.split("/") if part]
        if "\0" in path or any(part.startswith(".") or part in _PRIVATE for part in parts):
            return None
        target = self.server.folder.joinpath(*parts)
        try:
            real = self.server.pairing.resolve(self.client_address[0], "/".join(parts), target)
            there = real.is_relative_to(self.server.folder) and real.exists()
        except (OSError, RuntimeError):  # a name that is too long, a loop of links
            return None
        return real if there else None

    def _send(self, path: Path, stream: BinaryIO, *, body: bool) -> None:
        facts = os.fstat(stream.fileno())
        tag = f'"{facts.st_ino:x}-{facts.st_size:x}-{facts.st_mtime_ns:x}"'
        modified = int(facts.st_mtime)
        if self._unchanged(tag, modified):
            self.send_response(HTTPStatus.NOT_MODIFIED)
            self.send_header("ETag", tag)
            self.end_headers()
            return
        span = self._span(facts.st_size, tag)
        if span is None:
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{facts.st_size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        first, length = span
        whole = length == facts.st_size
        self.send_response(HTTPStatus.OK if whole else HTTPStatus.PARTIAL_CONTENT)
        if not whole:
            self.send_header("Content-Range", f"bytes {first}-{first + length - 1}/{facts.st_size}")
        self.send_header("Content-Type", _type_of(path))
        self.send_header("Content-Length", str(length))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", tag)
        self.send_header("Last-Modified", formatdate(modified, usegmt=True))
        self.send_header("Cache-Control", _caching(path))
        self.end_headers()
        if body:
            stream.seek(first)
            self._copy(stream, length)

    def _copy(self, source: BinaryIO, length: int) -> None:
        """``length`` bytes, or the end of the connection."""
        left = length
        try:
            while left and (chunk := source.read(min(left, _CHUNK))):
                self.wfile.write(chunk)
                left -= len(chunk)
        except (ConnectionError, TimeoutError):  # the client hung up: its right
            pass
        self.close_connection = self.close_connection or left > 0

    def _unchanged(self, tag: str, modified: int) -> bool:
        if asked := self.headers.get("If-None-Match"):
            tags = [each.strip().removeprefix("W/") for each in asked.split(",")]
            return "*" in tags or tag in tags
        if since := self.headers.get("If-Modified-Since"):
            try:
                return modified <= parsedate_to_datetime(since).timestamp()
            except (TypeError, ValueError):
                return False
        return False

    def _span(self, size: int, tag: str) -> tuple[int, int] | None:
        """First byte and length; the whole file where no range applies; None: no such range."""
        asked = _RANGE.fullmatch(self.headers.get("Range", "").strip())
        condition = self.headers.get("If-Range")
        if asked is None or asked[0] == "bytes=-" or (condition and condition != tag):
            return 0, size
        if not asked[1]:
            length = min(int(asked[2]), size)
            return (size - length, length) if length else None
        first = int(asked[1])
        last = min(int(asked[2]), size - 1) if asked[2] else size - 1
        return (first, last - first + 1) if first <= last else None

    def _answer_folder(self, folder: Path, *, body: bool) -> None:
        path = urlsplit(self.path).path
        if path.endswith("/"):
            self._list(folder, body=body)
            return
        self.send_response(HTTPStatus.MOVED_PERMANENTLY)
        self.send_header("Location", f"/{path.strip('/')}/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _list(self, folder: Path, *, body: bool) -> None:
        names = sorted(
            each.name + ("/" if each.is_dir() else "")
            for each in folder.iterdir()
            if not each.name.startswith(".") and each.name not in _PRIVATE and each.exists()
        )
        items = "\n".join(
            f'<li><a href="./{quote(name)}">{html.escape(name)}</a></li>' for name in names
        )
        page = f"<!DOCTYPE html><title>Repository</title>\n<ul>\n{items}\n</ul>\n".encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if body:
            self.wfile.write(page)


def _type_of(path: Path) -> str:
    if path.suffix == ".rpm":
        return "application/x-rpm"
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _caching(path: Path) -> str:
    """Names with a digest, and packages, never change; the index does."""
    changes = path.name.startswith("repomd.xml") or path.name == "mirrorlist"
    return "no-cache" if changes else "public, max-age=86400"
