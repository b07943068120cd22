"""An initramfs whose only program prints one line and waits.

Lets any Linux kernel prove that it reaches user space, with nothing to install:
the program is an x86-64 ELF file of some 200 bytes, the archive is "newc" cpio
(Documentation/driver-api/early-userspace/buffer-format in the kernel's tree).
"""

from __future__ import annotations

import struct

MARKER = "HELIOSTAT-PROBE-UP"
_BASE = 0x400000
_HEADERS_BYTES = 64 + 56


def program() -> bytes:
    """write(1, marker) and then pause() for ever."""
    text = f"\n{MARKER}\n".encode()
    code = b"".join(
        (
            b"\xb8\x01\x00\x00\x00",  # mov eax, 1 (write)
            b"\xbf\x01\x00\x00\x00",  # mov edi, 1 (standard output)
            b"\x48\x8d\x35\x10\x00\x00\x00",  # lea rsi, [rip+16] (the text)
            b"\xba" + struct.pack("<I", len(text)),  # mov edx, length
            b"\x0f\x05",  # syscall
            b"\xb8\x22\x00\x00\x00",  # mov eax, 34 (pause)
            b"\x0f\x05",  # syscall
            b"\xeb\xf7",  # jmp to pause
        )
    )
    size = _HEADERS_BYTES + len(code) + len(text)
    entry = _BASE + _HEADERS_BYTES
    elf = b"\x7fELF\x02\x01\x01" + bytes(9)
    elf += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return elf + load + code + text


def initramfs() -> bytes:
    """A cpio archive with ``/init`` and the console that the kernel gives it."""
    return b"".join(
        (
            _entry("dev", 0o040755, b""),
            _entry("dev/console", 0o020600, b"", device=(5, 1)),
            _entry("init", 0o100755, program()),
            _entry("TRAILER!!!", 0, b""),
        )
    )


def _entry(name: str, mode: int, data: bytes, device: tuple[int, int] = (0, 0)) -> bytes:
    path = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + path) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
