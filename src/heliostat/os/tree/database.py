"""RPM's database in a tree: compared with its files by ``rpm``, and laid down canonically.

The database is SQLite.  Its rows follow from the transaction, but the file also keeps
counters, free pages and a write-ahead log; rewriting it leaves only what follows from
the rows, so that equal trees have equal databases.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from heliostat.core.process import CommandFailed, run
from heliostat.os.tree.transaction import DATABASE

_TIMEOUT_S = 600.0
_FILE = "rpmdb.sqlite"
# RPM makes these again whenever it needs them
_PASSING = (".rpm.lock", "rpmdb.sqlite-shm", "rpmdb.sqlite-wal")


def database_of(root: Path) -> Path:
    """The folder of the database."""
    return root / DATABASE.lstrip("/")


@contextmanager
def in_memory(root: Path) -> Iterator[None]:
    """Keep the database of a tree that is being made in memory meanwhile.

    RPM forces each package's rows to the disk, one after the other: 1.5 s of a transaction
    of 230.  A tree that isn't whole is thrown away, so it needs none of that.
    """
    folder = database_of(root)
    _make_folders(root, folder)
    run(["mount", "-t", "tmpfs", "-o", "mode=0755", "rpm-database", str(folder)], timeout_s=60)
    with TemporaryDirectory(prefix=".database-", dir=root) as name:  # it goes with the tree
        kept = Path(name)
        try:
            yield
            for each in folder.iterdir():
                shutil.copy2(each, kept / each.name)
        finally:
            run(["umount", str(folder)], timeout_s=60)
        for each in kept.iterdir():
            each.rename(folder / each.name)


def _make_folders(root: Path, folder: Path) -> None:
    """``folder`` and those above it up to ``root``, with the mode that RPM gives to such."""
    inside = folder.relative_to(root)
    for each in reversed([inside, *inside.parents]):
        path = root / each
        if not path.exists():
            path.mkdir()
            path.chmod(0o755)  # whatever our own umask is


def settle(root: Path) -> None:
    """Make the database a function of its rows."""
    folder = database_of(root)
    with closing(sqlite3.connect(folder / _FILE, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("VACUUM")
    for name in _PASSING:
        (folder / name).unlink(missing_ok=True)


def verify(root: Path, arguments: Sequence[str]) -> list[str]:
    """The lines of complaint of ``rpm --verify --all``; takes root, since it enters the tree."""
    options = ["--root", str(root), "--dbpath", DATABASE, "--verify", "--all"]
    try:
        said = _asked(root, [*options, *arguments])
    except CommandFailed as error:  # so it ends if it complains of anything
        said = error.stdout + error.stderr
    return [line for line in said.splitlines() if line.strip()]


def _asked(root: Path, arguments: Sequence[str]) -> str:
    try:
        return run(["rpm", *arguments], timeout_s=_TIMEOUT_S).stdout
    finally:
        for name in _PASSING:
            (database_of(root) / name).unlink(missing_ok=True)
