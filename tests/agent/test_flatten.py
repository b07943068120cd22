"""Flattening a disk with qemu-img: what a full disk and an end of the agent leave."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliostat.agent.hypervisors.qemu.flatten import flatten
from heliostat.core.errors import HeliostatError

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB; only root can make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A qcow2 of 8 MiB that no compression makes smaller."""
    raw, path = tmp_path / "raw", tmp_path / "disk.qcow2"
    raw.write_bytes(os.urandom(8 * MIB))
    argv = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(path)]
    subprocess.run(argv, check=True)
    return path


async def test_a_full_disk_is_told(disk: Path, small_disk: Path) -> None:
    with pytest.raises(HeliostatError) as full:
        await flatten(disk, small_disk / "out.qcow2", lambda _: None, threads=1)
    assert full.value.code == "DiskFull"


async def test_breaking_it_off_ends_qemu_img(disk: Path, tmp_path: Path) -> None:
    begun = asyncio.Event()
    out = tmp_path / "out.qcow2"
    working = asyncio.create_task(flatten(disk, out, lambda _: begun.set(), threads=1))
    async with asyncio.timeout(20):
        await begun.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert not _users_of(disk)


async def test_a_damaged_disk_is_told(tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    path.write_bytes(b"no qcow2 at all")
    with pytest.raises(HeliostatError, match="qemu-img"):
        await flatten(path, tmp_path / "out.qcow2", lambda _: None, threads=1)


def _users_of(disk: Path) -> list[str]:
    """Processes whose command line names ``disk``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(disk).encode() in (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:
            continue  # it ended meanwhile
    return found
