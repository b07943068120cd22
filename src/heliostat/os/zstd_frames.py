"""A zstd stream that says so when it ends too early.

The library's reader takes the end of its source for the end of the data, wherever that is;
so half an image would be taken for the whole.  Blocks tell their length, so a look at
their headers on the way is enough to know whether a frame is whole.
Format: RFC 8878, section 3.1.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple, Protocol

_MAGIC, _SKIPPED_MAGIC = 0xFD2FB528, 0x184D2A50
_SINGLE_SEGMENT, _CHECKSUM, _RUN_OF_ONE = 1 << 5, 1 << 2, 1
_DICTIONARY_BYTES, _SIZE_BYTES = (0, 1, 2, 4), (0, 2, 4, 8)


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Part(NamedTuple):
    """The next bytes of the stream: how many, whether they are looked at, and whether the
    stream may end before them."""

    size: int
    looked_at: bool = False
    may_end: bool = False


_Parts = Generator[_Part, bytes, None]


class WholeFrames:
    """What ``stream`` has, for the library to read; ``EOFError`` where a frame is cut short."""

    def __init__(self, stream: _Readable) -> None:
        self._stream = stream
        self._parts = _frames()
        self._part = next(self._parts)
        self._seen = b""
        self._left = self._part.size

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._follow(data)
        if not data and size and not (self._part.may_end and self._left == self._part.size):
            raise EOFError("it ends early")
        return data

    def _follow(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            taken = min(self._left, len(data) - at)
            if self._part.looked_at:
                self._seen += data[at : at + taken]
            at += taken
            self._left -= taken
            while not self._left:
                seen, self._seen = self._seen, b""
                self._part = self._parts.send(seen)
                self._left = self._part.size


def _frames() -> _Parts:
    """One part after the other; those to look at are sent back."""
    while True:
        magic = _number((yield _Part(4, looked_at=True, may_end=True)))
        if magic == _MAGIC:
            yield from _frame()
        elif magic & ~0xF == _SKIPPED_MAGIC:
            yield _Part(_number((yield _Part(4, looked_at=True))))
        else:
            yield _Part(1 << 62, may_end=True)  # no zstd: the library tells


def _frame() -> _Parts:
    described = _number((yield _Part(1, looked_at=True)))
    single = bool(described & _SINGLE_SEGMENT)
    size_bytes = _SIZE_BYTES[described >> 6] or int(single)
    yield _Part(_DICTIONARY_BYTES[described & 3] + size_bytes + int(not single))
    last = False
    while not last:
        block = _number((yield _Part(3, looked_at=True)))
        last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
        yield _Part(1 if kind == _RUN_OF_ONE else size)
    if described & _CHECKSUM:
        yield _Part(4)


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
