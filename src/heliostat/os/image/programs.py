"""Programs of the build host that an image build needs, checked before it begins."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from heliostat.core.errors import HeliostatError

GRUB_MODULES = Path("/usr/lib/grub/i386-pc")
EFI_MODULES = Path("/usr/lib/grub/x86_64-efi")
DISK_PROGRAMS = (
    *("debugfs", "e2fsck", "grub-mkimage", "mcopy", "mformat", "mke2fs", "mmd"),
    *("qemu-img", "sfdisk"),
)

_PACKAGES = {
    "apt-get": "apt",
    "busybox": "busybox-static",
    "debugfs": "e2fsprogs",
    "dpkg-deb": "dpkg",
    "e2fsck": "e2fsprogs",
    "grub-mkimage": "grub-common",
    "mcopy": "mtools",
    "mformat": "mtools",
    "mke2fs": "e2fsprogs",
    "mmd": "mtools",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "rpm": "rpm",
    "sfdisk": "fdisk",
}
_SYSTEM_FOLDERS = ("/usr/sbin", "/sbin")


def find(program: str) -> str | None:
    """Where ``program`` is, system folders included (they are not on everybody's PATH)."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS))
    return shutil.which(program, path=path)


def require(programs: Iterable[str], what: str = "Building the image") -> None:
    """Raise ``BuildFailed`` naming every package that is missing for ``what``."""
    missing = {_PACKAGES[name] for name in programs if find(name) is None}
    if "grub-mkimage" in programs and not (GRUB_MODULES / "boot.img").is_file():
        missing.add("grub-pc-bin")
    if "grub-mkimage" in programs and not (EFI_MODULES / "fat.mod").is_file():
        missing.add("grub-efi-amd64-bin")
    if missing:
        names = " ".join(sorted(missing))
        raise HeliostatError(
            "BuildFailed",
            f"{what} needs packages that are not installed: {names}.",
            hint=f"Install them: `apt-get install --no-install-recommends {names}`.",
        )


def digests(programs: Iterable[str]) -> dict[str, str]:
    """Inputs of a stage that runs ``programs`` of the host: other programs, other outcome."""
    return {f"program {name}": _file_digest(resolve(name)) for name in programs}


@cache
def _file_digest(path: str) -> str:
    """SHA-256 of a file, read once a process; nothing if it isn't there."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def loader_digests() -> dict[str, str]:
    """Inputs of a stage that writes GRUB: its modules, by firmware."""
    kernels = {"BIOS": GRUB_MODULES / "kernel.img", "UEFI": EFI_MODULES / "kernel.img"}
    return {f"GRUB for {name}": _file_digest(str(path)) for name, path in kernels.items()}


def resolve(program: str) -> str:
    """The path to run ``program`` by, once ``require`` has passed."""
    return find(program) or program
