"""Archives, modules, boot code and disks, checked with tools that are not ours."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.image import cpio, disk, ext4, grub, modules, programs
from heliostat.os.monitor import PlainMonitor, TerminalMonitor, monitor_for


def test_archives_are_what_cpio_reads(tmp_path: Path) -> None:
    archive = cpio.Archive()
    archive.add_file("bin/tool", b"#!/bin/sh\n", 0o755)
    archive.add_link("sbin/deep/link", "../../bin/tool")
    archive.add_file("empty", b"")
    argv = ["/usr/bin/cpio", "-it", "--quiet"]
    if not Path(argv[0]).exists():
        pytest.skip("cpio is not installed")
    listed = subprocess.run(argv, input=archive.finish(), capture_output=True, check=True)
    names = listed.stdout.decode().split()
    assert names == ["bin", "bin/tool", "sbin", "sbin/deep", "sbin/deep/link", "empty"]


def module(*needs: str) -> bytes:
    return b"ELF\0license=GPL\0depends=" + ",".join(needs).encode() + b"\0intree=Y\0"


def test_modules_come_after_what_they_need(tmp_path: Path) -> None:
    for name, needs in (("net", ("core", "ring")), ("ring", ("core",)), ("core", ())):
        (tmp_path / f"{name}.ko").write_bytes(module(*needs))
    (tmp_path / "two-words.ko").write_bytes(module("ring"))
    order = modules.loading_order(tmp_path, ["net", "two_words", "core"])
    assert [item.name for item in order] == ["core.ko", "ring.ko", "net.ko", "two_words.ko"]
    with pytest.raises(HeliostatError, match="no module gone"):
        modules.loading_order(tmp_path, ["gone"])


def test_boot_code_is_patched_into_the_disk(tmp_path: Path) -> None:
    programs.require(["grub-mkimage"])
    image = tmp_path / "disk"
    table = bytes(range(0x48))
    image.write_bytes(bytes(0x1B8) + table + bytes(512 * 4096))
    core = grub.core_image(tmp_path, disk.GRUB_PREFIX)
    grub.install(image, core, first_sector=2048, sector_count=2048)
    data = image.read_bytes()
    assert data[0x1B8:0x200] == table
    assert struct.unpack_from("<Q", data, 0x5C) == (2048,)
    sectors = -(-len(core) // 512)
    assert struct.unpack_from("<QHH", data, 2048 * 512 + 0x1F4) == (2049, sectors - 1, 0x820)
    with pytest.raises(HeliostatError, match="sectors"):
        grub.install(image, core, first_sector=2048, sector_count=10)


def test_disks_hold_their_folder(tmp_path: Path) -> None:
    programs.require(programs.DISK_PROGRAMS)
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "name").write_text("heliostat")
    layout = disk.Layout("identity", ext4.size_for(root, 4 << 20), "test", 1_700_000_000)
    disk.assemble(disk.Content(root), layout, tmp_path / "disk.raw", tmp_path)
    argv = ["/usr/sbin/sfdisk", "-d", str(tmp_path / "disk.raw")]
    dump = subprocess.run(argv, capture_output=True, check=True, text=True).stdout
    assert layout.identifier("disk").upper() in dump
    assert layout.root_partition_id.upper() in dump
    where = f"{tmp_path}/disk.raw?offset={18 << 20}"
    argv = ["/usr/sbin/debugfs", "-R", "cat /etc/name", where]
    read = subprocess.run(argv, capture_output=True, check=True, text=True)
    assert read.stdout == "heliostat"
    disk.compress(tmp_path / "disk.raw", tmp_path / "disk.qcow2")
    argv = ["qemu-img", "compare", str(tmp_path / "disk.raw"), str(tmp_path / "disk.qcow2")]
    subprocess.run(argv, check=True, capture_output=True)


def test_missing_programs_name_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heliostat.os.image.programs.shutil.which", lambda *_, **__: None)
    with pytest.raises(HeliostatError) as caught:
        programs.require(["rpm", "mke2fs"])
    assert "e2fsprogs rpm" in caught.value.message
    assert "apt-get install" in caught.value.hint


@pytest.mark.parametrize("kind", [PlainMonitor, TerminalMonitor])
def test_monitors_tell_steps(kind: type[PlainMonitor] | type[TerminalMonitor]) -> None:
    stream = io.StringIO()
    monitor = kind(stream)
    with monitor.step("Polishing"):
        monitor.progress("mirror 1")
    with pytest.raises(ValueError, match="cracked"), monitor.step("Mounting"):
        raise ValueError("cracked")
    told = stream.getvalue()
    assert "Polishing" in told
    assert "mirror 1" in told
    assert "failed" in told
    assert isinstance(monitor_for(stream), PlainMonitor)
