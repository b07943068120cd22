"""How a tree is started: its kernel, the initrd for the boot disk's drivers, GRUB's menu.

The menu names the root by the identifier of the partition that GRUB read it from, so
that it fits every disk.  Disks of one image have the same identifiers: where there may be
another one (GRUB sees it, or UEFI shows only the one that it boots), the initrd chooses,
which knows disks by their serial numbers.  A tree that brings ``/boot/grub/grub.cfg`` or
an initrd of its own keeps them; whatever is missing is added to the disk, never to the
tree.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.image import cpio, modules, programs
from heliostat.os.image.distro import locate_distro

MENU = "/boot/grub/grub.cfg"
INITRD = "/boot/heliostat-initrd"
_DRIVERS = "/boot/heliostat-modules"
_TOOLS = (
    *("cat", "grep", "hexdump", "insmod", "mount", "poweroff", "readlink", "sh", "sleep"),
    *("switch_root", "uname", "usleep"),
)
_TWINS = (
    "set twins=",
    "regexp --set=1:place ',(.*)' $root",
    "for other in (*,$place); do",
    "    probe --set=identifier --part-uuid $other",
    '    if [ "$identifier" = "$partition" -a "$other" != "($root)" ]; then set twins=yes; fi',
    "done",
    'if [ "$grub_platform" = efi ]; then set twins=yes; fi',
)
"""Tells whether the partition's identifier may be another disk's, too."""
_CHOOSES = f'    if [ "$twins" ]; then initrd {INITRD}; fi'
_BUSYBOX = ("usr/bin/busybox", "bin/busybox")


@dataclass(frozen=True, slots=True)
class Kernel:
    """The kernel that starts a tree."""

    version: str
    file: Path
    """On the building machine."""
    path: str
    """In the tree, as GRUB reads it."""
    modules: Path
    """Folder of its modules; need not be there."""


def kernels_of(tree: Path) -> list[Kernel]:
    """The kernels of ``tree``, the newest first; ``BuildFailed`` if it has none."""
    found = [
        Kernel(version, path, f"/{path.relative_to(tree)}", tree / "usr/lib/modules" / version)
        for version, path in _kernels(tree)
    ]
    if not found:
        raise HeliostatError(
            "BuildFailed",
            f"The tree has no kernel: neither {tree}/boot/vmlinuz-* nor one beside its modules.",
            hint="Add a kernel to the packages of the edition.",
        )
    return sorted(found, key=lambda kernel: (_order(kernel.version), kernel.path), reverse=True)


def kernel_of(tree: Path) -> Kernel:
    """The newest of them."""
    return kernels_of(tree)[0]


def additions(tree: Path, options: Sequence[str], wanted: Sequence[str]) -> dict[str, bytes]:
    """What the disk needs besides ``tree`` to start: by paths, with the modules ``wanted``.

    In the running system ``update-boot`` of heliostat-boot writes the same from then on.
    """
    kernels = kernels_of(tree)
    has_initrd = (tree / INITRD.lstrip("/")).is_file()
    added = {} if has_initrd else _initrds(tree, kernels, wanted)
    if not (tree / MENU.lstrip("/")).is_file():
        shown = [_entry(each, options, added, has_initrd=has_initrd) for each in kernels]
        added[MENU] = menu(shown)
    return added


def menu(entries: Sequence[str]) -> bytes:
    """GRUB's menu: the first entry, at once; the next one if that can't be read."""
    lines = [
        "# Written by /usr/lib/heliostat/update-boot when kernels come and go.",
        "set timeout=0",
        "set default=0",
        *(["set fallback=1"] if len(entries) > 1 else []),
        "probe --set=partition --part-uuid $root",
        *_TWINS,
    ]
    return ("".join(f"{line}\n" for line in lines) + "".join(entries)).encode()


def initrd(tree: Path, kernel: Kernel, wanted: Sequence[str]) -> bytes:
    """Both archives in one, for who reads only one."""
    base = first_archive(tree)
    return base + b"\0" * (-len(base) % 4) + drivers_archive(kernel, wanted)


def first_archive(tree: Path) -> bytes:
    """A small system that loads modules and mounts the root, for any kernel: see its script."""
    archive = cpio.Archive()
    archive.add_character_device("dev/console", 5, 1)
    for folder in ("proc", "root", "sys"):
        archive.add_folder(folder)
    archive.add_file("bin/busybox", busybox_of(tree).read_bytes(), 0o755)
    for name in _TOOLS:
        archive.add_link(f"bin/{name}", "busybox")
    archive.add_file("init", init_script().read_bytes(), 0o755)
    return gzip.compress(archive.finish(), mtime=0)


def drivers_archive(kernel: Kernel, wanted: Sequence[str]) -> bytes:
    """The modules ``wanted`` of a kernel with all that they need, and the order to load them."""
    archive = cpio.Archive()
    chosen = modules.loading_order(kernel.modules, wanted)
    drivers = f"lib/modules/{kernel.version}"
    for module in chosen:
        archive.add_file(f"{drivers}/{module.name}", module.content)
    archive.add_file(f"{drivers}/order", "".join(f"{each.name}\n" for each in chosen).encode())
    return gzip.compress(archive.finish(), mtime=0)


def init_script() -> Path:
    """The first program of the initrd."""
    return locate_distro() / "boot" / "initrd-init"


def busybox_of(tree: Path) -> Path:
    """The tree's busybox, else the host's: both are static."""
    for path in _BUSYBOX:
        if (tree / path).is_file():
            return tree / path
    programs.require(["busybox"])
    return Path(programs.resolve("busybox"))


def _initrds(tree: Path, kernels: Sequence[Kernel], wanted: Sequence[str]) -> dict[str, bytes]:
    """What loads drivers and finds the root, and the drivers of each kernel that needs some."""
    added = {
        drivers_path(kernel): drivers_archive(kernel, loaded)
        for kernel in kernels
        if (loaded := to_load(kernel, wanted))
    }
    return {INITRD: first_archive(tree), **added}


def drivers_path(kernel: Kernel) -> str:
    """Where the disk has the drivers of a kernel."""
    return f"{_DRIVERS}-{kernel.version}"


def _entry(
    kernel: Kernel, options: Sequence[str], added: Mapping[str, bytes], *, has_initrd: bool
) -> str:
    """A kernel in the menu; an initrd that the tree brings is every kernel's."""
    loaded = _CHOOSES
    if has_initrd:
        loaded = f"    initrd {INITRD}"
    elif drivers_path(kernel) in added:
        loaded = f"    initrd {INITRD} {drivers_path(kernel)}"
    lines = [
        f'menuentry "Linux {kernel.version}" {{',
        f"    linux {kernel.path} root=PARTUUID=$partition {' '.join(options)}",
        loaded,
        "}",
    ]
    return "".join(f"{line}\n" for line in lines)


def _kernels(tree: Path) -> list[tuple[str, Path]]:
    in_boot = ((path.name.removeprefix("vmlinuz-"), path) for path in tree.glob("boot/vmlinuz-*"))
    beside = ((path.parent.name, path) for path in tree.glob("usr/lib/modules/*/vmlinuz"))
    return [(version, path) for version, path in (*in_boot, *beside) if path.is_file()]


def to_load(kernel: Kernel, wanted: Sequence[str]) -> list[str]:
    """Those of ``wanted`` that aren't part of the kernel itself."""
    listed = kernel.modules / "modules.builtin"
    names = listed.read_text().splitlines() if listed.is_file() else []
    within = {Path(name).stem.replace("-", "_") for name in names}
    there = any(kernel.modules.rglob("*.ko*"))
    return [name for name in wanted if name.replace("-", "_") not in within] if there else []


def _order(version: str) -> list[tuple[int, str]]:
    """Sorts 6.12.9 before 6.12.10."""
    words = re.findall(r"\d+|\D+", version)
    return [(int(word), "") if word.isdigit() else (-1, word) for word in words]
