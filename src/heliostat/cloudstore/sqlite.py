"""The store in one SQLite file: the default, with nothing to install.

One writer thread with group commit makes commits durable before they are
acknowledged (:mod:`~heliostat.cloudstore.sqlite_writer`); watches are fed from
it in revision order.  Point reads and short pages run in the event loop, long
ones on a small pool of connections: a point read costs less than the hop to
another thread and back (numbers in the design note).  One process at a time
may have the store open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from heliostat.cloudstore.contract import (
    Change,
    Document,
    Event,
    Guard,
    Lease,
    Page,
    StoreUnavailable,
    Version,
)
from heliostat.cloudstore.feed import BUFFERED_COMMITS, Feed
from heliostat.cloudstore.keyspace import LEASES, check_changes, check_guards
from heliostat.cloudstore.leases import LeaseKeeper
from heliostat.cloudstore.marks import FolderMarks
from heliostat.cloudstore.sqlite_cache import DocumentCache
from heliostat.cloudstore.sqlite_copy import Copy
from heliostat.cloudstore.sqlite_file import StoreLock, check_writable, prepare
from heliostat.cloudstore.sqlite_reader import Reader
from heliostat.cloudstore.sqlite_writer import Compaction, Outcome, Submission, Writer
from heliostat.core.clock import Clock

POOLED_READERS = 2
SHORT_PAGE = 1000
"""Pages up to this many documents are read in the event loop (2 ms)."""

Answer = asyncio.Future[int]
T = TypeVar("T")


class SqliteStore:
    """A ``CloudStore`` in one file; made by ``open``, used in the loop that opened it."""

    def __init__(
        self,
        path: Path | str,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        buffered_commits: int,
    ) -> None:
        """Blocking; see ``open``.  Raises what opening the file raises, and then holds nothing."""
        path = Path(path).resolve()
        self._loop = loop
        self._closing = False
        self._copying = asyncio.Lock()
        self._cache = DocumentCache()
        self._marks = FolderMarks()
        self._free: SimpleQueue[Reader] = SimpleQueue()
        with ExitStack() as opening:
            check_writable(path)
            lock = StoreLock(path)
            opening.callback(lock.release)
            prepare(path)
            self._reader = opening.enter_context(closing(Reader(path)))
            for _ in range(POOLED_READERS):
                self._free.put(opening.enter_context(closing(Reader(path))))
            self._pool = opening.enter_context(
                ThreadPoolExecutor(POOLED_READERS, thread_name_prefix="cloudstore-reader")
            )
            self._writer: Writer[Answer] = Writer(path, loop, self)
            opening.callback(self._writer.stop)
            self._resources = opening.pop_all()
        self._writing = self._writer.started_at
        self._feed = Feed(self._writer.started_at, capacity=buffered_commits)
        self._leases = LeaseKeeper(clock, self.get, self._commit)

    @classmethod
    async def open(
        cls, path: Path | str, clock: Clock, *, buffered_commits: int = BUFFERED_COMMITS
    ) -> SqliteStore:
        """Open the store at ``path``, or make a new one there.

        Raises ``StoreReadOnly``, ``StoreCorrupt``, ``DiskFull``, or
        ``StoreUnavailable`` when another process has it open.
        """
        loop = asyncio.get_running_loop()
        store = await asyncio.to_thread(cls, path, clock, loop, buffered_commits)
        await store._restore_leases()
        return store

    async def get(self, key: str, *, at_revision: int | None = None) -> Document | None:
        self._check_open()
        known = self._cache.get(key)
        if at_revision is None:
            return known or self._read(key)
        if known is not None and self._was_current(known, at_revision):
            return known
        return self._reader.get_at(key, at_revision)

    async def list(
        self,
        prefix: str,
        *,
        limit: int = 1000,
        after: str | None = None,
        at_revision: int | None = None,
    ) -> Page:
        self._check_open()
        if after is not None:
            await asyncio.sleep(0)  # who reads page after page lets others get on in between
            self._check_open()
        if limit <= SHORT_PAGE:
            return self._reader.list(prefix, limit, after, at_revision)
        return await self._pooled_read(lambda r: r.list(prefix, limit, after, at_revision))

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        check_changes(changes)
        check_guards(guards)
        return await self._commit(guards, changes)

    async def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Event]:
        self._check_open()
        if not self._writer.compacted <= from_revision <= self._feed.revision:
            self._reader.check_exists(from_revision)
        try:
            async for event in self._feed.follow(prefix, from_revision, self._kept_events):
                yield event
        except StoreUnavailable:
            if not self._closing:
                raise

    async def history(self, key: str) -> Sequence[Version]:
        return await self._pooled_read(lambda reader: reader.history(key))

    async def revision(self) -> int:
        self._check_open()
        return self._reader.revision()

    def mark(self, folder: str) -> int | None:
        self._check_open()
        return self._marks.mark(folder)

    async def compact(self, revision: int) -> None:
        self._check_open()
        target = min(revision, self._reader.revision())
        reached = -1
        while reached < target:
            self._check_open()
            answer: Answer = self._loop.create_future()
            self._writer.submit(Compaction(answer, target))
            reached = await answer

    async def backup(self, path: Path | str) -> Copy:
        """Copy the store, as of one revision, to ``path``, while commits go on.

        The copy is checked, durable, and takes its name only when it is whole.
        Raises ``BackupFailed``, ``DiskFull``, or ``StoreCorrupt`` for a damaged store.
        """
        async with self._copying:  # one at a time: the other pooled reader stays free for lists
            return await self._pooled_read(lambda reader: reader.copy_to(Path(path)))

    async def acquire(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        return await self._leases.acquire(name, owner, ttl_s)

    async def renew(self, lease: Lease) -> None:
        await self._leases.renew(lease)

    async def release(self, lease: Lease) -> None:
        await self._leases.release(lease)

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        await self._leases.close()
        await self._writer.finished()
        await asyncio.to_thread(self._resources.close)
        self._feed.close()

    async def _commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        self._check_open()
        answer: Answer = self._loop.create_future()
        self._writer.submit(Submission(answer, guards, changes))
        return await answer

    def _read(self, key: str) -> Document | None:
        """What is not in memory; also that there is nothing is remembered."""
        if self._cache.is_absent(key):
            return None
        found = self._reader.get(key)
        if found is None:
            self._cache.keep_absent(key)
        else:
            self._cache.keep(found)
        return found

    def _was_current(self, document: Document, revision: int) -> bool:
        """Whether the cached version of a document was the latest at ``revision`` already.

        Also at the revisions that are being written: none of them changes what is cached.
        """
        oldest = max(document.revision, self._writer.compacted)
        return oldest <= revision <= self._writing

    def about_to_write(self, keys: Iterable[str], revision: int) -> None:
        """For the writer: the file may change from now on, up to ``revision``."""
        keys = tuple(keys)
        self._cache.hold(keys)
        self._marks.hold(keys)
        self._writing = revision

    def deliver(self, outcomes: Sequence[Outcome[Answer]]) -> None:
        """For the writer: this is durable, or has failed."""
        self._cache.release()
        self._marks.release()
        for outcome in outcomes:
            self._cache.follow(outcome.events, outcome.documents)
            if outcome.events:
                self._feed.publish(outcome.revision, outcome.events)
            if outcome.token.done():  # its caller was cancelled; the commit stands
                continue
            if outcome.error is not None:
                outcome.token.set_exception(outcome.error)
            else:
                outcome.token.set_result(outcome.revision)
        self._writing = self._feed.revision

    async def _pooled_read(self, read: Callable[[Reader], T]) -> T:
        self._check_open()
        return await self._loop.run_in_executor(self._pool, self._with_reader, read)

    def _with_reader(self, read: Callable[[Reader], T]) -> T:
        reader = self._free.get()
        try:
            return read(reader)
        finally:
            self._free.put(reader)

    async def _kept_events(self, prefix: str, after: int, upto: int) -> tuple[Sequence[Event], int]:
        return await self._pooled_read(lambda reader: reader.events(prefix, after, upto))

    async def _restore_leases(self) -> None:
        after: str | None = None
        while True:
            page = await self.list(LEASES, after=after)
            self._leases.restore(page.items)
            after = page.after
            if after is None:
                return

    def _check_open(self) -> None:
        if self._closing:
            raise StoreUnavailable("The store was closed.")
