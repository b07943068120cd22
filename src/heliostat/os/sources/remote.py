"""Files below one address, over HTTP or from a folder: whole, retried, resumed.

What a server answers is told as it is (404, half a file, no answer), with the address.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import unquote, urlsplit

import httpx

from heliostat.core.errors import HeliostatError

ATTEMPTS = 3
SMALL_BYTES = 16 << 20
"""More than any index or signature has: a server may answer without end."""
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
# Some servers call a file that is packed an encoding of the open one; digests are the file's.
_AS_IT_IS = {"Accept-Encoding": "identity"}
T = TypeVar("T")


@dataclass
class Remote:
    """The files below ``url``; close it, or use it as a context."""

    url: str
    sleep: Callable[[float], None] = time.sleep
    _client: httpx.Client | None = field(default=None, init=False)
    _making: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client is not None:
            self._client.close()

    def get(self, path: str, most_bytes: int = SMALL_BYTES) -> bytes:
        """A small file as a whole; ``ArchiveUnreachable`` if it can't be had, or is larger."""
        if (local := self._local(path)) is not None:
            return _read(local)
        return self._retried(path, lambda address: self._fetch_small(address, most_bytes))

    def download(self, path: str, target: Path, size: int) -> None:
        """A file of ``size`` bytes to ``target``, going on where an earlier try stopped."""
        target.parent.mkdir(parents=True, exist_ok=True)
        if (local := self._local(path)) is not None:
            _copy(local, target)
        else:
            self._retried(path, lambda address: self._fetch_large(address, target, size))
        found = target.stat().st_size
        if found != size:
            target.unlink()
            raise _unreachable(f"{self._address(path)} has {found:,} bytes of {size:,}")

    def _address(self, path: str) -> str:
        return f"{self.url.rstrip('/')}/{path}"

    def _local(self, path: str) -> Path | None:
        parts = urlsplit(self.url)
        return Path(unquote(parts.path)) / path if parts.scheme == "file" else None

    def _http(self) -> httpx.Client:
        """One client for all threads: a second one would never be closed."""
        with self._making:
            if self._client is None:
                self._client = httpx.Client(
                    timeout=_TIMEOUT, follow_redirects=True, headers=_AS_IT_IS
                )
            return self._client

    def _retried(self, path: str, fetch: Callable[[str], T]) -> T:
        address = self._address(path)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return fetch(address)
            except httpx.HTTPStatusError as error:
                status = error.response.status_code
                if status < 500 or attempt == ATTEMPTS:
                    raise _unreachable(f"{address} answers {status}") from error
            except httpx.RequestError as error:
                if attempt == ATTEMPTS:
                    why = str(error) or type(error).__name__
                    raise _unreachable(f"{address} can't be fetched: {why}") from error
            self.sleep(attempt)
        raise AssertionError("the last attempt returns or raises")

    def _fetch_small(self, address: str, most_bytes: int) -> bytes:
        found = bytearray()
        with self._http().stream("GET", address) as answer:
            answer.raise_for_status()
            for chunk in answer.iter_raw():
                found += chunk
                if len(found) > most_bytes:
                    raise _unreachable(f"{address} has more than {most_bytes:,} bytes")
        return bytes(found)

    def _fetch_large(self, address: str, target: Path, size: int) -> None:
        have = target.stat().st_size if target.exists() else 0
        if have >= size:
            return
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self._http().stream("GET", address, headers=headers) as answer:
            answer.raise_for_status()
            resumed = answer.status_code == httpx.codes.PARTIAL_CONTENT
            with target.open("ab" if resumed else "wb") as stream:
                have = stream.tell()
                for chunk in answer.iter_raw():
                    stream.write(chunk)
                    have += len(chunk)
                    if have > size:
                        return  # told by who looks at what came


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreachable(f"{path} can't be read: {error.strerror}") from error


def _copy(path: Path, target: Path) -> None:
    try:
        with path.open("rb") as source:
            _ = source.read(1)
    except OSError as error:
        raise _unreachable(f"{path} can't be read: {error.strerror}") from error
    shutil.copyfile(path, target)


def _unreachable(sentence: str) -> HeliostatError:
    return HeliostatError(
        "ArchiveUnreachable",
        f"{sentence}.",
        hint="See that the address is a repository's and can be reached, then try again.",
    )
