"""qcow2 headers: size, and everything that would make QEMU open another file.

Format: docs/interop/qcow2.txt of QEMU.  A backing file or an external data file
is read with the rights of whoever opens the image, so both are refused.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

from heliostat.controller.images.faults import invalid_image

_FIXED = struct.Struct(">4sIQIIQIIQQIIQ")
_FEATURES = struct.Struct(">QQQII")
_EXTENSION_DATA_FILE = 0x44415441
_MAX_EXTENSIONS = 64


class _Incompatible(IntFlag):
    DIRTY = 1
    CORRUPT = 2
    EXTERNAL_DATA = 4
    COMPRESSION = 8
    EXTENDED_L2 = 16


_KNOWN = sum(_Incompatible)


@dataclass(frozen=True, slots=True)
class Header:
    """What decides about acceptance; offsets and sizes in bytes."""

    version: int
    virtual_bytes: int
    cluster_bits: int
    backing_offset: int
    encryption: int
    l1_entries: int
    l1_offset: int
    refcount_offset: int
    refcount_clusters: int
    incompatible: int
    length: int


def inspect(path: Path) -> int:
    """Virtual size in bytes; ``InvalidImage`` for what is damaged or refers elsewhere."""
    file_bytes = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(1 << 21)
    header = parse(head)
    _refuse_references(header, head)
    _refuse_damage(header, file_bytes)
    return header.virtual_bytes


def parse(head: bytes) -> Header:
    """The header fields of a file that begins with ``head``."""
    if len(head) < _FIXED.size:
        raise invalid_image("The qcow2 image is truncated inside its header.")
    (_, version, backing_offset, _, cluster_bits, size, crypt, l1_entries, l1_offset) = (
        _FIXED.unpack_from(head)[:9]
    )
    refcount_offset, refcount_clusters = _FIXED.unpack_from(head)[9:11]
    incompatible, length = 0, _FIXED.size
    if version == 3 and len(head) >= _FIXED.size + _FEATURES.size:
        incompatible, _, _, _, length = _FEATURES.unpack_from(head, _FIXED.size)
    elif version != 2:
        raise invalid_image(f"The qcow2 image has version {version}; 2 and 3 are known.")
    return Header(
        version,
        size,
        cluster_bits,
        backing_offset,
        crypt,
        l1_entries,
        l1_offset,
        refcount_offset,
        refcount_clusters,
        incompatible,
        length,
    )


def _refuse_references(header: Header, head: bytes) -> None:
    if header.backing_offset:
        raise invalid_image(
            "The qcow2 image refers to a backing file; flatten it with `qemu-img convert` first."
        )
    if header.incompatible & _Incompatible.EXTERNAL_DATA or _names_data_file(header, head):
        raise invalid_image("The qcow2 image keeps its data in another file.")
    if header.encryption:
        raise invalid_image("The qcow2 image is encrypted.")


def _names_data_file(header: Header, head: bytes) -> bool:
    """Whether a header extension names an external data file."""
    offset = header.length
    for _ in range(_MAX_EXTENSIONS):
        if offset + 8 > len(head):
            return False
        kind, length = struct.unpack_from(">II", head, offset)
        if kind == 0:
            return False
        if kind == _EXTENSION_DATA_FILE:
            return True
        offset += 8 + -(-length // 8) * 8
    raise invalid_image("The qcow2 image has a damaged header: its extensions do not end.")


def _refuse_damage(header: Header, file_bytes: int) -> None:
    if header.incompatible & ~_KNOWN:
        raise invalid_image("The qcow2 image uses features that are newer than this site.")
    if header.incompatible & _Incompatible.CORRUPT:
        raise invalid_image("The qcow2 image is marked as corrupt.")
    if not 9 <= header.cluster_bits <= 21 or header.virtual_bytes == 0:
        raise invalid_image("The qcow2 image has a damaged header.")
    l1_end = header.l1_offset + 8 * header.l1_entries
    refcount_end = header.refcount_offset + (header.refcount_clusters << header.cluster_bits)
    if max(l1_end, refcount_end) > file_bytes:
        raise invalid_image(
            f"The qcow2 image is truncated: its tables end at {max(l1_end, refcount_end)} bytes,"
            f" the file has {file_bytes}."
        )
