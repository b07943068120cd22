"""Network boot: the kernel, an initrd that mounts a root from disk, and the system in memory.

``system.img`` is the whole root tree as an initial memory disk: a machine without a disk
runs from it, and forgets everything when it goes off.  ``initrd.img`` starts a root that
lies on a disk, named by ``root=PARTUUID=…``.  ``boot.ipxe`` shows both.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import zstandard

from heliostat.os.image import boot, cpio
from heliostat.os.image.formats import archive
from heliostat.os.image.formats.material import Material

_LEVEL = 9
_EMPTIED = ("boot", "dev", "proc", "sys", "run", "tmp")
_INIT = """\
#!/bin/sh
# First program of the system in memory.  The first root can't be left by pivot_root, which
# containers need: so it is mounted once more, over itself, and entered there.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount --bind / /mnt
mount --move /proc /mnt/proc
cd /mnt
mount --move . /
exec chroot . /sbin/init "$@"
"""
_MENU = """\
#!ipxe
# The whole system in memory; for a root on disk: initrd.img and root=PARTUUID=…
kernel vmlinuz initrd=system.img {options}
initrd system.img
boot
"""


def write(material: Material, out: Path) -> None:
    """All files in one archive, to be unpacked where they are served."""
    kernel = boot.kernel_of(material.tree)
    with tempfile.TemporaryDirectory(prefix="pxe-", dir=out.parent) as work:
        system = Path(work) / "system.img"
        _write_system(material, system)
        with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as tar:
            archive.add_file(tar, "vmlinuz", kernel.file, material.epoch)
            if loaded := boot.to_load(kernel, material.modules):
                initrd = boot.initrd(material.tree, kernel, loaded)
                archive.add_bytes(tar, "initrd.img", initrd, material.epoch)
            archive.add_file(tar, "system.img", system, material.epoch)
            archive.add_bytes(tar, "boot.ipxe", _menu(material), material.epoch)


def _menu(material: Material) -> bytes:
    about_disks = ("root", "rootwait", "rootfstype")
    kept = [each for each in material.options if each.partition("=")[0] not in about_disks]
    return _MENU.format(options=" ".join(kept)).encode()


def _write_system(material: Material, out: Path) -> None:
    compressor = zstandard.ZstdCompressor(level=_LEVEL, threads=os.cpu_count() or 1)
    with out.open("wb") as raw, compressor.stream_writer(raw) as stream:
        for block in tree_archive(material.tree, material.epoch):
            stream.write(block)


def tree_archive(tree: Path, epoch: int) -> Iterator[bytes]:
    """The tree as the kernel unpacks it, with a first program of ours."""
    first = cpio.Archive()
    first.add_character_device("dev/console", 5, 1)
    first.add_file("init", _INIT.encode(), 0o755)
    yield first.finish()
    yield from cpio.tree(tree, epoch, emptied=_EMPTIED)
