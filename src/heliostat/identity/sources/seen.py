"""Names of outsiders who have signed in: what their sessions are shown and ended by.

A session knows an outsider by the id of his entry, which no person can read, and his directory
may be away when an administrator looks.  So the name is kept, for as long as he comes.
"""

from __future__ import annotations

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.core.clock import Clock
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.sources.records import Seen, SourceKinds

KEPT_MS = 90 * 86_400_000
RENEWED_MS = 86_400_000
"""Written once a day at most, unless the name has changed."""


class SeenPeople:
    """The outsiders whom one tenant has signed in of late."""

    def __init__(self, store: CloudStore, clock: Clock, tenant: str) -> None:
        self._store = store
        self._clock = clock
        self._kept = SourceKinds.of(tenant).seen

    async def note(self, person: Person) -> None:
        """Remember somebody's name; another controller may do so at the same moment."""
        stored = await self._kept.get(self._store, person.key)
        before = stored.value if stored is not None else None
        expires_ms = self._clock.now_ms() + KEPT_MS
        same = before is not None and before.subject == person.subject
        if before is not None and same and before.expires_ms > expires_ms - RENEWED_MS:
            return
        after = Seen(id=person.key, subject=person.subject, expires_ms=expires_ms)
        guard = self._kept.guard(stored) if stored is not None else self._kept.absent(person.key)
        try:
            await self._store.commit([guard], self._kept.put(after, before))
        except GuardFailed:
            return

    async def subject(self, key: str) -> str:
        """The name of whom a session is; the key itself for somebody long gone."""
        stored = await self._kept.get(self._store, key)
        return stored.value.subject if stored is not None else key

    async def key(self, subject: str) -> str:
        """By what the sessions of ``subject`` know him; empty for nobody we know."""
        found = await self._kept.by_index(self._store, "subject", subject)
        latest = max(found, key=lambda each: each.value.expires_ms, default=None)
        return latest.value.id if latest is not None else ""
