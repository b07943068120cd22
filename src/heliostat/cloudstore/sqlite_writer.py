"""Writing the store's file, with group commit.

Commits that wait while one is being made durable share the next transaction,
and so one fsync.  Each keeps its own guards, evaluated in order against what the
earlier ones wrote; a commit whose guard fails changes nothing and does not hurt
the others.  Outcomes are handed over only after COMMIT has returned, in revision
order.  Lives as long as the store is open.

The statements run in the event loop and only COMMIT, which waits for the disk, in a
thread: a thread that runs statements takes the interpreter's lock after each, and
beside a busy loop waits up to 5 ms for it every time (numbers in the design note).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from heliostat.cloudstore.contract import (
    Absent,
    AtRevision,
    Change,
    Document,
    Event,
    Guard,
    GuardFailed,
    PrefixEmpty,
    PrefixUnchanged,
    Put,
    ValueIs,
)
from heliostat.cloudstore.keyspace import prefix_end
from heliostat.cloudstore.sqlite_file import connect, first_seq, revision_of, translate

GROUP_COMMITS = 512
GROUP_CHANGES = 1024
"""Changes after which a group is full: they hold the event loop for about 15 ms."""
COMPACTED_REVISIONS = 2000
"""Revisions forgotten in one transaction, so that commits get in between."""
SCANNED_REVISIONS = 256
"""A guard on a prefix looks through the latest events up to this many revisions back."""

EventRow = tuple[int, str, int, bytes | None]
_ON_EVENTS = (ValueIs, PrefixUnchanged)
"""The guards that are evaluated on events."""

Token = TypeVar("Token")


@dataclass(frozen=True, slots=True)
class Submission(Generic[Token]):
    """A commit that waits for its turn; ``token`` is the caller's, handed back."""

    token: Token
    guards: Sequence[Guard]
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class Compaction(Generic[Token]):
    """Forget what only readers before ``revision`` need, or the next slice of it."""

    token: Token
    revision: int


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Token]):
    """What became of a submission: ``revision`` with its ``events``, or ``error``.

    ``documents`` are those that it wrote, but for empty ones (entries of indexes).
    """

    token: Token
    revision: int
    events: Sequence[Event] = ()
    documents: Sequence[Document] = ()
    error: Exception | None = None


Work = Submission[Token] | Compaction[Token]


class Owner(Protocol[Token]):
    """The store, as its writer sees it; called in the event loop."""

    def about_to_write(self, keys: Iterable[str], revision: int) -> None:
        """These keys may have other documents in the file from now on, up to ``revision``."""

    def deliver(self, outcomes: Sequence[Outcome[Token]]) -> None:
        """What became of everything that was begun."""


class Writer(Generic[Token]):
    """Owns the writing connection; all but ``stop`` is called in the event loop."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop, owner: Owner[Token]) -> None:
        """May be made in another thread than that of ``loop``."""
        self._path = path
        self._loop = loop
        self._owner = owner
        self._waiting: deque[Work[Token]] = deque()
        self._alone: deque[Submission[Token]] = deque()
        self._busy = False
        self._idle: asyncio.Future[None] | None = None
        self._connection = connect(path)
        self._revision, self._compacted = self._meta()
        self.started_at = self._revision
        self._slow: SimpleQueue[Callable[[], Callable[[], None]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="cloudstore-writer", daemon=True)
        self._thread.start()

    @property
    def compacted(self) -> int:
        """The oldest revision that can be read."""
        return self._compacted

    def submit(self, work: Work[Token]) -> None:
        self._waiting.append(work)
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._next)  # not at once: what comes in this turn joins in

    async def finished(self) -> None:
        """Return when everything submitted so far was delivered."""
        if self._busy:
            self._idle = self._loop.create_future()
            await self._idle

    def stop(self) -> None:
        """End the thread and close the file; blocks."""
        self._slow.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        """The thread: what may take long, one after the other; its end goes to the loop."""
        while (job := self._slow.get()) is not None:
            following = job()
            with contextlib.suppress(RuntimeError):  # the loop ended without closing the store
                self._loop.call_soon_threadsafe(following)

    def _next(self) -> None:
        """Begin with the next work, or be idle."""
        if self._alone:
            self._write([self._alone.popleft()])
        elif not self._waiting:
            self._busy = False
            if self._idle is not None and not self._idle.done():
                self._idle.set_result(None)
        elif isinstance(work := self._waiting[0], Compaction):
            self._waiting.popleft()
            self._slow.put(lambda: self._compacting(work))
        else:
            self._write(self._gather())

    def _gather(self) -> list[Submission[Token]]:
        """The commits that wait, up to a full group or the next compaction."""
        group: list[Submission[Token]] = []
        changes = 0
        while self._waiting and len(group) < GROUP_COMMITS and changes < GROUP_CHANGES:
            if isinstance(following := self._waiting[0], Compaction):
                break
            self._waiting.popleft()
            group.append(following)
            changes += len(following.changes)
        return group

    def _write(self, group: Sequence[Submission[Token]]) -> None:
        """Run a group's statements, then have it made durable."""
        try:
            revision, outcomes = self._transact(group)
        except Exception as error:
            self._failed(group, error)
        else:
            keys = [event.key for each in outcomes for event in each.events]
            self._owner.about_to_write(keys, revision)
            self._slow.put(lambda: self._committing(group, revision, outcomes))

    def _committing(
        self, group: Sequence[Submission[Token]], revision: int, outcomes: list[Outcome[Token]]
    ) -> Callable[[], None]:
        """In the thread: wait for the disk."""
        try:
            self._connection.execute("COMMIT")
        except Exception as error:
            failure = error
            return lambda: self._failed(group, failure)
        return lambda: self._committed(revision, outcomes)

    def _committed(self, revision: int, outcomes: list[Outcome[Token]]) -> None:
        self._revision = revision
        self._owner.deliver(outcomes)
        self._next()

    def _failed(self, group: Sequence[Submission[Token]], error: Exception) -> None:
        self._recover()
        if _is_full(error) and len(group) > 1:
            # A large commit that no longer fits must not take small ones with it.
            self._alone.extend(group)
        else:
            reason = self._reason(error)
            self._owner.deliver(
                [Outcome(each.token, self._revision, error=reason) for each in group]
            )
        self._loop.call_soon(self._next)

    def _compacting(self, work: Compaction[Token]) -> Callable[[], None]:
        """In the thread: one slice."""
        outcome = self._compact(work)
        return lambda: self._compacted_to(outcome)

    def _compacted_to(self, outcome: Outcome[Token]) -> None:
        self._owner.deliver([outcome])
        self._next()

    def _transact(self, group: Sequence[Submission[Token]]) -> tuple[int, list[Outcome[Token]]]:
        """The statements of a group's transaction, up to COMMIT; what then will be so."""
        self._connection.execute("BEGIN IMMEDIATE")
        outcomes: list[Outcome[Token]] = []
        revision = self._revision
        rows: list[EventRow] = []
        for each in group:
            if rows and any(isinstance(guard, _ON_EVENTS) for guard in each.guards):
                self._add(rows)
            failed = next((g for g in each.guards if not self._holds(g, revision)), None)
            if failed is not None:
                outcomes.append(Outcome(each.token, revision, error=GuardFailed(failed)))
                continue
            events, documents = self._apply(each.changes, revision + 1, rows)
            revision += 1 if events else 0
            outcomes.append(Outcome(each.token, revision, events, documents))
        self._add(rows)
        if revision != self._revision:
            self._connection.execute("UPDATE meta SET revision = ?", (revision,))
        return revision, outcomes

    def _add(self, rows: list[EventRow]) -> None:
        """Insert what ``_apply`` has collected: one call for all of them."""
        self._connection.executemany("INSERT INTO event VALUES (?, ?, ?, ?)", rows)
        rows.clear()

    def _apply(
        self, changes: Sequence[Change], revision: int, rows: list[EventRow]
    ) -> tuple[list[Event], list[Document]]:
        """Change documents; their events' ``rows`` are inserted later."""
        execute = self._connection.execute
        events: list[Event] = []
        documents: list[Document] = []
        for change in changes:
            seq = first_seq(revision) + len(events)
            value: bytes | None = None
            if isinstance(change, Put):
                value = change.value
                row = execute(
                    "INSERT INTO document VALUES (?, ?, ?)"
                    " ON CONFLICT (key) DO UPDATE SET seq = excluded.seq RETURNING created",
                    (change.key, revision, seq),
                ).fetchall()[0]
            else:
                gone = execute(
                    "DELETE FROM document WHERE key = ? RETURNING 0", (change.key,)
                ).fetchall()
                if not gone:
                    continue
                row = gone[0]
            rows.append((seq, change.key, row[0], value))
            events.append(Event(change.key, value, revision))
            if value:
                documents.append(Document(change.key, value, row[0], revision))
        return events, documents

    def _holds(self, guard: Guard, revision: int) -> bool:
        execute = self._connection.execute
        if isinstance(guard, Absent | AtRevision):
            row = execute("SELECT seq FROM document WHERE key = ?", (guard.key,)).fetchone()
            if isinstance(guard, Absent):
                return row is None
            return row is not None and revision_of(row[0]) == guard.revision
        if isinstance(guard, ValueIs):
            row = execute(
                "SELECT e.value = ? FROM document d CROSS JOIN event e ON e.seq = d.seq"
                " WHERE d.key = ?",
                (guard.value, guard.key),
            ).fetchone()
            return row is not None and bool(row[0])
        bounds = (guard.prefix, prefix_end(guard.prefix))
        if isinstance(guard, PrefixEmpty):
            statement = "SELECT 1 FROM document WHERE key >= ? AND key < ? LIMIT 1"
            return execute(statement, bounds).fetchone() is None
        if guard.since < self._compacted:
            return False
        by = (
            "NOT INDEXED"
            if revision - guard.since <= SCANNED_REVISIONS
            else ("INDEXED BY event_by_key")
        )
        statement = f"SELECT 1 FROM event {by} WHERE key >= ? AND key < ? AND seq >= ? LIMIT 1"  # noqa: S608
        return execute(statement, (*bounds, first_seq(guard.since + 1))).fetchone() is None

    def _compact(self, work: Compaction[Token]) -> Outcome[Token]:
        """One slice; the caller submits again until the outcome's revision is what it wants."""
        floor = min(work.revision, self._revision, self._compacted + COMPACTED_REVISIONS)
        if floor <= self._compacted:
            return Outcome(work.token, self._compacted)
        window = (first_seq(self._compacted + 1), first_seq(floor + 1))
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            # Every version in the window supersedes the one before it of the same key.
            self._connection.execute(
                "DELETE FROM event WHERE seq IN (SELECT (SELECT max(p.seq) FROM event p"
                " WHERE p.key = r.key AND p.seq < r.seq) FROM event r NOT INDEXED"
                " WHERE r.seq >= ? AND r.seq < ?)",
                window,
            )
            self._connection.execute(
                "DELETE FROM event WHERE seq >= ? AND seq < ? AND value IS NULL", window
            )
            self._connection.execute("UPDATE meta SET compacted = ?", (floor,))
            self._connection.execute("COMMIT")
        except Exception as error:
            self._recover()
            return Outcome(work.token, self._compacted, error=self._reason(error))
        self._compacted = floor
        return Outcome(work.token, floor)

    def _recover(self) -> None:
        """Back to the last commit; a connection that can't even roll back is replaced."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._revision, self._compacted = self._meta()
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            with contextlib.suppress(Exception):  # the next commit reports what is wrong
                self._connection = connect(self._path)
                self._revision, self._compacted = self._meta()

    def _reason(self, error: Exception) -> Exception:
        return translate(error, self._path) if isinstance(error, sqlite3.Error) else error

    def _meta(self) -> tuple[int, int]:
        revision, compacted = self._connection.execute(
            "SELECT revision, compacted FROM meta"
        ).fetchone()
        return revision, compacted


def _is_full(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
