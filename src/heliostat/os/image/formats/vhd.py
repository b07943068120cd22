"""The fixed VHD that Azure takes: the disk, and a footer that says what it is.

Format: Microsoft, "Virtual Hard Disk Image Format Specification" 1.0.  Azure wants the
size to be whole MiB, which disks of ours are.
"""

from __future__ import annotations

import struct
import uuid
from pathlib import Path

from heliostat.os.image import sparse
from heliostat.os.image.formats.material import Material

_SECTOR = 512
_YEAR_2000 = 946_684_800
_RESERVED_FEATURE, _VERSION, _FIXED = 2, 0x00010000, 2
_NO_OFFSET = 0xFFFFFFFFFFFFFFFF
# readers take the size from the footer, not from its rounded geometry, for this creator
_CREATOR, _CREATOR_VERSION, _CREATOR_SYSTEM = b"win ", 0x000A0000, b"Wi2k"
_CHECKSUM = slice(64, 68)
_MOST_SECTORS = 65535 * 16 * 255


def write(material: Material, out: Path) -> None:
    """The disk of ``material`` as a fixed VHD; its holes stay holes."""
    sparse.copy(material.need_disk(), out)
    with out.open("ab") as stream:
        stream.write(footer(material.disk_bytes, material.epoch, material.identity))


def footer(size: int, epoch: int, identity: str) -> bytes:
    """The last sector."""
    cylinders, heads, sectors = geometry(size // _SECTOR)
    unchecked = struct.pack(
        ">8sIIQI4sI4sQQHBBII16sB",
        b"conectix",
        _RESERVED_FEATURE,
        _VERSION,
        _NO_OFFSET,
        max(epoch - _YEAR_2000, 0),
        _CREATOR,
        _CREATOR_VERSION,
        _CREATOR_SYSTEM,
        size,
        size,
        cylinders,
        heads,
        sectors,
        _FIXED,
        0,
        uuid.uuid5(uuid.NAMESPACE_OID, f"heliostat:{identity}:vhd").bytes,
        0,
    ).ljust(_SECTOR, b"\0")
    content = bytearray(unchecked)
    content[_CHECKSUM] = struct.pack(">I", ~sum(unchecked) & 0xFFFFFFFF)
    return bytes(content)


def geometry(total: int) -> tuple[int, int, int]:
    """Cylinders, heads and sectors a track of ``total`` sectors: the specification's appendix."""
    total = min(total, _MOST_SECTORS)
    if total >= 65535 * 16 * 63:
        sectors, heads = 255, 16
        tracks = total // sectors
    else:
        sectors = 17
        tracks = total // sectors
        heads = max((tracks + 1023) // 1024, 4)
        if tracks >= heads * 1024 or heads > 16:
            sectors, heads = 31, 16
            tracks = total // sectors
        if tracks >= heads * 1024:
            sectors, heads = 63, 16
            tracks = total // sectors
    return tracks // heads, heads, sectors
