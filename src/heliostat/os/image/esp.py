"""The EFI system partition: a small FAT with the boot loader at the removable path.

mtools writes it as a file; the host's kernel need not know FAT.  Times are those of
``SOURCE_DATE_EPOCH`` in UTC and the serial number is given, so it is reproducible.
"""

from __future__ import annotations

import os
from pathlib import Path

from heliostat.core.process import run
from heliostat.core.units import MIB
from heliostat.os.image.programs import resolve

SIZE_BYTES = 16 * MIB
_SECTORS = SIZE_BYTES // 512
_HEADS, _SECTORS_PER_TRACK = 64, 32


def make(loader: bytes, identifier: str, epoch: int, work: Path) -> bytes:
    """A FAT file system whose ``/EFI/BOOT/BOOTX64.EFI`` is ``loader``."""
    image, program = work / "esp.img", work / "BOOTX64.EFI"
    with image.open("wb") as stream:
        stream.truncate(SIZE_BYTES)
    program.write_bytes(loader)
    environment = {
        **os.environ,
        "LC_ALL": "C",
        "TZ": "UTC",
        "MTOOLSRC": "/dev/null",
        "SOURCE_DATE_EPOCH": str(epoch),
    }
    tracks = str(_SECTORS // (_HEADS * _SECTORS_PER_TRACK))
    geometry = ["-t", tracks, "-h", str(_HEADS), "-n", str(_SECTORS_PER_TRACK)]
    serial = identifier.replace("-", "")[:8]
    on = ["-i", str(image)]
    for argv in (
        ["mformat", *on, *geometry, "-v", "ESP", "-N", serial, "::"],
        ["mmd", *on, "::/EFI", "::/EFI/BOOT"],
        ["mcopy", *on, str(program), "::/EFI/BOOT/BOOTX64.EFI"],
    ):
        run([resolve(argv[0]), *argv[1:]], timeout_s=60, env=environment)
    return image.read_bytes()
