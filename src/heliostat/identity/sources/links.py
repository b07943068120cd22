"""Sources in use: one ``SourcePeople`` for each, made when first asked for.

Kept while the source's document is what it was, for the whole process; what a changed or
deleted source had open is closed.
"""

from __future__ import annotations

from collections import OrderedDict

from heliostat.cloudstore.documents import Stored
from heliostat.core.clock import Clock
from heliostat.identity.external.directory import AT_ONCE, External
from heliostat.identity.passwords.options import LockoutPolicy
from heliostat.identity.reach.gate import Gate
from heliostat.identity.sealing import Sealing
from heliostat.identity.sources.credentials import unsealed
from heliostat.identity.sources.guessing import Guesses
from heliostat.identity.sources.people import SourcePeople
from heliostat.identity.sources.servers import AT_ONCE as SIGN_INS_AT_ONCE
from heliostat.identity.sources.servers import Servers
from heliostat.identity.sources.source import Source

KEPT = 128


class Links:
    """The sources that this process has asked of late."""

    def __init__(self, clock: Clock, sealing: Sealing, gate: Gate) -> None:
        self._clock = clock
        self._sealing = sealing
        self.gate = gate
        self._external: dict[str, tuple[LockoutPolicy, External]] = {}
        self._kept: OrderedDict[str, tuple[int, SourcePeople]] = OrderedDict()

    def people(self, stored: Stored[Source], guesses: Guesses) -> SourcePeople:
        """The source's people; raises ``SealBroken``."""
        source = stored.value
        kept = self._kept.get(source.id)
        if kept is None or kept[0] != stored.revision:
            self.drop(source.id)
            servers = self.servers(source)
            kept = (stored.revision, SourcePeople(source, servers, guesses, self._clock))
            self._kept[source.id] = kept
        self._kept.move_to_end(source.id)
        while len(self._kept) > KEPT:
            self.drop(next(iter(self._kept)))
        return kept[1]

    def external(
        self, stored: Stored[Source], guesses: Guesses, lockout: LockoutPolicy
    ) -> External:
        """The source as a directory; raises ``SealBroken``."""
        people, source = self.people(stored, guesses), stored.value
        kept = self._external.get(source.id)
        if kept is None or kept[0] != lockout:
            self._close(source.id)
            servers = self.servers(source, AT_ONCE)
            kept = (lockout, External(source, servers, people, lockout, self._clock))
            self._external[source.id] = kept
        return kept[1]

    def servers(self, source: Source, at_once: int = SIGN_INS_AT_ONCE) -> Servers:
        """What asks a source, nothing of which is open yet; raises ``SealBroken``."""
        own = unsealed(source, self._sealing)
        return Servers(source, own, self._clock, self.gate, at_once)

    def drop(self, source_id: str) -> None:
        """Close what is open to a source."""
        self._close(source_id)
        kept = self._kept.pop(source_id, None)
        if kept is not None:
            kept[1].servers.close()

    def _close(self, source_id: str) -> None:
        kept = self._external.pop(source_id, None)
        if kept is not None:
            kept[1].servers.close()

    def close(self) -> None:
        """Close everything."""
        for source_id in list(self._kept):
            self.drop(source_id)
