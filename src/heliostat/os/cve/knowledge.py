"""The database of knowledge: one SQLite file.

A file is imported in one transaction: all of it or nothing, and never twice (files are
known by their SHA-256), so an interrupted import goes on with the file it was at.
Records of a source replace what they said before; an older record never replaces a newer
one, so the order of files does not matter; the tracker's snapshots tell no time, and the one
that was imported last counts.  Readers see the state before or after a file.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from urllib.parse import quote

from heliostat.core.errors import HeliostatError
from heliostat.os.cve.feeds.detection import Feed, Form, recognised
from heliostat.os.cve.feeds.unreadable import unreadable
from heliostat.os.cve.migration import from_format_1
from heliostat.os.cve.severity import Severity
from heliostat.os.cve.statement import Entry, Knowledge, Standing, Statement, Vulnerability
from heliostat.os.cve.versions import Scheme

FORMAT = 2
_BUSY_S = 120
_STATEMENT = tuple(field.name for field in fields(Statement))
_VULNERABILITY = tuple(field.name for field in fields(Vulnerability))
_SCHEMA = f"""
CREATE TABLE files (digest TEXT PRIMARY KEY, name TEXT, form TEXT, entries INT, replaces TEXT);
CREATE TABLE records (
  knowledge TEXT, record TEXT, modified TEXT, PRIMARY KEY (knowledge, record)) WITHOUT ROWID;
CREATE TABLE vulnerabilities ({", ".join(_VULNERABILITY)}, record TEXT);
CREATE TABLE statements ({", ".join(_STATEMENT)}, record TEXT);
CREATE INDEX vulnerability_of ON vulnerabilities (id);
CREATE INDEX vulnerability_from ON vulnerabilities (knowledge, record);
CREATE INDEX statement_of ON statements (package, ecosystem);
CREATE INDEX statement_from ON statements (knowledge, record);
CREATE INDEX statement_about ON statements (vulnerability);
PRAGMA user_version = {FORMAT};
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file."""

    path: str
    form: str
    entries: int
    already: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A file that was imported at some time."""

    name: str
    form: str
    entries: int
    digest: str


class KnowledgeBase:
    """An open database; close it, or use it in a ``with`` block."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        if not create and not path.exists():
            raise HeliostatError("KnowledgeMissing", f"Nothing was imported yet: no {path}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._connection = _connected(path, create=create)
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> KnowledgeBase:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def add(self, path: Path) -> Imported:
        """Import a file; ``KnowledgeUnreadable`` leaves everything as it was."""
        digest = _digest(path)
        row = self._connection.execute(
            "SELECT form, entries FROM files WHERE digest = ?", (digest,)
        ).fetchone()
        if row is not None:
            return Imported(str(path), row[0], row[1], already=True)
        feed = recognised(path)
        with self._transaction():
            count = self._take_in(feed, path)
            replaced = feed.replaces.value if feed.replaces else None
            self._connection.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
                (digest, path.name, feed.form.value, count, replaced),
            )
        return Imported(str(path), feed.form.value, count, already=False)

    def files(self) -> list[Known]:
        rows = self._connection.execute(
            "SELECT name, form, entries, digest FROM files ORDER BY form, name, digest"
        )
        return [Known(*row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Statements by source of knowledge, and vulnerabilities in all."""
        rows = self._connection.execute(
            "SELECT knowledge, count(*) FROM statements GROUP BY knowledge ORDER BY knowledge"
        )
        distinct = "SELECT count(DISTINCT vulnerability) FROM statements"
        return {**dict(rows), "vulnerabilities": self._connection.execute(distinct).fetchone()[0]}

    def statements(self, packages: Iterable[str]) -> Iterator[Statement]:
        """All that is said about packages of these names, in a fixed order."""
        columns = ", ".join(_STATEMENT)
        query = (
            f"SELECT DISTINCT {columns} FROM statements WHERE package = ? "  # noqa: S608
            "ORDER BY vulnerability, knowledge, ecosystem, introduced, fixed, last_affected, note"
        )
        for package in sorted(set(packages)):
            for row in self._connection.execute(query, (package,)):
                yield _statement(row)

    def about(self, vulnerability: str) -> tuple[list[Vulnerability], list[Statement]]:
        """All that is known of one id."""
        said = self._connection.execute(
            f"SELECT DISTINCT {', '.join(_STATEMENT)} FROM statements WHERE vulnerability = ? "  # noqa: S608
            "ORDER BY knowledge, ecosystem, package, introduced, fixed",
            (vulnerability,),
        )
        return self._vulnerabilities(vulnerability), [_statement(row) for row in said]

    def described(self, ids: Iterable[str]) -> dict[str, list[Vulnerability]]:
        """What sources tell of each vulnerability."""
        return {identity: self._vulnerabilities(identity) for identity in ids}

    def _vulnerabilities(self, identity: str) -> list[Vulnerability]:
        rows = self._connection.execute(
            f"SELECT DISTINCT {', '.join(_VULNERABILITY)} FROM vulnerabilities WHERE id = ? "  # noqa: S608
            "ORDER BY knowledge, modified DESC, score DESC, summary",
            (identity,),
        )
        return [_vulnerability(row) for row in rows]

    def _prepare(self) -> None:
        try:
            # in one query, so that another process that makes the tables is seen before or after
            both = (
                "SELECT user_version, (SELECT count(*) FROM sqlite_master) FROM pragma_user_version"
            )
            version, tables = self._connection.execute(both).fetchone()
            if version == 0 and tables:
                raise unreadable(str(self.path), "it is the database of another program")
            if version == 1:
                with self._transaction():
                    from_format_1(self._connection)
            elif version not in (0, FORMAT):
                raise unreadable(str(self.path), f"it has the format {version}, not {FORMAT}")
            if version == 0:
                with _faults_told(self.path):
                    self._connection.execute("PRAGMA journal_mode = WAL")
                    self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        except sqlite3.DatabaseError as error:
            if "already exists" in str(error):  # another process was first
                self._connection.rollback()
                return
            raise unreadable(str(self.path), f"it is not our database ({error})") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _faults_told(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk has ended it already
                    self._connection.execute("ROLLBACK")
                raise

    def _take_in(self, feed: Feed, path: Path) -> int:
        if feed.replaces is not None:
            self._forget(feed.replaces)
        count = 0
        for entry in feed.entries:
            count += 1
            if self._is_news(entry):
                self._replace(entry)
        if count == 0 and feed.form not in (Form.PACKAGE, Form.CHANGELOG):
            raise unreadable(str(path), "there is nothing in it")
        return count

    def _forget(self, knowledge: Knowledge) -> None:
        for table in ("statements", "vulnerabilities", "records"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE knowledge = ?",  # noqa: S608
                (knowledge.value,),
            )
        self._connection.execute("DELETE FROM files WHERE replaces = ?", (knowledge.value,))

    def _is_news(self, entry: Entry) -> bool:
        row = self._connection.execute(
            "SELECT modified FROM records WHERE knowledge = ? AND record = ?",
            (entry.knowledge.value, entry.record),
        ).fetchone()
        return row is None or row[0] <= entry.modified

    def _replace(self, entry: Entry) -> None:
        key = (entry.knowledge.value, entry.record)
        run = self._connection.execute
        run("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", (*key, entry.modified))
        for table in ("statements", "vulnerabilities"):
            run(f"DELETE FROM {table} WHERE knowledge = ? AND record = ?", key)  # noqa: S608
        statements = [each for each in entry.facts if isinstance(each, Statement)]
        others = [each for each in entry.facts if isinstance(each, Vulnerability)]
        for table, kind, facts in (
            ("statements", _STATEMENT, statements),
            ("vulnerabilities", _VULNERABILITY, others),
        ):
            marks = ", ".join("?" * (len(kind) + 1))
            self._connection.executemany(
                f"INSERT INTO {table} VALUES ({marks})",  # noqa: S608
                [(*attrgetter(*kind)(fact), entry.record) for fact in facts],
            )


def _connected(path: Path, *, create: bool) -> sqlite3.Connection:
    """A database on a medium that nobody can write to is read as it lies."""
    if create or os.access(path.parent, os.W_OK):
        return sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
    uri = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    return sqlite3.connect(uri, uri=True, isolation_level=None)


@contextmanager
def _faults_told(path: Path) -> Iterator[None]:
    """What keeps SQLite from writing, in words of ours; the database is as before."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            told = f"The disk of {path} has no room for what is imported; nothing of the file was."
            raise HeliostatError("DiskFull", told, hint="Free some, and import again.") from error
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            told = f"Another import has {path} to itself for more than {_BUSY_S} seconds."
            raise HeliostatError("KnowledgeBusy", told) from error
        raise


def _statement(row: tuple[str, ...]) -> Statement:
    vulnerability, knowledge, ecosystem, package, scheme, standing, *rest = row
    return Statement(
        vulnerability,
        Knowledge(knowledge),
        ecosystem,
        package,
        Scheme(scheme),
        Standing(standing),
        *rest,
    )


def _vulnerability(row: tuple[str, ...]) -> Vulnerability:
    identity, knowledge, summary, score, vector, severity, published, modified = row
    number = None if score is None else float(score)
    return Vulnerability(
        identity,
        Knowledge(knowledge),
        summary,
        number,
        vector,
        Severity(severity),
        published,
        modified,
    )


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(str(path), f"it can't be read ({error.strerror})") from error
