"""What a command is asked about: a root tree, or an image (a disk, or a container's).

Of an image only the package database and the release file are taken out, and other files
when they are asked for: a whole image of 400 MB is known in a second or two.  With
``complete`` all files are, so that they can be compared too.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from heliostat.core.errors import HeliostatError
from heliostat.os.inventory.container import INDEX, ContainerFiles
from heliostat.os.inventory.disk import file_systems
from heliostat.os.inventory.installed import DATABASES, FILE, database_in
from heliostat.os.inventory.system import System

_DISKS = (".raw", ".img", ".qcow2", ".vmdk", ".vhd", ".vdi", "box.img")
_NEEDED = {
    "usr/lib/os-release",
    "etc/os-release",
    *(f"{folder}/{name}" for folder in DATABASES for name in (FILE, f"{FILE}-wal")),
}


class Files(Protocol):
    """Where files can be taken from."""

    def take(self, names: Collection[str], root: Path) -> None: ...

    def take_all(self, root: Path) -> None: ...


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
        files = _with_database(where, root, Path(folder))
        if complete:
            shutil.rmtree(root)
            root.mkdir()
            files.take_all(root)
        yield System.read(root, complete=complete, fetch=lambda path: _fetched(files, path, root))


def _with_database(where: Path, root: Path, work: Path) -> Files:
    """The part of the image that has a database, which is taken out already."""
    for files in _parts(where, work):
        files.take(_NEEDED, root)
        if database_in(root) is not None:
            return files
    raise HeliostatError("DatabaseMissing", f"There is no package database in {where}.")


def _parts(where: Path, work: Path) -> Iterator[Files]:
    if not tarfile.is_tarfile(where):
        yield from file_systems(where, work)
        return
    with tarfile.open(where) as archive:
        member = _telling(archive)
        if member is None:
            raise HeliostatError("DatabaseMissing", f"There is no disk in the archive {where}.")
        if member.name == INDEX:
            yield ContainerFiles(where)
            return
        disk = work / f"member{Path(member.name).suffix}"
        _copy(archive, member, disk)
    yield from file_systems(disk, work)


def _fetched(files: Files, path: str, root: Path) -> Path | None:
    """A regular file of the image; None if it isn't there."""
    name = path.lstrip("/")
    files.take({name}, root)
    target = root / name
    return target if target.is_file() and not target.is_symlink() else None


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
