"""Bootable disk images from a folder: GPT, BIOS boot, EFI system partition, one ext4 root.

No loop device, no mount, no device mapper: sfdisk writes the table, mtools the EFI
system partition, mke2fs and debugfs the root; GRUB is patched in for BIOS and lies
at the removable path for UEFI.  All identifiers follow from the layout's identity
and all times are ``epoch``, so equal input makes equal bytes.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from heliostat.core.process import run
from heliostat.core.units import MIB
from heliostat.os.image import esp, ext4, grub
from heliostat.os.image.programs import resolve

_SECTOR_BYTES = 512
_BLOCK_BYTES = 4096
_ALIGNMENT = MIB // _SECTOR_BYTES
_BIOS_START, _BIOS_SECTORS = _ALIGNMENT, _ALIGNMENT
_ESP_START = _BIOS_START + _BIOS_SECTORS
_ESP_SECTORS = esp.SIZE_BYTES // _SECTOR_BYTES
_ROOT_START = _ESP_START + _ESP_SECTORS
_TAIL_BYTES = MIB  # room for the backup partition table
_BIOS_TYPE = "21686148-6449-6E6F-744E-656564454649"
_ESP_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_ROOT_TYPE = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"  # root, x86-64: what systemd-repart grows
GRUB_PREFIX = "(,gpt3)/boot/grub"
OVERHEAD_BYTES = _ROOT_START * _SECTOR_BYTES + _TAIL_BYTES


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes and identifiers of a disk; the identifiers follow from ``identity`` alone."""

    identity: str
    root_bytes: int
    label: str
    """Of the root file system, at most 16 characters."""
    epoch: int
    """Seconds: the time of everything that has none of its own."""

    @property
    def disk_bytes(self) -> int:
        """Size of the disk."""
        return OVERHEAD_BYTES + self.root_bytes

    @property
    def root_partition_id(self) -> str:
        """What the kernel's ``root=PARTUUID=`` names."""
        return self.identifier("root-partition")

    def identifier(self, what: str) -> str:
        """The UUID of a part of this disk."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"heliostat:{self.identity}:{what}"))


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into the root file system."""

    folder: Path
    extra: Mapping[str, bytes] = field(default_factory=dict)
    """Files besides those of ``folder``, by their paths in it."""


def whole_disk(needed_root_bytes: int, unit_bytes: int) -> int:
    """Size of the root that makes the whole disk a multiple of ``unit_bytes``."""
    units = -(-(needed_root_bytes + OVERHEAD_BYTES) // unit_bytes)
    return units * unit_bytes - OVERHEAD_BYTES


def assemble(content: Content, layout: Layout, raw: Path, work: Path) -> None:
    """Write the raw disk image ``raw`` whose root file system holds ``content``."""
    with raw.open("wb") as stream:
        stream.truncate(layout.disk_bytes)
    # no kernel knows the file as a disk: telling it would take a quarter of a second
    sfdisk = [resolve("sfdisk"), "-q", "--no-reread", "--no-tell-kernel", str(raw)]
    run(sfdisk, timeout_s=60, stdin=_table(layout).encode())
    filesystem = ext4.Filesystem(
        image=raw,
        offset_bytes=_ROOT_START * _SECTOR_BYTES,
        size_bytes=layout.root_bytes,
        label=layout.label,
        filesystem_id=layout.identifier("root-filesystem"),
        epoch=layout.epoch,
    )
    with ThreadPoolExecutor(1) as beside:
        loaders = beside.submit(_loaders, layout, work)
        ext4.make(filesystem, content.folder, content.extra, work)
        system, core = loaders.result()
    _write_sparsely(raw, _ESP_START * _SECTOR_BYTES, system)
    grub.install(raw, core, first_sector=_BIOS_START, sector_count=_BIOS_SECTORS)


def _loaders(layout: Layout, work: Path) -> tuple[bytes, bytes]:
    """The EFI system partition, and GRUB's core for BIOS."""
    loader = grub.efi_image(work, GRUB_PREFIX)
    system = esp.make(loader, layout.identifier("esp"), layout.epoch, work)
    return system, grub.core_image(work, GRUB_PREFIX)


def compress(raw: Path, out: Path) -> None:
    """Turn a raw image into a qcow2 with zstd."""
    argv = [resolve("qemu-img"), "convert", "-c", "-f", "raw", "-O", "qcow2"]
    options = "compression_type=zstd,preallocation=off"
    run([*argv, "-o", options, str(raw), str(out)], timeout_s=900)


def _write_sparsely(raw: Path, offset: int, content: bytes) -> None:
    """Write ``content``, leaving holes where a block of it is all zeros."""
    with raw.open("r+b") as stream:
        for start in range(0, len(content), _BLOCK_BYTES):
            block = content[start : start + _BLOCK_BYTES]
            if any(block):
                stream.seek(offset + start)
                stream.write(block)


def _table(layout: Layout) -> str:
    rows = [
        ("bios", _BIOS_START, _BIOS_SECTORS, _BIOS_TYPE),
        ("esp", _ESP_START, _ESP_SECTORS, _ESP_TYPE),
        ("root", _ROOT_START, layout.root_bytes // _SECTOR_BYTES, _ROOT_TYPE),
    ]
    lines = [
        f"start={start}, size={sectors}, type={kind}, name={name},"
        f" uuid={layout.identifier(f'{name}-partition')}"
        for name, start, sectors, kind in rows
    ]
    head = ["label: gpt", f"label-id: {layout.identifier('disk')}", f"first-lba: {_BIOS_START}"]
    return "\n".join([*head, *lines, ""])
