"""OpenPGP packets, subpackets and big numbers (RFC 9580, sections 3 to 5), both ways."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from heliostat.core import openpgp
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
    try:
        for _, kind, body in openpgp.packets(data):
            yield Packet(kind, body)
    except ValueError as error:
        raise malformed(str(error)) from error


def subpackets(data: bytes) -> dict[int, bytes]:
    """Those of a signature by number, the first of each; bit 7 (critical) taken off."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        length, at = _read_length(data, at)
        if length < 1 or at + length > len(data):
            raise malformed("A signature's subpacket ends outside of it.")
        found.setdefault(data[at] & 0x7F, data[at + 1 : at + length])
        at += length
    return found


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    try:
        return openpgp.read_length(data, at)
    except ValueError as error:
        raise malformed(str(error)) from error


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


def _length(number: int) -> bytes:
    if number < 192:
        return bytes([number])
    if number < 8384:
        return bytes([((number - 192) >> 8) + 192, (number - 192) & 0xFF])
    return b"\xff" + number.to_bytes(4, "big")
