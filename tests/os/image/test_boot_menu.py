"""The boot menu: what a new disk has, and what the running system's own program makes of it."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
from pathlib import Path

import pytest

from heliostat.core.process import CommandFailed, Output, run
from heliostat.os.image import boot
from heliostat.os.image.distro import locate_distro

UPDATE = locate_distro() / "packages/heliostat-boot/files/usr/lib/heliostat/update-boot"
OPTIONS = ("rw", "rootfstype=ext4", "quiet")
WANTED = ("virtio_pci", "virtio_blk")
OLD, NEW = "6.12.9-virt", "6.12.10-virt"

# kmod's program, for trees whose modules are no modules: each needs virtio_ring
MODPROBE = """\
#!/bin/sh
while getopts d:S:a-: option; do case $option in d) root=$OPTARG ;; S) version=$OPTARG ;; esac; done
shift $((OPTIND - 1))
for name; do for each in virtio_ring $name; do
    echo "insmod $(ls $root/usr/lib/modules/$version/kernel/$each.ko*) " || exit 1
done; done
"""


class Installed:
    """A tree whose disk has been written, and kernels that come and go in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.menu_path = root / "boot/grub/grub.cfg"
        kernel = root / "usr/lib/kernel"
        kernel.mkdir(parents=True)
        (kernel / "cmdline").write_text(f"{' '.join(OPTIONS)}\n")
        (kernel / "initrd-modules").write_text("".join(f"{name}\n" for name in WANTED))
        tools = root.parent / "bin"
        tools.mkdir()
        (tools / "modprobe").write_text(MODPROBE)
        (tools / "modprobe").chmod(0o755)
        self._path = f"{tools}:{os.environ['PATH']}"

    def put(self, version: str, *, builtin: bool = True, packed: str = "") -> None:
        folder = self.root / "usr/lib/modules" / version
        (folder / "kernel").mkdir(parents=True)
        (folder / "vmlinuz").write_bytes(b"a kernel")
        listed = "".join(f"kernel/drivers/virtio/{name}.ko\n" for name in WANTED)
        (folder / "modules.builtin").write_text(listed.replace("_", "-") if builtin else "")
        for name in ("virtio_ring", *WANTED):
            module = folder / "kernel" / f"{name}.ko"
            needs = "" if name == "virtio_ring" else "virtio_ring"
            module.write_bytes(f"{name}\0depends={needs}\0{'x' * len(name)}".encode())
            if packed:
                run([packed, "-q", "--rm" if packed == "zstd" else "-f", str(module)], timeout_s=9)

    def take(self, version: str) -> None:
        run(["rm", "-r", str(self.root / "usr/lib/modules" / version)], timeout_s=9)

    def write_disk(self) -> None:
        for path, data in boot.additions(self.root, OPTIONS, WANTED).items():
            target = self.root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)

    def update(self) -> Output:
        env = {**os.environ, "PATH": self._path}
        return run([str(UPDATE), "--root", str(self.root)], timeout_s=60, env=env)

    def menu(self) -> str:
        return self.menu_path.read_text()

    def entries(self) -> list[str]:
        return re.findall(r'menuentry "Linux (.*)"', self.menu())


@pytest.fixture
def system(tmp_path: Path) -> Installed:
    return Installed(tmp_path / "root")


def contents(archive: Path, out: Path) -> dict[str, bytes]:
    """By GNU cpio."""
    out.mkdir()
    data = gzip.decompress(archive.read_bytes())
    subprocess.run(["cpio", "-id", "--quiet"], cwd=out, input=data, check=True, timeout=60)
    return {
        str(each.relative_to(out)): each.read_bytes() for each in out.rglob("*") if each.is_file()
    }


@pytest.mark.parametrize("builtin", [True, False])
def test_the_system_writes_the_menu_that_the_disk_came_with(
    system: Installed, tmp_path: Path, builtin: bool
) -> None:
    system.put(OLD, builtin=builtin)
    system.write_disk()
    first = system.menu()
    assert f"linux /usr/lib/modules/{OLD}/vmlinuz root=PARTUUID=$partition rw" in first
    archive = system.root / f"boot/heliostat-modules-{OLD}"
    before = contents(archive, tmp_path / "before") if not builtin else None
    assert system.update() == Output("", "")
    assert system.menu() == first
    assert archive.exists() is not builtin
    assert ('    if [ "$twins" ]; then initrd /boot/heliostat-initrd; fi\n' in first) is builtin
    if before is not None:
        assert len(before) == 4
        assert contents(archive, tmp_path / "after") == before


def test_a_kernel_that_comes_is_first_and_one_that_goes_leaves_nothing(system: Installed) -> None:
    system.put(OLD, builtin=False)
    system.write_disk()
    first = system.menu()
    system.put(NEW, builtin=False, packed="zstd")
    system.update()
    assert system.entries() == [NEW, OLD]
    assert "set default=0\nset fallback=1\n" in system.menu()
    drivers = system.root / f"boot/heliostat-modules-{NEW}"
    assert f"initrd /boot/heliostat-initrd /boot/{drivers.name}\n" in system.menu()
    system.take(NEW)
    system.update()
    assert system.menu() == first
    assert not drivers.exists()


@pytest.mark.parametrize("packed", ["", "gzip", "xz", "zstd"])
def test_drivers_are_unpacked_and_in_their_order(
    system: Installed, tmp_path: Path, packed: str
) -> None:
    system.put(OLD)
    system.write_disk()
    (system.root / "boot/heliostat-initrd").write_bytes(b"loads them")
    system.put(NEW, builtin=False, packed=packed)
    system.update()
    held = contents(system.root / f"boot/heliostat-modules-{NEW}", tmp_path / "out")
    base = f"lib/modules/{NEW}"
    assert held[f"{base}/virtio_blk.ko"] == b"virtio_blk\0depends=virtio_ring\0xxxxxxxxxx"
    order = (tmp_path / "out" / base / "order").read_text()
    assert order.split() == ["virtio_ring.ko", "virtio_pci.ko", "virtio_blk.ko"]


def test_a_kernel_that_can_not_find_its_root_is_no_entry(system: Installed) -> None:
    system.put(OLD)
    system.write_disk()
    (system.root / "boot/heliostat-initrd").unlink()
    system.update()
    first = system.menu()
    system.put(NEW, builtin=False)
    with pytest.raises(CommandFailed) as caught:
        system.update()
    assert f"Linux {NEW} needs virtio_pci, virtio_blk to find its root" in caught.value.stderr
    assert system.menu() == first


def test_the_menu_outlives_the_last_kernel_and_a_broken_module(system: Installed) -> None:
    system.put(OLD)
    system.write_disk()
    first = system.menu()
    (system.root / "boot/heliostat-initrd").write_bytes(b"loads them")
    system.put(NEW, builtin=False, packed="xz")
    module = system.root / f"usr/lib/modules/{NEW}/kernel/virtio_blk.ko.xz"
    module.write_bytes(module.read_bytes()[:-9])
    with pytest.raises(CommandFailed) as caught:
        system.update()
    assert f"the drivers of Linux {NEW} can't be put together" in caught.value.stderr
    assert system.menu() == first
    assert not (system.root / f"boot/heliostat-modules-{NEW}").exists()
    system.take(NEW)
    system.take(OLD)
    with pytest.raises(CommandFailed) as caught:
        system.update()
    assert "no kernel is left" in caught.value.stderr
    assert system.menu() == first
    assert [each.name for each in system.menu_path.parent.iterdir()] == ["grub.cfg"]


def test_where_nothing_is_started_nothing_is_written(system: Installed) -> None:
    system.put(OLD)
    assert system.update() == Output("", "")
    assert not (system.root / "boot").exists()


def test_an_administrator_s_options_go_before_the_edition_s(system: Installed) -> None:
    system.put(OLD)
    system.write_disk()
    own = system.root / "etc/kernel"
    own.mkdir(parents=True)
    (own / "cmdline").write_text("rw debug\n")
    system.update()
    assert "root=PARTUUID=$partition rw debug\n" in system.menu()
