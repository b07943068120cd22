"""What a command is asked about: a root tree, or an image (a disk, or a container's).

Of an image only the package database and the release file are taken out, and other files
when they are asked for: a whole image of 400 MB is known in a second or two.  With
``complete`` all files are, so that they can be compared too.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.carrier.layout import is_layout
from heliostat.os.carrier.opening import Files, parts
from heliostat.os.inventory.installed import DATABASES, FILE, database_in
from heliostat.os.inventory.system import System

_NEEDED = {
    "usr/lib/os-release",
    "etc/os-release",
    *(f"{folder}/{name}" for folder in DATABASES for name in (FILE, f"{FILE}-wal")),
}


@contextmanager
def opened(where: Path, *, complete: bool = False) -> Iterator[System]:
    """The system at ``where``, to be used before the context ends.

    Raises ``DatabaseMissing`` if it has no package database, ``NotASystem`` if it is
    nothing that could have one.
    """
    if where.is_dir() and not is_layout(where):
        yield System.read(where)
        return
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
    for files in parts(where, work):
        files.take(_NEEDED, root)
        if database_in(root) is not None:
            return files
    raise HeliostatError("DatabaseMissing", f"There is no package database in {where}.")


def _fetched(files: Files, path: str, root: Path) -> Path | None:
    """A regular file of the image; None if it isn't there."""
    name = path.lstrip("/")
    if ".." in name.split("/"):
        return None  # no path of a file; and it would lead out of where it is put
    files.take({name}, root)
    target = root / name
    return target if target.is_file() and not target.is_symlink() else None
