"""GRUB for BIOS and for UEFI, put into a disk image without mounting anything.

``grub-mkimage`` makes the core image; the two block lists that ``grub-setup``
would patch (where boot.img finds core.img, and where core.img's first sector
finds the rest) are written here.  Offsets: grub-core/boot/i386/pc/boot.S and
diskboot.S, include/grub/i386/pc/boot.h.  For UEFI it is one program with all modules.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.image.programs import EFI_MODULES, GRUB_MODULES, resolve

_SECTOR_BYTES = 512
_KERNEL_SECTOR = slice(0x5C, 0x64)
_DRIVE_CHECK = slice(0x66, 0x68)
_BPB = slice(0x03, 0x5A)
_PARTITION_TABLE = slice(0x1B8, 0x200)
_BLOCK_LIST = slice(0x1F4, 0x200)
_LOAD_SEGMENT = 0x820
_NO_OPERATION = b"\x90\x90"

_MODULES = (
    *("part_gpt", "ext2", "normal", "configfile", "linux", "serial", "terminal", "test", "echo"),
    "probe",  # tells the menu the identifier of the partition that it was read from
    "regexp",  # lists the disks, to tell whether another one claims to be this one
    "loadenv",  # notes that a new kernel was started, so that it is so only once
)


def core_image(work: Path, prefix: str) -> bytes:
    """GRUB's core, which reads ``grub.cfg`` from ``prefix``, e.g. ``(,gpt2)/boot/grub``.

    A prefix without a disk means the disk that the firmware booted from.
    """
    return _image(work / "core.img", "i386-pc", GRUB_MODULES, prefix, ("biosdisk", *_MODULES))


def efi_image(work: Path, prefix: str) -> bytes:
    """GRUB as a program for 64-bit UEFI; ``prefix`` as for :func:`core_image`."""
    modules = ("fat", "efi_gop", "video", *_MODULES)
    return _image(work / "grub.efi", "x86_64-efi", EFI_MODULES, prefix, modules)


def _image(out: Path, kind: str, folder: Path, prefix: str, modules: Sequence[str]) -> bytes:
    argv = [resolve("grub-mkimage"), "-d", str(folder), "-O", kind, "-o", str(out)]
    run([*argv, "-p", prefix, *modules], timeout_s=60)
    return out.read_bytes()


def install(disk: Path, core: bytes, *, first_sector: int, sector_count: int) -> None:
    """Write boot code to the first sector and ``core`` to the BIOS boot partition."""
    core += b"\0" * (-len(core) % _SECTOR_BYTES)
    length = len(core) // _SECTOR_BYTES
    if length > sector_count:
        raise HeliostatError(
            "BuildFailed", f"GRUB's core needs {length} sectors, the partition has {sector_count}."
        )
    boot = (GRUB_MODULES / "boot.img").read_bytes()
    with disk.open("r+b") as stream:
        old = stream.read(_SECTOR_BYTES)
        stream.seek(0)
        stream.write(_boot_sector(boot, old, first_sector))
        stream.seek(first_sector * _SECTOR_BYTES)
        stream.write(_with_block_list(core, first_sector + 1, length - 1))


def _boot_sector(boot: bytes, old: bytes, core_sector: int) -> bytes:
    sector = bytearray(boot)
    sector[_BPB] = old[_BPB]
    sector[_PARTITION_TABLE] = old[_PARTITION_TABLE]
    sector[_KERNEL_SECTOR] = struct.pack("<Q", core_sector)
    sector[_DRIVE_CHECK] = _NO_OPERATION  # trust the drive number that the firmware hands over
    return bytes(sector)


def _with_block_list(core: bytes, first_sector: int, length: int) -> bytes:
    patched = bytearray(core)
    patched[_BLOCK_LIST] = struct.pack("<QHH", first_sector, length, _LOAD_SEGMENT)
    return bytes(patched)
