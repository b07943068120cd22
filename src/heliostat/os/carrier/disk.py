"""A disk image as raw bytes, and the file systems in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from heliostat.core.process import CommandFailed, run
from heliostat.os.carrier.disk_format import Refused, format_of
from heliostat.os.carrier.filesystem import DiskFiles
from heliostat.os.carrier.refusal import not_a_system, require_room

_ROOT_TYPES = (
    "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",  # root, x86-64
    "0FC63DAF-8483-4772-8E79-3D69D8477DE4",  # Linux files
    "83",  # the same in an MBR
)
_LONGEST_DISK = 8 << 40
_MAGIC_AT, _EXT_MAGIC = 1024 + 56, b"\x53\xef"
_TIMEOUT_S = 600.0


def file_systems(disk: Path, work: Path, subject: Path) -> list[DiskFiles]:
    """Every ext2, 3 or 4 in the image ``disk``, what is likely the root first.

    ``NotASystem`` (of ``subject``, which may be around the disk) if there is none.
    """
    raw = _raw(disk, work, subject)
    starts = [0] if _is_ext(raw, 0) else [*_partitions(raw, subject)]
    found = [DiskFiles(subject, raw, start, work) for start in starts if _is_ext(raw, start)]
    if not found:
        raise not_a_system(subject, "none of its partitions is an ext4 root")
    return found


def _raw(disk: Path, work: Path, subject: Path) -> Path:
    """The disk as raw bytes, under a name that every program takes."""
    out = work / "disk.raw"
    try:
        kind = format_of(disk)
    except Refused as error:
        raise not_a_system(subject, str(error)) from error
    if kind == "raw":
        out.symlink_to(disk.resolve())
        return out
    node = _node(kind, disk)
    try:
        measure = ["qemu-img", "measure", "--output=json", "-O", "qcow2", node]
        measured = json.loads(run(measure, timeout_s=_TIMEOUT_S).stdout)
        require_room(subject, int(measured["required"]), work)
        if int(measured["fully-allocated"]) > _LONGEST_DISK:
            raise not_a_system(subject, "its disk is larger than any of ours can be")
        run(["qemu-img", "convert", "-O", "raw", node, str(out)], timeout_s=_TIMEOUT_S)
    except CommandFailed as error:
        raise not_a_system(subject, f"qemu-img can't read it ({error.message})") from error
    return out


def _node(kind: str, disk: Path) -> str:
    """The image for QEMU with its format given: neither guessed, nor anything else opened."""
    node: dict[str, Any] = {"driver": kind, "read-only": True}
    node["file"] = {"driver": "file", "filename": str(disk.resolve()), "read-only": True}
    if kind in ("qcow2", "vmdk"):
        node["backing"] = None
    return "json:" + json.dumps(node)


def _partitions(raw: Path, subject: Path) -> Iterator[int]:
    """Where partitions begin, in bytes: those for a root first, of these the largest."""
    try:
        table = json.loads(run(["sfdisk", "--json", str(raw)], timeout_s=60).stdout)
    except CommandFailed as error:
        if error.exit_code is None:
            raise
        raise not_a_system(subject, "it has no partition table and is no ext4 itself") from error
    told = table["partitiontable"]
    sector = int(told.get("sectorsize", 512))
    for part in sorted(told.get("partitions", ()), key=_preference):
        yield int(part["start"]) * sector


def _preference(partition: dict[str, Any]) -> tuple[int, int]:
    kind = str(partition["type"]).upper()
    rank = _ROOT_TYPES.index(kind) if kind in _ROOT_TYPES else len(_ROOT_TYPES)
    return rank, -int(partition["size"])


def _is_ext(raw: Path, start: int) -> bool:
    """The magic number of ext2, 3 and 4 stands in the superblock."""
    with raw.open("rb") as stream:
        stream.seek(start + _MAGIC_AT)
        return stream.read(2) == _EXT_MAGIC
