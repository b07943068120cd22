"""Bootable disk images from a folder: GPT, BIOS boot partition, one ext4 root.

No loop device, no mount, no device mapper: mke2fs fills the file system from
the folder, sfdisk writes the table, GRUB is patched in, qemu-img compresses.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.process import run
from heliostat.core.units import MIB
from heliostat.os.image import grub
from heliostat.os.image.programs import resolve

_SECTOR_BYTES = 512
_BIOS_START, _BIOS_SECTORS = 2048, 2048
_ROOT_START = _BIOS_START + _BIOS_SECTORS
_TAIL_SECTORS = 2048  # room for the backup partition table
_BIOS_TYPE = "21686148-6449-6E6F-744E-656564454649"
_ROOT_TYPE = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"  # root, x86-64: what systemd-repart grows
_FEATURES = "^metadata_csum_seed,^orphan_file"  # GRUB 2.06 can't read the first, nor needs either
GRUB_PREFIX = "(,gpt2)/boot/grub"


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes and identifiers of a disk; the identifiers follow from ``identity`` alone."""

    identity: str
    root_bytes: int

    @property
    def disk_id(self) -> str:
        return self._id("disk")

    @property
    def root_partition_id(self) -> str:
        """What the kernel's ``root=PARTUUID=`` names."""
        return self._id("root-partition")

    @property
    def root_filesystem_id(self) -> str:
        return self._id("root-filesystem")

    @property
    def root_sectors(self) -> int:
        return self.root_bytes // _SECTOR_BYTES

    def _id(self, what: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"heliostat:{self.identity}:{what}"))


def folder_bytes(folder: Path) -> int:
    """Space that the files under ``folder`` take on ext4, hard links counted once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            status = os.lstat(os.path.join(parent, name))
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                total += -(-status.st_size // 4096) * 4096 + 256
    return total


def root_bytes_for(folder: Path, free_bytes: int) -> int:
    """Size of a file system that holds ``folder`` and has about ``free_bytes`` left."""
    needed = int(folder_bytes(folder) * 1.06) + free_bytes + 16 * MIB
    return -(-needed // MIB) * MIB


def assemble(folder: Path, layout: Layout, raw: Path, *, label: str) -> None:
    """Write the raw disk image ``raw`` whose root file system holds ``folder``."""
    total_sectors = _ROOT_START + layout.root_sectors + _TAIL_SECTORS
    with raw.open("wb") as stream:
        stream.truncate(total_sectors * _SECTOR_BYTES)
    table = (
        f"label: gpt\nlabel-id: {layout.disk_id}\nfirst-lba: {_BIOS_START}\n"
        f"start={_BIOS_START}, size={_BIOS_SECTORS}, type={_BIOS_TYPE}, name=bios\n"
        f"start={_ROOT_START}, size={layout.root_sectors}, type={_ROOT_TYPE},"
        f" uuid={layout.root_partition_id}, name=root\n"
    )
    run([resolve("sfdisk"), "-q", str(raw)], timeout_s=60, stdin=table.encode())
    offset = _ROOT_START * _SECTOR_BYTES
    options = f"offset={offset},root_owner=0:0,lazy_itable_init=0,hash_seed={layout.disk_id}"
    argv = [resolve("mke2fs"), "-q", "-F", "-t", "ext4", "-O", _FEATURES, "-E", options]
    argv += ["-L", label, "-U", layout.root_filesystem_id, "-m", "1", "-d", str(folder), str(raw)]
    run([*argv, f"{layout.root_bytes // 1024}k"], timeout_s=600)
    core = grub.core_image(raw.parent, GRUB_PREFIX)
    grub.install(raw, core, first_sector=_BIOS_START, sector_count=_BIOS_SECTORS)


def compress(raw: Path, out: Path) -> None:
    """Turn a raw image into a qcow2 with zstd."""
    argv = [resolve("qemu-img"), "convert", "-c", "-m", "2", "-O", "qcow2"]
    options = "compression_type=zstd,preallocation=off"
    run([*argv, "-o", options, str(raw), str(out)], timeout_s=900)
