"""What a command is asked about: a root tree, or an image (a disk, or a container's).

Of an image only the package database and the release file are taken out, with
``debugfs``: nothing is mounted, and a whole image of 400 MB is known in a second or two.
With ``complete`` all files are, so that they can be compared too.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, run
from heliostat.os.inventory.container import INDEX, unpack
from heliostat.os.inventory.installed import DATABASES, FILE, database_in
from heliostat.os.inventory.system import System

_DISKS = (".raw", ".img", ".qcow2", ".vmdk", ".vhd", ".vdi", "box.img")
_RELEASES = ("usr/lib/os-release", "etc/os-release")
_NEEDED = {*_RELEASES, *(f"{folder}/{FILE}" for folder in DATABASES)}
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
        root = Path(folder) / "root"
        root.mkdir()
        if not _taken(where, root, Path(folder), complete=complete):
            raise HeliostatError("DatabaseMissing", f"There is no package database in {where}.")
        yield System.read(root, complete=complete)


def _taken(where: Path, root: Path, work: Path, *, complete: bool) -> bool:
    """Take out of the image what is needed; whether it has a database."""
    if not tarfile.is_tarfile(where):
        return _take_of_disk(where, root, work, complete=complete)
    with tarfile.open(where) as archive:
        member = _telling(archive)
        if member is not None and member.name == INDEX:
            unpack(archive, root, lambda path: complete or path in _NEEDED)
            return database_in(root) is not None
        if member is None:
            raise HeliostatError("DatabaseMissing", f"There is no disk in the archive {where}.")
        disk = work / f"member{Path(member.name).suffix}"
        _copy(archive, member, disk)
    return _take_of_disk(disk, root, work, complete=complete)


def _telling(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    """The first member that tells what it is: a disk, or the index of a container image."""
    for member in archive:
        if member.isfile() and (member.name == INDEX or member.name.endswith(_DISKS)):
            return member
    return None


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, out: Path) -> None:
    """A disk is mostly holes, and stays so."""
    source = archive.extractfile(member)
    assert source is not None
    with source, out.open("wb") as stream:
        while chunk := source.read(1 << 20):
            if chunk.count(0) == len(chunk):
                stream.seek(len(chunk), os.SEEK_CUR)
            else:
                stream.write(chunk)
        stream.truncate(member.size)


def _take_of_disk(disk: Path, root: Path, work: Path, *, complete: bool) -> bool:
    raw = _raw(disk, work)
    return any(_take(raw, start, root, complete=complete) for start in _partitions(raw))


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
