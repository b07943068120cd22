"""The store's file: who may open it, how it is opened, what SQLite's errors mean.

One process at a time holds the store, through a lock on ``<file>.lock`` that
ends with the process however it dies.  SQLite's ``unix-excl`` keeps the index of
the WAL in this process's heap: the usual shared mapping of a file kills the
process (SIGBUS) when that file becomes read-only under it.  Every connection is
checked to be in WAL mode with ``synchronous=FULL``: that, and acknowledging
after COMMIT, makes an acknowledged commit survive ``kill -9`` and power loss.

Tables: ``event`` holds each kept version of each key, numbered by
``revision * 1024 + position in its commit``; ``document`` points to the version
of every key that exists now; ``meta`` has the latest and the compacted revision.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from pathlib import Path

from heliostat.cloudstore.contract import StoreUnavailable
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.files import sync_directory

APPLICATION_ID = 0x48454C49  # "HELI"
FORMAT = 1
POSITION_BITS = 10
PAGES_KIB = 4000
"""Pages that each of the four connections keeps; the system keeps the file's pages, too.
Sixteen thousand took 12 us a random read of 60,000 documents and 1 ms a commit of ten, as this."""
CHECKED_AT_OPEN_BYTES = 512 << 20
"""Larger files are not read whole at open (about 1 s for each GB)."""

_SCHEMA = (
    "CREATE TABLE event (seq INTEGER PRIMARY KEY, key TEXT NOT NULL, created INTEGER NOT NULL,"
    " value BLOB) STRICT",
    "CREATE INDEX event_by_key ON event (key)",
    "CREATE TABLE document (key TEXT PRIMARY KEY, created INTEGER NOT NULL, seq INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID",
    "CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL,"
    " compacted INTEGER NOT NULL) STRICT",
    "INSERT INTO meta VALUES (1, 0, 0)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FORMAT}",
)


def first_seq(revision: int) -> int:
    """The smallest ``seq`` that an event of ``revision`` can have."""
    return revision << POSITION_BITS


def revision_of(seq: int) -> int:
    return seq >> POSITION_BITS


class StoreLock:
    """The right to have the store open; given back by ``release`` or the process's end."""

    def __init__(self, path: Path) -> None:
        lock_path = path.with_name(path.name + ".lock")
        try:
            self._handle = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _read_only(lock_path, error.strerror) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._handle, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._handle)
            raise PermanentError(
                "StoreUnavailable",
                f"The store {path} is already open in process {holder}.",
                hint="Stop that process first, or give this one another HELIO_HOME.",
            ) from error
        with contextlib.suppress(OSError):  # a full disk: the number is only for the message
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        os.close(self._handle)


def check_writable(path: Path) -> None:
    """Refuse a read-only file or folder with ``StoreReadOnly``.

    A file or folder without any write permission counts as read-only for root
    too: somebody marked it so, although the kernel would let root write.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _read_only(path.parent, error.strerror) from error
    for each in (path.parent, *_existing(path)):
        if not _is_writable(each):
            raise _read_only(each, "no write permission")


def prepare(path: Path) -> None:
    """Create the tables of a new store, or check an existing one.

    Raises ``StoreCorrupt`` for what is damaged, no store at all, or written by a
    newer version; ``StoreReadOnly`` and ``DiskFull`` as the disk has it.
    """
    try:
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            sync_directory(path.parent)
        connection = connect(path)
    except OSError as error:
        raise _read_only(path, error.strerror) from error
    try:
        _create_or_check(connection, path)
    except sqlite3.Error as error:
        raise translate(error, path) from error
    finally:
        connection.close()


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode whose durability settings were verified."""
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw&vfs=unix-excl",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=5.0,
        )
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        connection.execute("PRAGMA synchronous = FULL")
        synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
        if (mode, synchronous) != ("wal", 2):
            raise StoreUnavailable(
                f"SQLite opened {path} with journal mode {mode} and synchronous={synchronous},"
                " which would not keep acknowledged commits."
            )
        connection.execute(f"PRAGMA cache_size = -{PAGES_KIB}")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except (sqlite3.Error, StoreUnavailable) as error:
        if connection is not None:
            connection.close()
        raise translate(error, path) if isinstance(error, sqlite3.Error) else error from error
    return connection


def translate(error: sqlite3.Error, path: Path) -> HeliostatError:
    """What an error of SQLite means to a caller of the store."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _corrupt(path, str(error))
    if code == sqlite3.SQLITE_READONLY:
        return _read_only(path, str(error))
    if code == sqlite3.SQLITE_IOERR and not all(map(_is_writable, _existing(path))):
        return _read_only(path, "no write permission any more")
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _no_space(path)):
        return StoreUnavailable(
            f"The disk that holds {path} is full; nothing was changed.", code="DiskFull"
        )
    return StoreUnavailable(f"SQLite can't use {path}: {error}.")


def _create_or_check(connection: sqlite3.Connection, path: Path) -> None:
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if not tables and not application:
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute("COMMIT")
        return
    check_contents(connection, path, whole=path.stat().st_size <= CHECKED_AT_OPEN_BYTES)


def check_contents(connection: sqlite3.Connection, path: Path, *, whole: bool) -> None:
    """Raise ``StoreCorrupt`` for what is no store, a newer version's, or (``whole``) damaged."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise _corrupt(path, "it is no store of Heliostat")
    written = connection.execute("PRAGMA user_version").fetchone()[0]
    if written > FORMAT:
        raise _corrupt(path, f"a newer version wrote it (format {written}, known is {FORMAT})")
    if whole:
        finding = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if finding != "ok":
            raise _corrupt(path, finding)


def _corrupt(path: Path, why: str) -> HeliostatError:
    return PermanentError("StoreCorrupt", f"The store {path} can't be used: {why}.")


def _read_only(path: Path, why: str | None) -> HeliostatError:
    return StoreUnavailable(f"{path} can't be written: {why}.", code="StoreReadOnly")


def _no_space(path: Path) -> bool:
    """SQLite reports some writes without space as I/O errors."""
    with contextlib.suppress(OSError):
        space = os.statvfs(path)
        return space.f_bavail * space.f_frsize < 1 << 16
    return False


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and bool(path.stat().st_mode & 0o222)


def own_files(path: Path) -> tuple[Path, ...]:
    """Every file that a store at ``path`` may have."""
    return tuple(path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm", ".lock"))


def _existing(path: Path) -> list[Path]:
    return [each for each in own_files(path) if each.exists()]
