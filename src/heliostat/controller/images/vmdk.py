"""VMDK sparse extents: single-file disks only (monolithicSparse, streamOptimized).

Format: VMware Virtual Disk Format 1.1.  Every other kind of VMDK names further
files, which QEMU would open with the rights of whoever reads the image.
"""

from __future__ import annotations

import re
import struct
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from heliostat.controller.images.faults import invalid_vmdk

_SECTOR_BYTES = 512
_HEADER = struct.Struct("<4sIIQQQQIQQQB4sH")
_COMPRESSED = 1 << 16
_AT_END = 0xFFFF_FFFF_FFFF_FFFF
_MAX_DESCRIPTOR_SECTORS = 128
_MAX_DIRECTORY = 1 << 20
_SINGLE_FILE = ("monolithicSparse", "streamOptimized")
_EXTENT = re.compile(r'^(RW|RDONLY|NOACCESS)\s+(\d+)\s+(\w+)(?:\s+"([^"]*)")?', re.MULTILINE)
_VALUE = re.compile(r'^\s*(\w+)\s*=\s*"?([^"\n]*)"?\s*$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Header:
    """A sparse extent's header; sizes and offsets in sectors of 512 bytes."""

    capacity: int
    grain: int
    descriptor_offset: int
    descriptor_size: int
    directory_offset: int
    entries_per_table: int
    is_compressed: bool


def inspect(path: Path) -> int:
    """Virtual size in bytes; ``InvalidVmdkFormat`` for what is damaged or refers elsewhere."""
    file_bytes = path.stat().st_size
    with path.open("rb") as stream:
        header = parse(stream.read(_SECTOR_BYTES))
        descriptor = _read_descriptor(stream, header)
        kind = check_descriptor(descriptor)
        if kind == "streamOptimized":
            _check_stream_end(stream, file_bytes, header)
        else:
            _check_grains(stream, file_bytes, header)
    return header.capacity * _SECTOR_BYTES


def parse(head: bytes) -> Header:
    """The header in a sector."""
    if len(head) < _SECTOR_BYTES:
        raise invalid_vmdk("The VMDK is truncated inside its header.")
    fields = _HEADER.unpack_from(head)
    if fields[0] != b"KDMV":
        raise invalid_vmdk("The VMDK has no sparse extent header.")
    header = Header(
        fields[3],
        fields[4],
        fields[5],
        fields[6],
        fields[9],
        fields[7],
        bool(fields[2] & _COMPRESSED),
    )
    if header.capacity == 0 or not 1 <= header.grain <= 1 << 17 or not header.entries_per_table:
        raise invalid_vmdk("The VMDK has a damaged header.")
    return header


def check_descriptor(text: str) -> str:
    """The kind of the disk; refuses parents, further extents and paths."""
    values = dict(_VALUE.findall(text))
    kind = str(values.get("createType", ""))
    if kind not in _SINGLE_FILE:
        raise invalid_vmdk(
            f"The VMDK is of the kind {kind or 'unknown'};"
            f" accepted are {' and '.join(_SINGLE_FILE)}."
        )
    if values.get("parentCID", "ffffffff").lower() != "ffffffff" or "parentFileNameHint" in values:
        raise invalid_vmdk("The VMDK is a child of another disk; consolidate its snapshots first.")
    extents = _EXTENT.findall(text)
    if len(extents) != 1 or extents[0][2] != "SPARSE" or re.search(r"[/\\:]", extents[0][3]):
        raise invalid_vmdk("The VMDK refers to files other than itself.")
    return kind


def _read_descriptor(stream: BinaryIO, header: Header) -> str:
    if not 1 <= header.descriptor_size <= _MAX_DESCRIPTOR_SECTORS:
        raise invalid_vmdk("The VMDK has no description inside.")
    stream.seek(header.descriptor_offset * _SECTOR_BYTES)
    raw = stream.read(header.descriptor_size * _SECTOR_BYTES)
    return raw.partition(b"\0")[0].decode("utf-8", errors="replace").replace("\r\n", "\n")


def _check_stream_end(stream: BinaryIO, file_bytes: int, header: Header) -> None:
    """A streamed disk ends with a copy of its header and an end marker."""
    if header.directory_offset != _AT_END:
        _check_grains(stream, file_bytes, header)
        return
    if file_bytes % _SECTOR_BYTES or file_bytes < 4 * _SECTOR_BYTES:
        raise invalid_vmdk("The VMDK is truncated: it does not end with a whole sector.")
    stream.seek(file_bytes - 2 * _SECTOR_BYTES)
    footer, end_marker = stream.read(_SECTOR_BYTES), stream.read(_SECTOR_BYTES)
    if not footer.startswith(b"KDMV") or any(end_marker[:16]):
        raise invalid_vmdk("The VMDK is truncated: its footer is missing.")


def _check_grains(stream: BinaryIO, file_bytes: int, header: Header) -> None:
    """Every grain that the tables name must lie inside the file."""
    per_table = header.grain * header.entries_per_table
    tables = -(-header.capacity // per_table)
    if tables > _MAX_DIRECTORY:
        raise invalid_vmdk("The VMDK has a damaged header.")
    last = 0
    for offset in _sectors(stream, header.directory_offset, tables):
        if offset:
            last = max(last, *_sectors(stream, offset, header.entries_per_table))
    # 0 and 1 mean "not allocated" and "reads as zeros"; a compressed grain has a length of
    # its own, which shows when it is unpacked
    end = last + (1 if header.is_compressed else header.grain)
    if last > 1 and end * _SECTOR_BYTES > file_bytes:
        raise invalid_vmdk(
            f"The VMDK is truncated: it describes data up to {end * _SECTOR_BYTES} bytes,"
            f" the file has {file_bytes}."
        )


def _sectors(stream: BinaryIO, offset: int, count: int) -> array[int]:
    """A table of ``count`` sector numbers."""
    stream.seek(offset * _SECTOR_BYTES)
    raw = stream.read(4 * count)
    if len(raw) < 4 * count:
        raise invalid_vmdk("The VMDK is truncated inside its tables.")
    numbers: array[int] = array("I")
    numbers.frombytes(raw)
    return numbers
