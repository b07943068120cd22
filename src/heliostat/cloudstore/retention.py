"""How much history is kept: at least so many revisions and so much time.

``choose`` is the decision, pure; ``Compactor`` runs it against a store.  Which
revision was the latest at what time is remembered in memory only, so a process
that starts anew forgets nothing before a full ``keep_s`` has passed.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """What every reader can rely on: both minimums hold at the same time."""

    keep_revisions: int = 10_000
    """The latest revisions, so that watchers and pages in progress find theirs."""
    keep_s: float = 3600.0
    """Everything younger than this, in seconds."""
    every_s: float = 60.0
    """How often the decision is made, in seconds; history is kept up to this much longer."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The store's latest revision at a time of the monotonic clock."""

    at_s: float
    revision: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The revision to compact to (``None``: not now) and why."""

    revision: int | None
    reason: str


def choose(retention: Retention, marks: Sequence[Mark], compacted: int, now_s: float) -> Choice:
    """What may be forgotten; ``marks`` are in time order, the last is the present."""
    if not marks:
        return Choice(None, "No revision was seen yet.")
    old = bisect_right(marks, now_s - retention.keep_s, key=lambda mark: mark.at_s)
    if old == 0:
        return Choice(None, f"Nothing is known to be older than {retention.keep_s:g} s.")
    by_age, by_count = marks[old - 1].revision, marks[-1].revision - retention.keep_revisions
    target = min(by_age, by_count)
    if target <= compacted:
        return Choice(
            None,
            f"Revision {compacted} was compacted before; age would allow {by_age}"
            f" and count {by_count}.",
        )
    return Choice(
        target,
        f"Revision {by_age} is {retention.keep_s:g} s old and {by_count} has"
        f" {retention.keep_revisions} revisions after it.",
    )


class Compactor:
    """Compacts one store by one policy; ``run`` it as a task of the server."""

    def __init__(self, store: CloudStore, clock: Clock, retention: Retention) -> None:
        self._store = store
        self._clock = clock
        self._retention = retention
        self._marks: list[Mark] = []
        self._compacted = 0

    async def run(self) -> None:
        """Decide every ``every_s`` until cancelled; a store in trouble is tried again."""
        while True:
            try:
                choice = await self.once()
            except HeliostatError as error:
                log.warning("The store was not compacted: %s", error)
            else:
                log.debug("%s", choice.reason)
            await self._clock.sleep(self._retention.every_s)

    async def once(self) -> Choice:
        """Decide now, and compact if it is time."""
        now_s = self._clock.monotonic_s()
        self._marks.append(Mark(now_s, await self._store.revision()))
        choice = choose(self._retention, self._marks, self._compacted, now_s)
        if choice.revision is not None:
            await self._store.compact(choice.revision)
            self._compacted = choice.revision
        self._forget(now_s)
        return choice

    def _forget(self, now_s: float) -> None:
        """Drop marks that a younger mark, old enough too, has made useless."""
        old = bisect_right(self._marks, now_s - self._retention.keep_s, key=lambda mark: mark.at_s)
        del self._marks[: max(0, old - 1)]
