"""The store's contract as the simplest program that keeps it.

Holds every event ever and computes each answer from them anew; backends are
compared with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.cloudstore.contract import (
    Absent,
    AtRevision,
    Change,
    Document,
    Event,
    Guard,
    PrefixEmpty,
    Put,
    ValueIs,
    Version,
)


class StoreModel:
    """What a store that got the same calls must answer."""

    def __init__(self) -> None:
        self.log: list[Event] = []
        self.revision = 0
        self.compacted = 0

    def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int | Guard:
        """The revision that the commit returns, or the first guard that does not hold."""
        for guard in guards:
            if not self._holds(guard):
                return guard
        alive = self.documents(self.revision)
        events = [
            Event(change.key, change.value if isinstance(change, Put) else None, self.revision + 1)
            for change in changes
            if isinstance(change, Put) or change.key in alive
        ]
        self.log += events
        self.revision += bool(events)
        return self.revision

    def documents(self, revision: int) -> dict[str, Document]:
        """Everything that existed at a revision, in key order."""
        alive: dict[str, Document] = {}
        for event in self.log:
            if event.revision > revision:
                break
            if event.value is None:
                del alive[event.key]
            else:
                created = alive[event.key].created if event.key in alive else event.revision
                alive[event.key] = Document(event.key, event.value, created, event.revision)
        return dict(sorted(alive.items()))

    def under(self, prefix: str, revision: int, after: str | None = None) -> list[Document]:
        return [
            document
            for key, document in self.documents(revision).items()
            if key.startswith(prefix) and (after is None or key > after)
        ]

    def history(self, key: str) -> list[Version]:
        kept = [
            Version(event.value, event.revision)
            for event in self.log
            if event.key == key and event.revision > self.compacted
        ]
        readable = self.documents(self.compacted).get(key)
        if readable is not None:
            kept.insert(0, Version(readable.value, readable.revision))
        return kept

    def events(self, prefix: str, after: int) -> list[Event]:
        return [e for e in self.log if e.revision > after and e.key.startswith(prefix)]

    def compact(self, revision: int) -> None:
        self.compacted = max(self.compacted, min(revision, self.revision))

    def _holds(self, guard: Guard) -> bool:
        alive = self.documents(self.revision)
        if isinstance(guard, Absent):
            return guard.key not in alive
        if isinstance(guard, AtRevision):
            return guard.key in alive and alive[guard.key].revision == guard.revision
        if isinstance(guard, ValueIs):
            return guard.key in alive and alive[guard.key].value == guard.value
        if isinstance(guard, PrefixEmpty):
            return not any(key.startswith(guard.prefix) for key in alive)
        return guard.since >= self.compacted and not self.events(guard.prefix, guard.since)
