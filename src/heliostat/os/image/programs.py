"""Programs of the build host that an image build needs, checked before it begins."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from heliostat.core.errors import HeliostatError

GRUB_MODULES = Path("/usr/lib/grub/i386-pc")

_PACKAGES = {
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "grub-mkimage": "grub-common",
    "mke2fs": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "qemu-img": "qemu-utils",
    "sfdisk": "fdisk",
}
_SYSTEM_FOLDERS = ("/usr/sbin", "/sbin")


def find(program: str) -> str | None:
    """Where ``program`` is, system folders included (they are not on everybody's PATH)."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS))
    return shutil.which(program, path=path)


def require(programs: Iterable[str]) -> None:
    """Raise ``BuildFailed`` naming every package that is missing."""
    missing = {_PACKAGES[name] for name in programs if find(name) is None}
    if "grub-mkimage" in programs and not (GRUB_MODULES / "boot.img").is_file():
        missing.add("grub-pc-bin")
    if missing:
        names = " ".join(sorted(missing))
        raise HeliostatError(
            "BuildFailed",
            f"Building the image needs packages that are not installed: {names}.",
            hint=f"Install them: `apt-get install --no-install-recommends {names}`.",
        )


def resolve(program: str) -> str:
    """The path to run ``program`` by, once ``require`` has passed."""
    return find(program) or program
