"""Programs as the Go tool chain leaves them: an ELF whose data tells how it was built."""

from __future__ import annotations

import struct

_MARK = bytes(range(16))
_DATA_AT = 0x1000


def go_program(tool_chain: str = "go1.24.4", *lines: str) -> bytes:
    """A program that no machine runs; ``lines`` as ``go version -m`` prints them."""
    text = "".join(f"{line}\n" for line in lines).encode()
    record = b"\xff Go buildinf:" + bytes([8, 2]) + bytes(16)
    record += _counted(tool_chain.encode()) + _counted(_MARK + text + _MARK if text else b"")
    head = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x401000, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    writable = struct.pack("<IIQQQQQQ", 1, 6, _DATA_AT, 0x401000, 0, len(record), len(record), 16)
    return (head + writable).ljust(_DATA_AT, b"\0") + record


def _counted(content: bytes) -> bytes:
    """Behind its length, seven bits a byte."""
    left, count = len(content), bytearray()
    while left >= 0x80:
        count.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*count, left]) + content
