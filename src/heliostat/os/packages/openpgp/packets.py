"""OpenPGP packets, subpackets and big numbers (RFC 9580, sections 3 to 5), both ways."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from heliostat.core.errors import HeliostatError


class PacketKind(enum.IntEnum):
    SIGNATURE = 2
    SECRET_KEY = 5
    PUBLIC_KEY = 6
    SECRET_SUBKEY = 7
    USER_ID = 13
    PUBLIC_SUBKEY = 14


@dataclass(frozen=True, slots=True)
class Packet:
    kind: int
    body: bytes

    def encode(self) -> bytes:
        return bytes([0xC0 | self.kind]) + _length(len(self.body)) + self.body


def malformed(sentence: str) -> HeliostatError:
    return HeliostatError("SignatureInvalid", sentence)


def packets(data: bytes) -> Iterator[Packet]:
    """The packets one after another; ``SignatureInvalid`` where they aren't."""
    at = 0
    while at < len(data):
        first = data[at]
        if not first & 0x80:
            raise malformed("This is not OpenPGP data.")
        at += 1
        if first & 0x40:
            kind, (length, at) = first & 0x3F, read_length(data, at)
        else:
            kind, width = (first >> 2) & 0x0F, 1 << (first & 3)
            if width == 8:
                raise malformed("An OpenPGP packet has no length.")
            length, at = int.from_bytes(data[at : at + width], "big"), at + width
        if at + length > len(data):
            raise malformed("An OpenPGP packet ends outside of its data.")
        yield Packet(kind, data[at : at + length])
        at += length


def subpackets(data: bytes) -> dict[int, bytes]:
    """Those of a signature by number, the first of each; bit 7 (critical) taken off."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        length, at = read_length(data, at)
        if length < 1 or at + length > len(data):
            raise malformed("A signature's subpacket ends outside of it.")
        found.setdefault(data[at] & 0x7F, data[at + 1 : at + length])
        at += length
    return found


def subpacket(kind: int, body: bytes) -> bytes:
    return _length(len(body) + 1) + bytes([kind]) + body


def mpi(number: int) -> bytes:
    """A big number: two bytes with the count of bits, then the bytes."""
    bits = number.bit_length()
    return bits.to_bytes(2, "big") + number.to_bytes((bits + 7) // 8, "big")


def mpis(data: bytes) -> list[int]:
    """All big numbers that ``data`` consists of."""
    numbers, at = [], 0
    while at < len(data):
        width = (int.from_bytes(data[at : at + 2], "big") + 7) // 8
        if at + 2 + width > len(data):
            raise malformed("A number of an OpenPGP packet ends outside of it.")
        numbers.append(int.from_bytes(data[at + 2 : at + 2 + width], "big"))
        at += 2 + width
    return numbers


def read_length(data: bytes, at: int) -> tuple[int, int]:
    """A length in the new form at ``at``, and where what follows begins."""
    if at >= len(data):
        raise malformed("OpenPGP data ends within a length.")
    first = data[at]
    if first < 192:
        return first, at + 1
    if first < 224:
        return ((first - 192) << 8) + int.from_bytes(data[at + 1 : at + 2], "big") + 192, at + 2
    if first == 255:
        return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5
    raise malformed("OpenPGP data in pieces of unknown length is not read here.")


def _length(number: int) -> bytes:
    if number < 192:
        return bytes([number])
    if number < 8384:
        return bytes([((number - 192) >> 8) + 192, (number - 192) & 0xFF])
    return b"\xff" + number.to_bytes(4, "big")
