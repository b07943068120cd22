"""Reading the store's file through one connection.

Each method sees one consistent state, however much is written meanwhile: either
it is a single statement, or it runs inside one read transaction.  Blocking; the
store decides which thread calls it.  A reader is used by one thread at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heliostat.cloudstore.contract import (
    Compacted,
    Document,
    Event,
    FutureRevision,
    Page,
    Version,
)
from heliostat.cloudstore.keyspace import prefix_end
from heliostat.cloudstore.sqlite_copy import Copy, take
from heliostat.cloudstore.sqlite_file import connect, first_seq, revision_of, translate

EVENTS_A_READ = 1000

_GET = (
    "SELECT e.value, d.created, d.seq FROM document d CROSS JOIN event e ON e.seq = d.seq"
    " WHERE d.key = ?"
)
_GET_AT = (
    "SELECT value, created, seq FROM event WHERE key = ? AND seq < ? ORDER BY seq DESC LIMIT 1"
)
_LIST = (
    "SELECT * FROM"
    " (SELECT d.key, e.value, d.created, d.seq FROM document d"
    "  CROSS JOIN event e ON e.seq = d.seq WHERE d.key >= ? AND d.key < ? ORDER BY d.key LIMIT ?)"
    " UNION ALL SELECT NULL, NULL, revision, 0 FROM meta"
)
"""The page, and after it the revision it is of: one statement, so a snapshot without BEGIN."""
_LIST_AT = (
    "SELECT g.key, e.value, e.created, g.seq FROM"
    " (SELECT key, max(seq) AS seq FROM event INDEXED BY event_by_key"
    "  WHERE key >= ? AND key < ? AND seq < ? GROUP BY key ORDER BY key) g"
    " CROSS JOIN event e ON e.seq = g.seq WHERE e.value IS NOT NULL LIMIT ?"
)
_EVENTS = (
    "SELECT key, value, seq FROM event NOT INDEXED"
    " WHERE seq >= ? AND seq < ? AND key >= ? AND key < ? ORDER BY seq LIMIT ?"
)


class Reader:
    """One read-only connection."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = connect(path, read_only=True)

    def close(self) -> None:
        self._connection.close()

    def revision(self) -> int:
        with self._translated():
            return self._meta()[0]

    def get(self, key: str) -> Document | None:
        with self._translated():
            row = self._connection.execute(_GET, (key,)).fetchone()
        return None if row is None else Document(key, row[0], row[1], revision_of(row[2]))

    def get_at(self, key: str, revision: int) -> Document | None:
        with self._snapshot():
            self._check(revision)
            row = self._connection.execute(_GET_AT, (key, first_seq(revision + 1))).fetchone()
        if row is None or row[0] is None:
            return None
        return Document(key, row[0], row[1], revision_of(row[2]))

    def list(self, prefix: str, limit: int, after: str | None, at_revision: int | None) -> Page:
        # One lower bound: SQLite would use the wrong one of two and read everything between.
        start = prefix if after is None else max(prefix, after + "\0")
        bounds = (start, prefix_end(prefix))
        if at_revision is None:
            with self._translated():
                rows = self._connection.execute(_LIST, (*bounds, limit + 1)).fetchall()
            revision = rows.pop()[2]
        else:
            with self._snapshot():
                revision = self._check(at_revision)
                upto = first_seq(revision + 1)
                rows = self._connection.execute(_LIST_AT, (*bounds, upto, limit + 1)).fetchall()
        items = tuple(Document(key, v, c, revision_of(seq)) for key, v, c, seq in rows[:limit])
        more = len(rows) > limit
        return Page(items, (items[-1].key if items else after) if more else None, revision)

    def history(self, key: str) -> tuple[Version, ...]:
        with self._translated():
            rows = self._connection.execute(
                "SELECT value, seq FROM event WHERE key = ? ORDER BY seq", (key,)
            ).fetchall()
        return tuple(Version(value, revision_of(seq)) for value, seq in rows)

    def events(self, prefix: str, after: int, upto: int) -> tuple[tuple[Event, ...], int]:
        """Kept events of whole commits after one revision, and the revision they reach."""
        window = (first_seq(after + 1), first_seq(upto + 1), prefix, prefix_end(prefix))
        with self._snapshot():
            self._check(after)
            rows = self._connection.execute(_EVENTS, (*window, EVENTS_A_READ)).fetchall()
        events = [Event(key, value, revision_of(seq)) for key, value, seq in rows]
        if len(events) < EVENTS_A_READ:
            return tuple(events), upto
        # The last commit may be cut off; it comes with the next read.
        last = events[-1].revision
        return tuple(event for event in events if event.revision < last), last - 1

    def copy_to(self, target: Path) -> Copy:
        """Write the store as it is now to ``target``; see ``sqlite_copy.take``."""
        return take(self._connection, self._path, target)

    def check_exists(self, revision: int) -> None:
        """Raise ``Compacted`` or ``FutureRevision`` unless ``revision`` can be read."""
        with self._snapshot():
            self._check(revision)

    def _check(self, revision: int) -> int:
        latest, compacted = self._meta()
        if revision < compacted:
            raise Compacted(revision, compacted)
        if revision > latest:
            raise FutureRevision(revision, latest)
        return revision

    def _meta(self) -> tuple[int, int]:
        latest, compacted = self._connection.execute(
            "SELECT revision, compacted FROM meta"
        ).fetchone()
        return latest, compacted

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        with self._translated():
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("COMMIT")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translate(error, self._path) from error
