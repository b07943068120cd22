"""DER as Kerberos uses it: values with explicit context tags, read and written.  Pure.

Reading gives trees of ``Value``; lengths are checked against what is there, and depth and
number are bounded by the size of a message, which the caller bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from heliostat.core.errors import PermanentError

INTEGER, BITS, OCTETS, SEQUENCE = 0x02, 0x03, 0x04, 0x30
GENERAL_STRING, GENERALIZED_TIME = 0x1B, 0x18
CONTEXT, APPLICATION = 0xA0, 0x60


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its tag, its content, and where it ended in what it was read from."""

    tag: int
    content: bytes
    end: int

    def parts(self) -> list[Value]:
        """The values inside, in order."""
        found, at = [], 0
        while at < len(self.content):
            found.append(value(self.content, at))
            at = found[-1].end
        return found

    def fields(self) -> dict[int, Value]:
        """What the explicit context tags inside hold, by number.

        In order, each once and with one value: libraries differ in what they take of others.
        """
        found: dict[int, Value] = {}
        last = CONTEXT - 1
        for each in self.parts():
            inside = each.only()
            if each.tag <= last or inside.end != len(each.content):
                raise broken("its fields are out of order")
            last = each.tag
            found[each.tag - CONTEXT] = inside
        return found

    def only(self) -> Value:
        """The one value inside."""
        return value(self.content, 0)

    def integer(self) -> int:
        if self.tag not in (INTEGER, 0x0A) or not 1 <= len(self.content) <= 9:
            raise broken("a number is none")
        return int.from_bytes(self.content, "big", signed=True)

    def octets(self) -> bytes:
        if self.tag != OCTETS:
            raise broken("octets are none")
        return self.content

    def text(self) -> str:
        if self.tag != GENERAL_STRING:
            raise broken("a text is none")
        return self.content.decode(errors="replace")


def value(raw: bytes, at: int = 0) -> Value:
    """The value that begins at ``at``; raises ``InvalidEntity``."""
    if at + 2 > len(raw) or raw[at] & 0x1F == 0x1F:
        raise broken("it ends early")
    tag, length, begin = raw[at], raw[at + 1], at + 2
    if length >= 0x80:
        size = length & 0x7F
        if not 1 <= size <= 4 or begin + size > len(raw):
            raise broken("a length is out of bounds")
        length, begin = int.from_bytes(raw[begin : begin + size], "big"), begin + size
    if begin + length > len(raw):
        raise broken("it ends early")
    return Value(tag, raw[begin : begin + length], begin + length)


def need(fields: Mapping[int, Value], number: int) -> Value:
    """The field of this number; raises ``InvalidEntity``."""
    found = fields.get(number)
    if found is None:
        raise broken(f"field {number} is missing")
    return found


def tagged(tag: int, content: bytes) -> bytes:
    """A value of this tag."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def sequence(*fields: tuple[int, bytes]) -> bytes:
    """A SEQUENCE of explicitly tagged fields."""
    return tagged(SEQUENCE, b"".join(tagged(CONTEXT + number, each) for number, each in fields))


def sequence_of(parts: Iterable[bytes]) -> bytes:
    return tagged(SEQUENCE, b"".join(parts))


def integer(number: int) -> bytes:
    return tagged(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def octets(raw: bytes) -> bytes:
    return tagged(OCTETS, raw)


def text(string: str) -> bytes:
    return tagged(GENERAL_STRING, string.encode())


def time(at_ms: int) -> bytes:
    """KerberosTime: whole seconds."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return tagged(GENERALIZED_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode())


def time_ms(found: Value) -> int:
    """A KerberosTime as milliseconds."""
    try:
        moment = datetime.strptime(found.content.decode("ascii") + "+0000", "%Y%m%d%H%M%SZ%z")
    except (ValueError, UnicodeDecodeError) as error:
        raise broken("a time is none") from error
    return int(moment.timestamp() * 1000)


def broken(why: str) -> PermanentError:
    return PermanentError("InvalidEntity", f"The Kerberos message can't be read: {why}.")
