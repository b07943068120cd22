"""File systems made from folders: judged by e2fsck and read back by debugfs."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.core.units import MIB
from heliostat.os.image import ext4

EPOCH = 1_700_000_000
UUID = "5f0e6c0a-8d0c-4f4e-9b7d-2f3a8f6d1c11"
NAMES = ["plain", "two words", 'a "quoted" name', "-dash", "ümläut", "[", "#hash", "'single'"]


def fill(folder: Path, *, shuffled: int) -> None:
    """The same files, created in another order."""
    order = random.Random(shuffled)
    names = [*NAMES, *(f"file-{number:04}" for number in range(300))]
    order.shuffle(names)
    (folder / "etc").mkdir(parents=True)
    for name in names:
        path = folder / "etc" / name
        path.write_bytes(name.encode() * 50)
        os.utime(path, (EPOCH - 500, EPOCH - 500))
    (folder / "etc" / "later").write_text("written after the epoch")
    (folder / "bin").symlink_to("usr/bin")
    (folder / "far").symlink_to("x" * 200)
    os.link(folder / "etc" / "plain", folder / "hard")
    for parent, folders, _ in os.walk(folder):
        for each in (parent, *(os.path.join(parent, name) for name in folders)):
            os.utime(each, (EPOCH, EPOCH), follow_symlinks=False)
    for link in ("bin", "far"):
        os.utime(folder / link, (EPOCH, EPOCH), follow_symlinks=False)


def made(folder: Path, tmp_path: Path, name: str) -> Path:
    image = tmp_path / f"{name}.img"
    work = tmp_path / f"{name}-work"
    work.mkdir()
    image.write_bytes(b"\0" * MIB)
    filesystem = ext4.Filesystem(image, MIB, 16 * MIB, "test", UUID, EPOCH)
    extra = {"/etc/extra": b"more", "/var/lib/seed/a": b"deep", "/etc/file-0001": b"other"}
    ext4.make(filesystem, folder, extra, work)
    return image


def asked(image: Path, command: str) -> str:
    return run(["debugfs", "-R", command, f"{image}?offset={MIB}"], timeout_s=30).stdout


def test_the_same_files_make_the_same_bytes_in_whatever_order_they_came(tmp_path: Path) -> None:
    digests = set()
    for number in (1, 2):
        fill(tmp_path / f"tree-{number}", shuffled=number)
        image = made(tmp_path / f"tree-{number}", tmp_path, f"disk-{number}")
        digests.add(hashlib.sha256(image.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_names_links_owners_modes_and_times_arrive(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    fill(tree, shuffled=3)
    if os.geteuid() == 0:
        os.chown(tree / "etc" / "plain", 12, 34)
        os.setxattr(tree / "etc" / "plain", "user.kept", b"\0\1\2")
    (tree / "etc" / "plain").chmod(0o4711)
    image = made(tree, tmp_path, "disk")
    listed = asked(image, "ls -p /etc")
    for name in (*NAMES, "extra"):
        assert f"/{name}/" in listed
    status = asked(image, "stat /etc/plain")
    assert "Mode:  04711" in status
    assert "Links: 2" in status
    assert f"mtime: 0x{EPOCH - 500:08x}" in status
    assert f"ctime: 0x{EPOCH:08x}" in status
    assert asked(image, "cat /hard") == "plain" * 50
    assert asked(image, "cat /etc/extra") == "more"
    assert asked(image, "cat /var/lib/seed/a") == "deep"
    assert asked(image, "cat /etc/file-0001") == "other"
    assert "x" * 200 in asked(image, "cat /far") + asked(image, "stat /far")
    assert f"{EPOCH:x}" in asked(image, "stat /etc/later")
    if os.geteuid() == 0:
        assert "User:    12   Group:    34" in status
        assert "00 01 02" in asked(image, "ea_get -x /etc/plain user.kept")


def test_a_name_that_debugfs_cannot_be_told_is_refused(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "two\nlines").touch()
    with pytest.raises(HeliostatError, match="can't be written"):
        made(tree, tmp_path, "disk")
