"""Copies of the store's file: taken while it is in use, and put back.

A copy is made in one read transaction, so it is the store as of one revision with
the history kept until then; commits go on meanwhile.  It is checked whole before
it gets its name: a damaged store never replaces an older, good copy.  A store is
put back with ``restore``, not by copying: a WAL that stayed behind from the file
replaced would be replayed into the copy.  All functions block on the disk.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from heliostat.cloudstore.sqlite_file import (
    StoreLock,
    check_contents,
    check_writable,
    own_files,
    translate,
)
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.files import sync_directory

LEAP = 10_000_000
"""Revisions skipped by ``restore``: more than a day of commits without pause."""

REPLACED = ".replaced"
"""What ``restore`` adds to the name of the file that it replaces."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A checked copy: the store as of ``revision``."""

    path: Path
    revision: int
    size_bytes: int


def take(connection: sqlite3.Connection, store: Path, target: Path) -> Copy:
    """Copy the store that ``connection`` reads to ``target``, replacing an older copy there.

    Raises ``BackupFailed`` or ``DiskFull`` when ``target`` can't be written, and
    ``StoreCorrupt`` when the store is damaged; ``target`` is then as it was.
    """
    if target.resolve() in own_files(store):
        raise _failed(target, "that file belongs to the store itself")
    with _staged(target) as staged:
        with closing(sqlite3.connect(staged, isolation_level=None)) as copy:
            copy.execute("PRAGMA journal_mode = OFF")
            copy.execute("PRAGMA synchronous = OFF")
            connection.backup(copy)
        revision = _check(staged, store)
        size_bytes = staged.stat().st_size
        _put_in_place(staged, target)
    return Copy(target, revision, size_bytes)


def restore(copy: Path, store: Path) -> Copy:
    """Make ``copy`` the store at ``store``; what was there stays beside it as ``*.replaced``.

    Its revisions go on ``LEAP`` above the copy's.

    Raises ``StoreCorrupt`` when the copy is none or damaged, ``StoreUnavailable``
    when a process has the store open, ``StoreReadOnly``, ``DiskFull``, and
    ``BackupFailed`` when the copy can't be read.
    """
    store = store.resolve()
    if copy.resolve() in own_files(store):
        raise _failed(copy, "that file belongs to the store itself")
    if not copy.is_file():
        raise _failed(copy, "there is no such file")
    check_writable(store)
    lock = StoreLock(store)
    try:
        with _staged(store) as staged:
            shutil.copyfile(copy, staged)
            revision = _check(staged, copy)
            _leap(staged)
            size_bytes = staged.stat().st_size
            # The store first: without it a WAL left behind by a crash is never replayed.
            for suffix in ("", "-wal"):
                old = store.with_name(store.name + suffix)
                aside = store.with_name(store.name + REPLACED + suffix)
                aside.unlink(missing_ok=True)
                if old.exists():
                    old.replace(aside)
            _put_in_place(staged, store)
    finally:
        lock.release()
    return Copy(store, revision, size_bytes)


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """A new private file beside ``target``, removed unless it got its name."""
    staged: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
        staged = Path(name)
        yield staged
    except sqlite3.Error as error:
        raise translate(error, target) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise HeliostatError(
                "DiskFull",
                f"The disk that holds {target.parent} has no room for a copy of the store.",
                hint="Free space there, or choose a folder on another disk.",
            ) from error
        raise _failed(target, error.strerror or str(error)) from error
    finally:
        if staged is not None:
            staged.unlink(missing_ok=True)


def _check(copy: Path, named: Path) -> int:
    """The revision of a copy found good; errors name the file that it came from."""
    address = f"{copy.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            check_contents(connection, named, whole=True)
            revision: int = connection.execute("SELECT revision FROM meta").fetchone()[0]
            return revision
    except sqlite3.Error as error:
        raise translate(error, named) from error


def _leap(staged: Path) -> None:
    """Let revisions go on above all that the lost store can have given after the copy.

    They fence: whoever remembers one of the lost store (an agent, a page link)
    must see every later commit as newer.
    """
    with closing(sqlite3.connect(staged, isolation_level=None)) as connection:
        connection.execute("UPDATE meta SET revision = revision + ?", (LEAP,))


def _put_in_place(staged: Path, target: Path) -> None:
    with staged.open("rb") as stream:
        os.fsync(stream.fileno())
    staged.replace(target)
    sync_directory(target.parent)


def _failed(path: Path, why: str) -> HeliostatError:
    return PermanentError("BackupFailed", f"{path} can't be used for a copy of the store: {why}.")
