"""Reading disks that are mostly empty, and work on their pieces in order on all processors.

What counts as empty is the content, not how the host's file system stores it, so the
pieces are the same for the same disk wherever it lies.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
_HASHED_BYTES = 1 << 20
_AHEAD = 4  # pieces a processor that wait, so that memory stays small


def pieces(path: Path, piece_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Index and content of every piece that isn't all zeros; the last may be short."""
    zeros = bytes(piece_bytes)
    with path.open("rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        position = 0
        while position < size:
            position = _data_from(stream.fileno(), position, size) // piece_bytes * piece_bytes
            if position >= size:
                return
            content = os.pread(stream.fileno(), piece_bytes, position)
            if content != zeros[: len(content)]:
                yield position // piece_bytes, content
            position += piece_bytes


def sha256(path: Path) -> str:
    """Digest of a file; its holes are hashed without being read."""
    digest = hashlib.sha256()
    zeros = memoryview(bytes(_HASHED_BYTES))
    with path.open("rb", buffering=0) as stream:
        handle = stream.fileno()
        size = os.fstat(handle).st_size
        position = 0
        while position < size:
            data = min(_data_from(handle, position, size), size)
            while position < data:
                hole = min(data - position, _HASHED_BYTES)
                digest.update(zeros[:hole])
                position += hole
            content = os.pread(handle, _HASHED_BYTES, position)
            digest.update(content)
            position += len(content)
    return digest.hexdigest()


def copy(source: Path, target: Path, piece_bytes: int = 1 << 16) -> None:
    """Copy a disk and leave its holes."""
    with target.open("wb") as out:
        out.truncate(source.stat().st_size)
        for index, content in pieces(source, piece_bytes):
            out.seek(index * piece_bytes)
            out.write(content)


def in_order(work: Callable[[T], R], items: Iterable[T], workers: int | None = None) -> Iterator[R]:
    """Results of ``work`` in the order of ``items``, several made at once.

    For work that lets other threads run, as compressors and hashes do.
    """
    count = workers or os.cpu_count() or 1
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= count * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _data_from(handle: int, position: int, size: int) -> int:
    """Where the next data is, as far as the file system knows."""
    try:
        return os.lseek(handle, position, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return size
        return position
