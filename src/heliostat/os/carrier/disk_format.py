"""The format of a disk image by its own header, and what in it would lead to other files.

A qcow2 image can name a backing file and an external data file, a VMDK its parent and the
files of its extents; programs that open such an image open those too, whatever they are.
An image that carries a whole system needs none of that, so it is refused by what the
header says, before any program is handed the image.
Formats: QEMU's ``docs/interop/qcow2.txt``; VMware's "Virtual Disk Format 5.0"; Microsoft's
"Virtual Hard Disk Image Format"; ``[MS-VHDX]``.
"""

from __future__ import annotations

import struct
from pathlib import Path

_HEAD_BYTES = 1 << 16  # VMDK's descriptor lies in the first sectors
_EXTERNAL_DATA = 1 << 2
_DATA_FILE_NAME = 0x44415441  # the header extension "DATA"
_VDI_MAGIC = b"\x7f\x10\xda\xbe"
_DIFFERENCING = 4
_REFUSED = {b"QED\0": "QED", b"COWD": "VMDK of ESX servers", b"WithoutFreeSpace": "Parallels"}


class Refused(ValueError):
    """It leads to other files, or is of a format that isn't read; the words say which."""


def format_of(image: Path) -> str:
    """QEMU's name of the format; ``raw`` where no header says otherwise."""
    with image.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if head.startswith(b"QFI\xfb"):
        return _qcow2(head)
    if head.startswith(b"KDMV"):
        return _vmdk(head)
    if head.startswith(b"conectix"):
        return _vhd(head)
    if head.startswith(b"vhdxfile"):
        return "vhdx"
    if head[64:68] == _VDI_MAGIC:
        return "vdi"
    if b"# Disk DescriptorFile" in head[:512]:
        raise Refused("it is only the description of a VMDK, whose content is in other files")
    for magic, name in _REFUSED.items():
        if head.startswith(magic):
            raise Refused(f"the disk format {name} isn't read here")
    return "raw"


def _qcow2(head: bytes) -> str:
    (version,) = _at(">I", head, 4)
    if version not in (2, 3):
        raise Refused(f"version {version} of qcow isn't read here")
    (backing,) = _at(">Q", head, 8)
    if backing:
        raise Refused("it has a backing file: convert it into an image that stands alone")
    if version == 3:
        (incompatible,) = _at(">Q", head, 72)
        if incompatible & _EXTERNAL_DATA or _DATA_FILE_NAME in _extensions(head):
            raise Refused("its data is in another file: convert it into one that stands alone")
    return "qcow2"


def _extensions(head: bytes) -> set[int]:
    """Types of the header's extensions."""
    (at,) = _at(">I", head, 100)
    found: set[int] = set()
    while at + 8 <= len(head):
        kind, size = _at(">II", head, at)
        if kind == 0:
            break
        found.add(kind)
        at += 8 + size + -size % 8
    return found


def _vmdk(head: bytes) -> str:
    (capacity,) = _at("<Q", head, 12)
    if capacity == 0:
        raise Refused("its VMDK header has no capacity: the content is in other files")
    if b"parentFileNameHint" in head:
        raise Refused("it has a parent: convert it into an image that stands alone")
    return "vmdk"


def _vhd(head: bytes) -> str:
    (kind,) = _at(">I", head, 60)
    if kind == _DIFFERENCING:
        raise Refused("it has a parent: convert it into an image that stands alone")
    return "vpc"


def _at(form: str, head: bytes, offset: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, head, offset)
    except struct.error as error:
        raise Refused("it ends within its header") from error
