"""The part of BER that LDAP uses (RFC 4511, 5.1): tag, definite length, content.

Writing gives bytes; reading never looks beyond the bytes it was given, and says
``Malformed`` to everything else.
"""

from __future__ import annotations

INTEGER = 0x02
OCTETS = 0x04
ENUMERATED = 0x0A
BOOLEAN = 0x01
SEQUENCE = 0x30
SET = 0x31
LONGEST_LENGTH = 4
"""Bytes of a length; more than 4 GiB is nobody's message."""


class Malformed(ValueError):
    """Bytes that are not what they should be."""


def tlv(tag: int, content: bytes) -> bytes:
    """One element."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(value: int, tag: int = INTEGER) -> bytes:
    """A number, also an enumerated one (``tag``)."""
    size = value.bit_length() // 8 + 1
    return tlv(tag, value.to_bytes(size, "big", signed=True))


def boolean(value: bool) -> bytes:
    return tlv(BOOLEAN, b"\xff" if value else b"\0")


def octets(value: str | bytes, tag: int = OCTETS) -> bytes:
    """A string; text travels as UTF-8."""
    return tlv(tag, value.encode() if isinstance(value, str) else value)


def sequence(*parts: bytes, tag: int = SEQUENCE) -> bytes:
    return tlv(tag, b"".join(parts))


class Reader:
    """Elements one after the other, within ``data``."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def more(self) -> bool:
        return self._at < len(self._data)

    @property
    def tag(self) -> int:
        """The tag of what comes next; 0 at the end."""
        return self._data[self._at] if self.more else 0

    def take(self, tag: int) -> bytes:
        """The content of the next element, which must have this tag."""
        found, content = self.next()
        if found != tag:
            raise Malformed(f"tag {found:#x} stands where {tag:#x} should")
        return content

    def next(self) -> tuple[int, bytes]:
        """Tag and content of the next element."""
        try:
            tag, start, size = header(self._data, self._at)
        except IndexError as error:
            raise Malformed("an element is missing") from error
        if start + size > len(self._data):
            raise Malformed("an element goes on beyond its end")
        self._at = start + size
        return tag, self._data[start : self._at]

    def inner(self, tag: int) -> Reader:
        """The elements inside of the next one."""
        return Reader(self.take(tag))

    def number(self, tag: int = INTEGER) -> int:
        content = self.take(tag)
        if not 0 < len(content) <= LONGEST_LENGTH + 1:
            raise Malformed("a number has no or too many digits")
        return int.from_bytes(content, "big", signed=True)

    def text(self, tag: int = OCTETS) -> str:
        return self.take(tag).decode(errors="replace")


def header(data: bytes, at: int = 0) -> tuple[int, int, int]:
    """Tag, where the content starts, and its size.  ``IndexError``: the header goes on."""
    tag, first = data[at], data[at + 1]
    if first < 0x80:
        return tag, at + 2, first
    count = first & 0x7F
    if not 0 < count <= LONGEST_LENGTH:
        raise Malformed("a length is indefinite or too long")
    digits = data[at + 2 : at + 2 + count]
    if len(digits) < count:
        raise IndexError("the length goes on")
    return tag, at + 2 + count, int.from_bytes(digits, "big")
