"""Formats that are the disk itself: raw, QEMU's, VHD's."""

from __future__ import annotations

import os
from pathlib import Path

from heliostat.os.image import disk
from heliostat.os.image.formats.material import Material


def raw(material: Material, out: Path) -> None:
    """The disk, byte for byte: another name for the same file."""
    os.link(material.need_disk(), out)


def qcow2(material: Material, out: Path) -> None:
    """QEMU's format, compressed."""
    disk.compress(material.need_disk(), out)
