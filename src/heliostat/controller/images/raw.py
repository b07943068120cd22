"""Raw disks: the partition table says how long the disk must be, so truncation shows.

Formats: UEFI specification chapter 5 (GPT); the MBR as every BIOS reads it.
"""

from __future__ import annotations

import struct
from pathlib import Path

from heliostat.controller.images.faults import invalid_image

_SECTOR_BYTES = 512
_PROTECTIVE = 0xEE
_TABLE_OFFSET = 446


def inspect(path: Path) -> int:
    """Size of the disk in bytes; ``InvalidImage`` if the file is shorter than its table says."""
    size_bytes = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(2 * _SECTOR_BYTES)
    needed_bytes = max(_gpt_end(head), _mbr_end(head)) * _SECTOR_BYTES
    if size_bytes < needed_bytes:
        raise invalid_image(
            f"The raw disk is truncated: its partition table describes {needed_bytes} bytes,"
            f" the file has {size_bytes}."
        )
    return -(-size_bytes // _SECTOR_BYTES) * _SECTOR_BYTES


def _gpt_end(head: bytes) -> int:
    """Sectors up to and with the backup table; 0 without a GPT."""
    if head[512:520] != b"EFI PART" or len(head) < 2 * _SECTOR_BYTES:
        return 0
    (backup,) = struct.unpack_from("<Q", head, 512 + 32)
    return int(backup) + 1


def _mbr_end(head: bytes) -> int:
    """Sectors up to the end of the last primary partition; 0 if this is no partition table."""
    if head[510:512] != b"\x55\xaa":
        return 0
    entries = [head[at : at + 16] for at in range(_TABLE_OFFSET, 510, 16)]
    if any(entry[0] not in (0x00, 0x80) for entry in entries):
        return 0  # boot code of a bare file system
    ends = [0]
    for entry in entries:
        if entry[4] not in (0, _PROTECTIVE):
            first, count = struct.unpack_from("<II", entry, 8)
            ends.append(first + count)
    return max(ends)
