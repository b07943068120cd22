"""Whole disks: the same bytes under other circumstances, and tables that others can read."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from heliostat.core.process import run
from heliostat.core.units import MIB
from heliostat.os.image import disk
from heliostat.os.image.disk import Content, Layout

LAYOUT = Layout("0" * 64, 32 * MIB, "test", 1_700_000_000)


def tree(folder: Path) -> Path:
    (folder / "boot" / "grub").mkdir(parents=True)
    (folder / "boot" / "grub" / "grub.cfg").write_text("boot\n")
    for path in (*sorted(folder.rglob("*")), folder):
        path.chmod(0o755)
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return folder


def written(tmp_path: Path, name: str) -> Path:
    work = tmp_path / name
    work.mkdir(parents=True)
    folder = tree(work / "tree")
    disk.assemble(Content(folder, {"/boot/extra": b"x"}), LAYOUT, work / "disk.raw", work)
    return work / "disk.raw"


def test_path_umask_locale_and_time_zone_leave_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = written(tmp_path, "one")
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    before = os.umask(0o077)
    try:
        second = written(tmp_path, "an/other place")
    finally:
        os.umask(before)
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (first, second)}
    assert len(digests) == 1


def test_others_read_its_table_and_its_partitions(tmp_path: Path) -> None:
    raw = written(tmp_path, "one")
    table = json.loads(run(["sfdisk", "-J", str(raw)], timeout_s=30).stdout)["partitiontable"]
    assert table["label"] == "gpt"
    assert [each["name"] for each in table["partitions"]] == ["bios", "esp", "root"]
    assert table["partitions"][2]["uuid"].lower() == LAYOUT.root_partition_id
    run(["sfdisk", "--verify", str(raw)], timeout_s=30)
    start = table["partitions"][1]["start"] * 512
    listed = run(["mdir", "-b", "-i", f"{raw}@@{start}", "::/EFI/BOOT"], timeout_s=30).stdout
    assert "BOOTX64.EFI" in listed
    assert raw.stat().st_blocks * 512 < 16 * MIB


@pytest.mark.parametrize("needed", [1, 300 * MIB, 1024 * MIB - disk.OVERHEAD_BYTES, 1024 * MIB])
def test_whole_disks_hold_what_is_needed_and_no_whole_unit_more(needed: int) -> None:
    size = disk.whole_disk(needed, 1024 * MIB) + disk.OVERHEAD_BYTES
    assert size % (1024 * MIB) == 0
    assert 0 <= size - disk.OVERHEAD_BYTES - needed < 1024 * MIB
