"""The files of a disk image, taken out with ``debugfs``: nothing is mounted."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, run

_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class DiskFiles:
    """An ext4 file system that begins at ``start`` of the disk."""

    raw: Path
    start: int

    def take(self, names: Collection[str], root: Path) -> None:
        """Copy those of the files ``names`` (``usr/bin/ls``) that are there below ``root``."""
        for name in sorted(names):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            self._ask(f'dump "/{name}" "{root / name}"')

    def take_all(self, root: Path) -> None:
        self._ask(f'rdump / "{root}"')

    def _ask(self, request: str) -> None:
        try:
            run(["debugfs", "-R", request, f"{self.raw}?offset={self.start}"], timeout_s=_TIMEOUT_S)
        except CommandFailed as error:
            if error.exit_code is None:
                raise  # it isn't installed; anything else means that there is no such file


def file_systems(disk: Path, work: Path) -> Iterator[DiskFiles]:
    """One for each partition, the largest first; ``DatabaseMissing`` if it is no disk."""
    raw = _raw(disk, work)
    return (DiskFiles(raw, start) for start in _partitions(raw))


def _raw(disk: Path, work: Path) -> Path:
    """The disk as raw bytes, under a name that ``debugfs`` takes."""
    out = work / "disk.raw"
    try:
        told = json.loads(
            run(["qemu-img", "info", "--output=json", str(disk)], timeout_s=60).stdout
        )
        if told["format"] == "raw":
            out.symlink_to(disk.resolve())
        else:
            run(["qemu-img", "convert", "-O", "raw", str(disk), str(out)], timeout_s=_TIMEOUT_S)
    except CommandFailed as error:
        raise HeliostatError(
            "DatabaseMissing", f"{disk} is no disk image that can be read: {error.message}"
        ) from error
    return out


def _partitions(raw: Path) -> list[int]:
    """Where partitions begin, in bytes; a disk without a table is one itself."""
    try:
        told = run(["sfdisk", "--json", str(raw)], timeout_s=60).stdout
    except CommandFailed:
        return [0]
    table = json.loads(told)["partitiontable"]
    sector = table.get("sectorsize", 512)
    parts = sorted(table.get("partitions", []), key=lambda part: -part["size"])
    return [part["start"] * sector for part in parts]
