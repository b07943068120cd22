"""Sources in use: one ``SourcePeople`` for each, made when first asked for.

Kept while the source's document is what it was, for the whole process; what a changed or
deleted source had open is closed.
"""

from __future__ import annotations

from collections import OrderedDict

from heliostat.cloudstore.documents import Stored
from heliostat.core.clock import Clock
from heliostat.identity.reach.gate import Gate
from heliostat.identity.sealing import Sealing
from heliostat.identity.sources.guessing import Guesses
from heliostat.identity.sources.people import SourcePeople
from heliostat.identity.sources.servers import Servers, unsealed
from heliostat.identity.sources.source import Source

KEPT = 128


class Links:
    """The sources that this process has asked of late."""

    def __init__(self, clock: Clock, sealing: Sealing, gate: Gate) -> None:
        self._clock = clock
        self._sealing = sealing
        self.gate = gate
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

    def servers(self, source: Source) -> Servers:
        """What asks a source, nothing of which is open yet; raises ``SealBroken``."""
        return Servers(source, unsealed(source, self._sealing), self._clock, self.gate)

    def drop(self, source_id: str) -> None:
        """Close what is open to a source."""
        kept = self._kept.pop(source_id, None)
        if kept is not None:
            kept[1].servers.close()

    def close(self) -> None:
        """Close everything."""
        for source_id in list(self._kept):
            self.drop(source_id)
