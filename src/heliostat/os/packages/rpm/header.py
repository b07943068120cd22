"""RPM's header structure: an index of tags and a store of values, both ways.

Format: ``docs/manual/format_header.md`` of RPM.  A *region* tag comes first and its trailer
ends the store; the same entries always give the same bytes.  Reading takes nothing on
trust: whatever does not fit is ``PackageInvalid``, never an exception of ``struct``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.rpm.tags import Kind

MAGIC = b"\x8e\xad\xe8\x01\0\0\0\0"
_COUNTS = struct.Struct(">II")
_ENTRY = struct.Struct(">IIII")
_TRAILER = struct.Struct(">IIiI")
_INTEGERS = {Kind.INT8: "B", Kind.INT16: "H", Kind.INT32: "I", Kind.INT64: "Q", Kind.CHAR: "B"}
_MOST_ENTRIES = 65_535
_MOST_STORE_BYTES = 256 * 2**20

Value = int | str | bytes | list[int] | list[str]


def invalid(sentence: str) -> HeliostatError:
    return HeliostatError("PackageInvalid", sentence)


@contextmanager
def told_of(name: str) -> Iterator[None]:
    """Faults that are found within name the package in which they are."""
    try:
        yield
    except HeliostatError as error:
        if name in error.message:
            raise
        sentence = error.message[:1].lower() + error.message[1:]
        raise HeliostatError(
            error.code, f"{name}: {sentence}", hint=error.hint, data=error.data
        ) from error


@dataclass(slots=True)
class Entries:
    """Values for a header in the making, in any order; a tag is put in once."""

    _values: dict[int, tuple[Kind, int, bytes]] = field(default_factory=dict)

    def string(self, tag: int, value: str) -> None:
        self._values[tag] = (Kind.STRING, 1, _text(value))

    def strings(self, tag: int, values: list[str]) -> None:
        """Nothing is written for an empty list, here and below."""
        if values:
            self._values[tag] = (Kind.STRINGS, len(values), b"".join(map(_text, values)))

    def translated(self, tag: int, value: str) -> None:
        """A text in the only language we write, ``C``."""
        self._values[tag] = (Kind.TRANSLATED, 1, _text(value))

    def integers(self, tag: int, values: list[int], kind: Kind = Kind.INT32) -> None:
        if values:
            try:
                packed = struct.pack(f">{len(values)}{_INTEGERS[kind]}", *values)
            except struct.error as error:
                named = getattr(tag, "name", tag)
                raise invalid(f"{named} can't be put into a package: {error}.") from error
            self._values[tag] = (kind, len(values), packed)

    def integer(self, tag: int, value: int, kind: Kind = Kind.INT32) -> None:
        self.integers(tag, [value], kind)

    def binary(self, tag: int, value: bytes) -> None:
        self._values[tag] = (Kind.BINARY, len(value), value)

    def raw(self, tag: int, kind: Kind, count: int, data: bytes) -> None:
        """A value as another header holds it."""
        self._values[tag] = (kind, count, data)

    def remove(self, tag: int) -> None:
        self._values.pop(tag, None)

    def encode(self, region: int) -> bytes:
        """The header with magic, closed by the region tag."""
        index, store = bytearray(), bytearray()
        for tag, (kind, count, data) in sorted(self._values.items()):
            store += b"\0" * (-len(store) % kind.width)
            index += _ENTRY.pack(tag, kind, len(store), count)
            store += data
        entries = len(self._values) + 1
        first = _ENTRY.pack(region, Kind.BINARY, len(store), _TRAILER.size)
        store += _TRAILER.pack(region, Kind.BINARY, -_ENTRY.size * entries, _TRAILER.size)
        return MAGIC + _COUNTS.pack(entries, len(store)) + first + bytes(index) + bytes(store)


@dataclass(frozen=True, slots=True)
class Blob:
    """A header that was read; values are decoded when asked for."""

    data: bytes
    _index: dict[int, tuple[Kind, int, int]]
    _store: int

    @classmethod
    def parse(cls, data: bytes) -> Blob:
        """``data`` is the whole header with magic, as :func:`length` measured it."""
        entries, _ = counts(data[:16])
        store = 16 + entries * _ENTRY.size
        if len(data) < store:
            raise invalid("The header ends before its list of tags does.")
        index = {
            tag: (_kind(kind), offset, count)
            for tag, kind, offset, count in _ENTRY.iter_unpack(data[16:store])
        }
        blob = cls(data, index, store)
        for tag, (_, offset, count) in index.items():
            if offset > len(data) - store or count > len(data):
                raise invalid(f"The header's tag {tag} points outside of the header.")
        return blob

    def __contains__(self, tag: int) -> bool:
        return tag in self._index

    def tags(self) -> list[int]:
        return sorted(self._index)

    def strings(self, tag: int) -> list[str]:
        """All texts of a tag; none if it isn't there."""
        if tag not in self._index:
            return []
        kind, offset, count = self._index[tag]
        if kind not in (Kind.STRING, Kind.STRINGS, Kind.TRANSLATED):
            raise invalid(f"The header's tag {tag} is not a text.")
        parts = self.data[self._store + offset :].split(b"\0", count)
        if len(parts) <= count:
            raise invalid(f"The header's tag {tag} ends outside of the header.")
        return [part.decode("utf-8", "surrogateescape") for part in parts[:count]]

    def string(self, tag: int) -> str:
        """The text, or nothing; of several translations the first."""
        found = self.strings(tag)
        return found[0] if found else ""

    def integers(self, tag: int) -> list[int]:
        if tag not in self._index:
            return []
        kind, offset, count = self._index[tag]
        if kind not in _INTEGERS:
            raise invalid(f"The header's tag {tag} is not a number.")
        try:
            layout = f">{count}{_INTEGERS[kind]}"
            return list(struct.unpack_from(layout, self.data, self._store + offset))
        except struct.error as error:
            raise invalid(f"The header's tag {tag} ends outside of the header.") from error

    def integer(self, tag: int, default: int = 0) -> int:
        found = self.integers(tag)
        return found[0] if found else default

    def binary(self, tag: int) -> bytes:
        if tag not in self._index:
            return b""
        kind, offset, count = self._index[tag]
        start = self._store + offset
        if kind is not Kind.BINARY or start + count > len(self.data):
            raise invalid(f"The header's tag {tag} is no block of bytes.")
        return self.data[start : start + count]

    def kind(self, tag: int) -> Kind:
        return self._index[tag][0]

    def offset(self, tag: int) -> int:
        """Where in the store the tag's value begins."""
        return self._index[tag][1]


def counts(intro: bytes) -> tuple[int, int]:
    """Entries and bytes of store, from a header's first 16 bytes."""
    if len(intro) < 16 or intro[:4] != MAGIC[:4]:
        raise invalid("The file has no RPM header where one belongs.")
    entries, store = _COUNTS.unpack(intro[8:16])
    if entries > _MOST_ENTRIES or store > _MOST_STORE_BYTES:
        raise invalid(f"The header claims {entries} entries and {store} bytes: that is damaged.")
    return entries, store


def length(intro: bytes) -> int:
    """Bytes of the whole header, from its first 16."""
    entries, store = counts(intro)
    return 16 + entries * _ENTRY.size + store


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise invalid(f"A text with a zero byte can't be put into a package: {value!r}.")
    return data + b"\0"


def _kind(number: int) -> Kind:
    try:
        return Kind(number)
    except ValueError as error:
        raise invalid(f"The header has a value of the unknown kind {number}.") from error
