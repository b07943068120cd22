"""What a command is asked about: a root tree, or a disk image that holds one.

Of an image only the package database and the release file are taken out, with
``debugfs``: nothing is mounted, and a whole image of 400 MB is known in a second or two.
With ``complete`` all files are, so that they can be compared too.
"""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, run
from heliostat.os.inventory.installed import DATABASES, FILE, database_in
from heliostat.os.inventory.system import System

_DISKS = (".raw", ".img", ".qcow2", ".vmdk", ".vhd", ".vdi", "box.img")
_RELEASES = ("usr/lib/os-release", "etc/os-release")
_TIMEOUT_S = 600.0


@contextmanager
def opened(where: Path, *, complete: bool = False) -> Iterator[System]:
    """The system at ``where``, to be used before the context ends.

    Raises ``DatabaseMissing`` if there is none in it.
    """
    if where.is_dir():
        yield System.read(where)
        return
    if not where.is_file():
        raise HeliostatError("DatabaseMissing", f"There is neither a tree nor an image {where}.")
    with tempfile.TemporaryDirectory(prefix="inventory-") as folder:
        work = Path(folder)
        raw = _raw(_disk(where, work), work)
        root = work / "root"
        root.mkdir()
        if not any(_take(raw, start, root, complete=complete) for start in _partitions(raw)):
            raise HeliostatError(
                "DatabaseMissing", f"No partition of {where} has a package database."
            )
        yield System.read(root, complete=complete)


def _disk(where: Path, work: Path) -> Path:
    """The disk itself: of an archive (OVA, GCE's, a box) the first member that is one."""
    if not tarfile.is_tarfile(where):
        return where
    with tarfile.open(where) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(_DISKS):
                out = work / f"member{Path(member.name).suffix}"
                source = archive.extractfile(member)
                assert source is not None
                with source, out.open("wb") as stream:
                    shutil.copyfileobj(source, stream, 1 << 20)
                return out
    raise HeliostatError("DatabaseMissing", f"There is no disk in the archive {where}.")


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


def _take(raw: Path, start: int, root: Path, *, complete: bool) -> bool:
    """Take the database, or all, out of the file system at ``start``; whether it has one."""
    for folder in DATABASES:
        (root / folder).mkdir(parents=True, exist_ok=True)
        _dump(raw, start, f"{folder}/{FILE}", root)
    if database_in(root) is None:
        return False
    if complete:
        shutil.rmtree(root)
        root.mkdir()
        _debugfs(raw, start, f'rdump / "{root}"')
    for name in _RELEASES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if not complete:
            _dump(raw, start, name, root)
    return True


def _dump(raw: Path, start: int, name: str, root: Path) -> None:
    """Copy one file; nothing happens if it isn't there."""
    _debugfs(raw, start, f'dump "/{name}" "{root / name}"')
    path = root / name
    if path.is_file() and not path.stat().st_size:
        path.unlink()


def _debugfs(raw: Path, start: int, request: str) -> None:
    try:
        run(["debugfs", "-R", request, f"{raw}?offset={start}"], timeout_s=_TIMEOUT_S)
    except CommandFailed as error:
        if error.exit_code is None:
            raise
