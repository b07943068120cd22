"""VMware's stream-optimised disk: compressed grains in a row, their tables behind them.

What OVA files carry.  qemu-img writes it too, on one processor and with a new random
identifier each time.  Format: VMware, "Virtual Disk Format 5.0", sections on hosted sparse
extents and stream-optimised compressed ones.
"""

from __future__ import annotations

import struct
import zlib
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from heliostat.os.image import sparse
from heliostat.os.image.formats.material import Material

_SECTOR = 512
_GRAIN_SECTORS = 128
_GRAIN_BYTES = _GRAIN_SECTORS * _SECTOR
_TABLE_ENTRIES = 512
_OVERHEAD_SECTORS = 128
_DESCRIPTOR_SECTORS = 20
_AT_END = 0xFFFFFFFFFFFFFFFF
_NEWLINES_COMPRESSED_MARKERS = 0x30001
_DEFLATE = 1
_END, _TABLE, _DIRECTORY, _FOOTER = range(4)
_LEVEL = 6

_DESCRIPTOR = """\
# Disk DescriptorFile
version=1
CID={content:08x}
parentCID=ffffffff
createType="streamOptimized"

# Extent description
RW {sectors} SPARSE "{name}"

# The Disk Data Base
#DDB
ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "{cylinders}"
ddb.geometry.heads = "255"
ddb.geometry.sectors = "63"
ddb.longContentID = "{long_content}"
ddb.virtualHWVersion = "{hardware}"
"""


def write(material: Material, out: Path) -> None:
    """The disk of ``material`` as a stream-optimised VMDK."""
    sectors = material.disk_bytes // _SECTOR
    with out.open("wb") as stream:
        stream.write(_header(sectors, _AT_END))
        stream.write(_descriptor(material, sectors).ljust(_DESCRIPTOR_SECTORS * _SECTOR, b"\0"))
        stream.seek(_OVERHEAD_SECTORS * _SECTOR)
        directory = _write_grains(material.need_disk(), stream, sectors)
        entries = struct.pack(f"<{len(directory)}I", *directory)
        at = _write_metadata(stream, _DIRECTORY, entries)
        _write_metadata(stream, _FOOTER, _header(sectors, at))
        stream.write(_marker(0, _END))


def _write_grains(disk: Path, stream: BinaryIO, sectors: int) -> list[int]:
    """All grains, each table behind its own; returns where the tables are, in sectors."""
    directory = [0] * -(-sectors // (_GRAIN_SECTORS * _TABLE_ENTRIES))
    grains = sparse.in_order(_compressed, sparse.pieces(disk, _GRAIN_BYTES))
    for number, group in groupby(grains, key=lambda grain: grain[0] // _TABLE_ENTRIES):
        table = [0] * _TABLE_ENTRIES
        for index, content in group:
            table[index % _TABLE_ENTRIES] = stream.tell() // _SECTOR
            head = struct.pack("<QI", index * _GRAIN_SECTORS, len(content))
            stream.write(_padded(head + content))
        entries = struct.pack(f"<{_TABLE_ENTRIES}I", *table)
        directory[number] = _write_metadata(stream, _TABLE, entries)
    return directory


def _compressed(piece: tuple[int, bytes]) -> tuple[int, bytes]:
    index, content = piece
    return index, zlib.compress(content.ljust(_GRAIN_BYTES, b"\0"), _LEVEL)


def _write_metadata(stream: BinaryIO, kind: int, content: bytes) -> int:
    """A marker and what it announces; returns where that is, in sectors."""
    content = _padded(content)
    stream.write(_marker(len(content) // _SECTOR, kind))
    at = stream.tell() // _SECTOR
    stream.write(content)
    return at


def _marker(sectors: int, kind: int) -> bytes:
    return _padded(struct.pack("<QII", sectors, 0, kind))


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % _SECTOR)


def _header(sectors: int, directory_at: int) -> bytes:
    fixed = struct.pack(
        "<4sIIQQQQIQQQB4sH",
        b"KDMV",
        3,
        _NEWLINES_COMPRESSED_MARKERS,
        sectors,
        _GRAIN_SECTORS,
        1,
        _DESCRIPTOR_SECTORS,
        _TABLE_ENTRIES,
        0,
        directory_at,
        _OVERHEAD_SECTORS,
        0,
        b"\n \r\n",
        _DEFLATE,
    )
    return fixed.ljust(_SECTOR, b"\0")


def _descriptor(material: Material, sectors: int) -> bytes:
    hardware = material.output.machine.hardware
    return _DESCRIPTOR.format(
        content=int(material.identity[:8], 16),
        sectors=sectors,
        name=f"{material.name}.vmdk",
        cylinders=min(sectors // (255 * 63), 65535),
        long_content=material.identity[:32],
        hardware=hardware.removeprefix("vmx-") if hardware.startswith("vmx-") else "14",
    ).encode()
