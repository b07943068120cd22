"""Which format an image file has, told from its first bytes, never from its name."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from heliostat.controller.images.faults import invalid_image, invalid_vmdk, unsupported

HEAD_BYTES = 40 * 1024


class Format(StrEnum):
    """A format that is accepted; the values are qemu-img's names, but for ``ova``."""

    RAW = "raw"
    QCOW2 = "qcow2"
    VMDK = "vmdk"
    OVA = "ova"


_REFUSED: tuple[tuple[int, bytes, str], ...] = (
    (0, b"conectix", "a VHD disk"),
    (0, b"vhdxfile", "a VHDX disk"),
    (0x40, b"\x7f\x10\xda\xbe", "a VirtualBox VDI disk"),
    (0, b"QED\0", "a QED disk"),
    (0, b"COWD", "an old ESX sparse disk"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\xfd7zXZ\0", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
)


def detect(path: Path) -> Format:
    """The format of the file; anything that is not accepted is refused by name."""
    with path.open("rb") as stream:
        return detect_head(stream.read(HEAD_BYTES))


def detect_head(head: bytes) -> Format:
    """``detect`` for the first ``HEAD_BYTES`` of a file."""
    if not head:
        raise invalid_image("The file is empty.")
    if head.startswith(b"QFI\xfb"):
        return Format.QCOW2
    if head.startswith(b"KDMV"):
        return Format.VMDK
    if head.lstrip().startswith(b"# Disk DescriptorFile"):
        raise invalid_vmdk("The VMDK is only a description that refers to other files.")
    if head[257:262] == b"ustar":
        return Format.OVA
    for offset, magic, name in _REFUSED:
        if head[offset : offset + len(magic)] == magic:
            raise unsupported(f"The file is {name}, which is not accepted.")
    if head[510:512] == b"\x55\xaa" or b"EFI PART" in (head[512:520], head[4096:4104]):
        return Format.RAW
    raise unsupported(_why_not_raw(head))


def _why_not_raw(head: bytes) -> str:
    if head[32769:32774] == b"CD001":
        return "The file is a CD image without a partition table, so no disk can boot from it."
    return "The file is neither qcow2, VMDK nor OVA, and as a raw disk it has no partition table."
