"""gzip on all processors, the same bytes whatever their number: one member, blocks side by side.

Each block is compressed by itself and ends on a byte, as ``pigz --independent`` does; the
result is one ordinary gzip stream.  Format: RFC 1952, RFC 1951.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_BLOCK_BYTES = 1 << 20
_LEVEL = 6
_HEADER = bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255])  # no name, no time, no system
_LAST_BLOCK = b"\x03\x00"  # an empty one, marked as the last
_AHEAD = 4


class GzipWriter(io.RawIOBase):
    """A stream to write to; ``close`` ends the member and leaves ``out`` open."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._workers = os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._workers)
        self._waiting: deque[Future[bytes]] = deque()
        self._buffer = bytearray()
        self._size = 0
        self._checksum = 0
        out.write(_HEADER)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        """How much was written, uncompressed."""
        return self._size

    def write(self, data: object) -> int:
        content = memoryview(data).cast("B")  # type: ignore[arg-type]
        self._checksum = zlib.crc32(content, self._checksum)
        self._size += len(content)
        self._buffer += content
        while len(self._buffer) >= _BLOCK_BYTES:
            self._submit(bytes(self._buffer[:_BLOCK_BYTES]))
            del self._buffer[:_BLOCK_BYTES]
        return len(content)

    def close(self) -> None:
        if self.closed:
            return
        self._submit(bytes(self._buffer))
        while self._waiting:
            self._out.write(self._waiting.popleft().result())
        self._pool.shutdown()
        self._out.write(_LAST_BLOCK + struct.pack("<II", self._checksum, self._size & 0xFFFFFFFF))
        super().close()

    def _submit(self, block: bytes) -> None:
        self._waiting.append(self._pool.submit(_compressed, block))
        if len(self._waiting) > self._workers * _AHEAD:
            self._out.write(self._waiting.popleft().result())


@contextmanager
def gzip_file(path: Path) -> Iterator[GzipWriter]:
    """A new gzip file to write to."""
    with path.open("wb") as out, GzipWriter(out) as stream:
        yield stream


def _compressed(block: bytes) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(block) + compressor.flush(zlib.Z_SYNC_FLUSH)
