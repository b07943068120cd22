"""The store in memory: for the simulator and for tests.

Deterministic: no threads, and a commit, a read or a compaction never suspends,
so equal calls in equal order give equal histories.  Lives and dies with its
process; everything else is as the contract says.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from heliostat.cloudstore.contract import (
    Absent,
    AtRevision,
    Change,
    Compacted,
    Delete,
    Document,
    Event,
    FutureRevision,
    Guard,
    GuardFailed,
    Lease,
    Page,
    PrefixEmpty,
    StoreUnavailable,
    ValueIs,
    Version,
)
from heliostat.cloudstore.feed import BUFFERED_COMMITS, Feed
from heliostat.cloudstore.keyspace import check_changes
from heliostat.cloudstore.leases import LeaseKeeper
from heliostat.cloudstore.marks import FolderMarks
from heliostat.core.clock import Clock


@dataclass(frozen=True, slots=True)
class _Kept:
    """One version of a key; ``document`` is ``None`` for a deletion."""

    revision: int
    document: Document | None


class MemoryStore:
    """A ``CloudStore`` in one process's memory."""

    def __init__(self, clock: Clock, *, buffered_commits: int = BUFFERED_COMMITS) -> None:
        self._versions: dict[str, list[_Kept]] = {}
        self._keys: list[str] = []
        self._live: list[str] = []  # those that exist now: lists of the present skip no graves
        self._events: list[Event] = []
        self._compacted = 0
        self._marks = FolderMarks()
        self._feed = Feed(capacity=buffered_commits)
        self._leases = LeaseKeeper(clock, self.get, self._commit)

    async def get(self, key: str, *, at_revision: int | None = None) -> Document | None:
        return self._document(key, self._readable(at_revision))

    async def list(
        self,
        prefix: str,
        *,
        limit: int = 1000,
        after: str | None = None,
        at_revision: int | None = None,
    ) -> Page:
        revision = self._readable(at_revision)
        items: list[Document] = []
        latest = revision == self._feed.revision
        for key in _keys_under(self._live if latest else self._keys, prefix, after):
            document = self._document(key, revision)
            if document is None:
                continue
            if len(items) == limit:
                return Page(tuple(items), items[-1].key if items else after, revision)
            items.append(document)
        return Page(tuple(items), None, revision)

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        check_changes(changes)
        return await self._commit(guards, changes)

    async def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Event]:
        self._readable(from_revision)
        async for event in self._feed.follow(prefix, from_revision, self._kept_events):
            yield event

    async def history(self, key: str) -> Sequence[Version]:
        self._check_open()
        return tuple(
            Version(kept.document.value if kept.document else None, kept.revision)
            for kept in self._versions.get(key, ())
        )

    async def revision(self) -> int:
        self._check_open()
        return self._feed.revision

    def mark(self, folder: str) -> int | None:
        self._check_open()
        return self._marks.mark(folder)

    async def compact(self, revision: int) -> None:
        self._check_open()
        floor = min(revision, self._feed.revision)
        if floor <= self._compacted:
            return
        self._compacted = floor
        del self._events[: bisect_right(self._events, floor, key=_revision_of)]
        for key, versions in self._versions.items():
            self._versions[key] = _kept_after(versions, floor)
        self._keys = [key for key in self._keys if self._versions[key]]
        self._versions = {key: kept for key, kept in self._versions.items() if kept}

    async def acquire(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        return await self._leases.acquire(name, owner, ttl_s)

    async def renew(self, lease: Lease) -> None:
        await self._leases.renew(lease)

    async def release(self, lease: Lease) -> None:
        await self._leases.release(lease)

    async def close(self) -> None:
        await self._leases.close()
        self._feed.close()

    async def _commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        self._check_open()
        for guard in guards:
            if not self._holds(guard):
                raise GuardFailed(guard)
        revision = self._feed.revision + 1
        events = [event for change in changes if (event := self._apply(change, revision))]
        if not events:
            return self._feed.revision
        self._events.extend(events)
        self._marks.hold(event.key for event in events)
        self._marks.release()
        self._feed.publish(revision, events)
        return revision

    def _apply(self, change: Change, revision: int) -> Event | None:
        current = self._document(change.key, revision)
        if isinstance(change, Delete):
            if current is None:
                return None
            self._versions[change.key].append(_Kept(revision, None))
            del self._live[bisect_left(self._live, change.key)]
            return Event(change.key, None, revision)
        if change.key not in self._versions:
            self._versions[change.key] = []
            insort(self._keys, change.key)
        if current is None:
            insort(self._live, change.key)
        created = current.created if current else revision
        document = Document(change.key, change.value, created, revision)
        self._versions[change.key].append(_Kept(revision, document))
        return Event(change.key, change.value, revision)

    def _holds(self, guard: Guard) -> bool:
        latest = self._feed.revision
        if isinstance(guard, Absent):
            return self._document(guard.key, latest) is None
        if isinstance(guard, AtRevision):
            current = self._document(guard.key, latest)
            return current is not None and current.revision == guard.revision
        if isinstance(guard, ValueIs):
            current = self._document(guard.key, latest)
            return current is not None and current.value == guard.value
        if isinstance(guard, PrefixEmpty):
            return next(_keys_under(self._live, guard.prefix, None), None) is None
        if guard.since < self._compacted:
            return False
        start = bisect_right(self._events, guard.since, key=_revision_of)
        return not any(event.key.startswith(guard.prefix) for event in self._events[start:])

    def _document(self, key: str, revision: int) -> Document | None:
        for kept in reversed(self._versions.get(key, ())):
            if kept.revision <= revision:
                return kept.document
        return None

    async def _kept_events(self, prefix: str, after: int, upto: int) -> tuple[Sequence[Event], int]:
        if after < self._compacted:
            raise Compacted(after, self._compacted)
        start = bisect_right(self._events, after, key=_revision_of)
        end = bisect_right(self._events, upto, key=_revision_of)
        return [event for event in self._events[start:end] if event.key.startswith(prefix)], upto

    def _readable(self, at_revision: int | None) -> int:
        self._check_open()
        latest = self._feed.revision
        if at_revision is None:
            return latest
        if at_revision < self._compacted:
            raise Compacted(at_revision, self._compacted)
        if at_revision > latest:
            raise FutureRevision(at_revision, latest)
        return at_revision

    def _check_open(self) -> None:
        if self._feed.closed:
            raise StoreUnavailable("The store was closed.")


def _keys_under(keys: Sequence[str], prefix: str, after: str | None) -> Iterator[str]:
    """Those of the sorted ``keys`` that start with ``prefix`` and sort after ``after``."""
    start = bisect_left(keys, prefix)
    if after is not None:
        start = max(start, bisect_right(keys, after))
    for index in range(start, len(keys)):
        if not keys[index].startswith(prefix):
            return
        yield keys[index]


def _revision_of(event: Event) -> int:
    return event.revision


def _kept_after(versions: list[_Kept], floor: int) -> list[_Kept]:
    """What compaction to ``floor`` leaves: the version readable there, and all later ones."""
    first = max(bisect_right(versions, floor, key=lambda kept: kept.revision) - 1, 0)
    if versions[first].document is None and versions[first].revision <= floor:
        first += 1
    return versions[first:]
