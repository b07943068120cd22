"""The tiny guest: Debian's cloud kernel and one static busybox.

It boots in seconds under emulation, so it is what the KVM probe and the tests
boot: as kernel and initramfs, or as a disk image that boots by itself.  Built
once per cache folder; needs no root.
"""

from __future__ import annotations

import hashlib
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.files import atomic_write
from heliostat.core.units import MIB
from heliostat.os.image import cpio, debs, disk, ext4, modules, programs
from heliostat.os.image.distro import locate_distro
from heliostat.os.monitor import Monitor, SilentMonitor

UP = "HELIOSTAT-TINY-UP"
HOSTNAME = "HELIOSTAT-TINY-HOSTNAME"
ADDRESS = "HELIOSTAT-TINY-ADDRESS"
READY = "HELIOSTAT-TINY-READY"
POWER_BUTTON = "HELIOSTAT-TINY-POWERBUTTON"

_PROGRAMS = ("apt-get", "dpkg-deb", *programs.DISK_PROGRAMS)
_FILES = ("tiny.toml", "init", "udhcpc")
_EPOCH = 1_767_225_600  # the start of 2026: times in the disk don't matter, but are fixed
_PIPELINE = 2  # raise when the code changes what is built


@dataclass(frozen=True, slots=True)
class TinyGuest:
    """Files of the tiny guest, and the kernel options to boot ``kernel`` with ``initrd`` by."""

    kernel: Path
    initrd: Path
    disk: Path
    kernel_options: str


@dataclass(frozen=True, slots=True)
class _Recipe:
    kernel: str
    busybox: str
    modules: tuple[str, ...]
    kernel_options: str
    init: bytes
    udhcpc: bytes
    identity: str


def build_tiny(cache_dir: Path, monitor: Monitor | None = None) -> TinyGuest:
    """The tiny guest in ``cache_dir``, built if it isn't there yet (about 4 s and 27 MB)."""
    recipe = _read_recipe()
    folder = cache_dir / f"tiny-{recipe.identity[:16]}"
    guest = TinyGuest(
        folder / "vmlinuz", folder / "initrd", folder / "disk.qcow2", recipe.kernel_options
    )
    if not guest.disk.is_file():  # written last
        programs.require(_PROGRAMS)
        with (monitor or SilentMonitor()).step("Building the tiny guest"):
            folder.mkdir(parents=True, exist_ok=True)
            _build(recipe, cache_dir, guest)
    return guest


def _build(recipe: _Recipe, cache_dir: Path, guest: TinyGuest) -> None:
    with tempfile.TemporaryDirectory(prefix="tiny-", dir=cache_dir) as name:
        work = Path(name)
        packages = cache_dir / "debs"
        debs.unpack(debs.fetch(debs.kernel_package(recipe.kernel), packages), work / "kernel")
        debs.unpack(debs.fetch(recipe.busybox, packages), work / "busybox")
        kernel = next((work / "kernel" / "boot").glob("vmlinuz-*")).read_bytes()
        initrd = _initramfs(recipe, work)
        atomic_write(guest.kernel, kernel)
        atomic_write(guest.initrd, initrd)
        _write_disk(recipe, kernel, initrd, work, guest.disk)


def _initramfs(recipe: _Recipe, work: Path) -> bytes:
    archive = cpio.Archive()
    archive.add_character_device("dev/console", 5, 1)
    for folder in ("proc", "sys"):
        archive.add_folder(folder)
    busybox = next((work / "busybox").glob("**/bin/busybox"))
    archive.add_file("bin/busybox", busybox.read_bytes(), 0o755)
    archive.add_link("bin/sh", "busybox")
    archive.add_file("init", recipe.init, 0o755)
    archive.add_file("etc/udhcpc", recipe.udhcpc, 0o755)
    chosen = modules.loading_order(work / "kernel", recipe.modules)
    for module in chosen:
        archive.add_file(f"lib/modules/{module.name}", module.content)
    order = "".join(f"{module.name}\n" for module in chosen)
    archive.add_file("lib/modules/order", order.encode())
    return archive.finish()


def _write_disk(recipe: _Recipe, kernel: bytes, initrd: bytes, work: Path, out: Path) -> None:
    root = work / "root"
    (root / "boot" / "grub").mkdir(parents=True)
    (root / "vmlinuz").write_bytes(kernel)
    (root / "initrd").write_bytes(initrd)
    menu = f"linux /vmlinuz {recipe.kernel_options}\ninitrd /initrd\nboot\n"
    (root / "boot" / "grub" / "grub.cfg").write_text(menu)
    raw, packed = work / "disk.raw", work / "disk.qcow2"
    layout = disk.Layout(recipe.identity, ext4.size_for(root, 8 * MIB), "tiny", _EPOCH)
    disk.assemble(disk.Content(root), layout, raw, work)
    disk.compress(raw, packed)
    packed.rename(out)


def _read_recipe() -> _Recipe:
    folder = locate_distro() / "tiny"
    files = {name: (folder / name).read_bytes() for name in _FILES}
    digest = hashlib.sha256(b"%d" % _PIPELINE)
    for name in _FILES:
        digest.update(hashlib.sha256(files[name]).digest())
    values = tomllib.loads(files["tiny.toml"].decode())
    return _Recipe(
        kernel=values["kernel"],
        busybox=values["busybox"],
        modules=tuple(values["modules"]),
        kernel_options=" ".join(values["kernel_options"]),
        init=files["init"],
        udhcpc=files["udhcpc"],
        identity=digest.hexdigest(),
    )
