"""Keeping a fleet up to date: listed once, then followed by events.

Started by the first placement and stopped with the store (or by ``close``).
Where events are lost (compaction, a store that was away), everything is listed
again.  A list can also be asked for, by a placement that found no host or whose
guard failed: then it decides on what is there now, whatever events are still
under way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from heliostat.cloudstore.contract import (
    CloudStore,
    Document,
    Event,
)
from heliostat.cloudstore.documents import BATCH, Kind, Stored
from heliostat.controller.model.desired import agent_key
from heliostat.controller.scheduler.settings import SchedulerSettings
from heliostat.controller.workflows.fleet import Fleet
from heliostat.controller.workflows.kinds import (
    DATASTORE_RESERVATIONS,
    HOSTS,
    INVENTORIES,
    RESERVATIONS,
    SEPARATIONS,
)
from heliostat.core.errors import HeliostatError

log = logging.getLogger(__name__)

_AGENTS = agent_key("")
_AT_ONCE = 100


class FleetFeed:
    """A fleet that follows a store."""

    def __init__(self, store: CloudStore, settings: SchedulerSettings) -> None:
        self.fleet = Fleet(settings)
        self._store = store
        self._following: list[asyncio.Task[None]] = []
        self._starting = asyncio.Lock()
        self._listing = asyncio.Lock()
        self._lists = 0

    async def ready(self) -> Fleet:
        """The fleet, listed and followed."""
        if not self._follows():
            async with self._starting:  # a crowd at the start shares one list
                if not self._follows():
                    await self.refresh()
        return self.fleet

    async def refresh(self) -> None:
        """List everything as it is now; who waits meanwhile shares the next list."""
        wanted = self._lists + 1 + self._listing.locked()
        async with self._listing:
            if self._lists >= wanted:
                return
            revision = await self._list()
            self._lists += 1
            if not self._follows():
                self._follow(revision)

    async def look_at(self, host_id: str, datastore_ids: list[str]) -> None:
        """Read again what a commit about one host stands on."""
        revision = await self._store.revision()
        fleet = self.fleet
        fleet.see_host(host_id, await HOSTS.get(self._store, host_id), revision)
        fleet.see_reservation(host_id, await RESERVATIONS.get(self._store, host_id), revision)
        for each in datastore_ids:
            stored = await DATASTORE_RESERVATIONS.get(self._store, each)
            fleet.see_datastore(each, stored, revision)

    def _follows(self) -> bool:
        return bool(self._following) and not any(each.done() for each in self._following)

    def close(self) -> None:
        """Stop following."""
        for each in self._following:
            each.cancel()
        self._following.clear()

    async def _list(self) -> int:
        revision = await self._store.revision()
        fleet = self.fleet
        active = await self._agents(revision)
        for host_id in {**dict.fromkeys(fleet.host_ids), **dict.fromkeys(active)}:
            fleet.see_agent(host_id, revision, active=host_id in active)
        # Hosts late: each then gets its row once, with everything that is known of it.
        # Separations after them, since they vouch for all that was placed before.
        see: tuple[tuple[Kind[Any], Callable[..., None]], ...] = (
            (INVENTORIES, fleet.see_inventory),
            (RESERVATIONS, fleet.see_reservation),
            (DATASTORE_RESERVATIONS, fleet.see_datastore),
            (HOSTS, fleet.see_host),
            (SEPARATIONS, fleet.see_separation),
        )
        known = {DATASTORE_RESERVATIONS.name: fleet.datastore_ids}
        known[SEPARATIONS.name] = fleet.separated_ids
        broken: set[str] = set()
        for kind, seen in see:
            found = await self._all(kind, revision, broken)
            for number, (id_, stored) in enumerate(found.items()):
                seen(id_, stored, revision)
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)  # others want the event loop, too
            for id_ in known.get(kind.name, fleet.host_ids):
                if id_ not in found:
                    seen(id_, None, revision)
        return revision

    async def _all(
        self, kind: Kind[Any], revision: int, broken: set[str]
    ) -> dict[str, Stored[Any]]:
        """What can be read of a kind, by id, but for the ids in ``broken``, which grows.

        One broken document keeps no other host waiting; its own host gets nothing
        new, since nobody knows what it holds.
        """
        found: dict[str, Stored[Any]] = {}
        page = await self._store.list(kind.prefix, limit=BATCH, at_revision=revision)
        while True:
            for document in page.items:
                stored = _readable(kind, document)
                if stored is None:
                    broken.add(kind.id_of(document.key))
                else:
                    found[kind.id_of(document.key)] = stored
            if page.after is None:
                return {id_: each for id_, each in found.items() if id_ not in broken}
            page = await self._store.list(
                kind.prefix, limit=BATCH, after=page.after, at_revision=revision
            )

    async def _agents(self, revision: int) -> set[str]:
        page = await self._store.list(_AGENTS, at_revision=revision)
        found = {each.key.removeprefix(_AGENTS) for each in page.items}
        while page.after is not None:
            page = await self._store.list(_AGENTS, after=page.after, at_revision=revision)
            found.update(each.key.removeprefix(_AGENTS) for each in page.items)
        return found

    def _follow(self, revision: int) -> None:
        """Watch every prefix from ``revision`` on."""
        self.close()
        fleet = self.fleet
        watched: dict[str, Callable[[Event], None]] = {
            HOSTS.prefix: _of(HOSTS, fleet.see_host, fleet.see_host),
            INVENTORIES.prefix: _of(INVENTORIES, fleet.see_inventory, fleet.see_host),
            RESERVATIONS.prefix: _of(RESERVATIONS, fleet.see_reservation, fleet.see_host),
            DATASTORE_RESERVATIONS.prefix: _of(
                DATASTORE_RESERVATIONS, fleet.see_datastore, fleet.see_datastore
            ),
            _AGENTS: self._agent,
        }
        self._following = [
            asyncio.create_task(self._watch(prefix, revision, see), name=f"fleet {prefix}")
            for prefix, see in watched.items()
        ]

    async def _watch(self, prefix: str, revision: int, see: Callable[[Event], None]) -> None:
        """Until the store closes, or events are missing: then the next placement lists again."""
        try:
            async for event in self._store.watch(prefix, revision):
                see(event)
        except HeliostatError as error:
            log.info("following %s: %s", prefix, error)

    def _agent(self, event: Event) -> None:
        active = event.value is not None
        self.fleet.see_agent(event.key.removeprefix(_AGENTS), event.revision, active=active)


def _of(
    kind: Kind[Any], see: Callable[..., None], gone: Callable[..., None]
) -> Callable[[Event], None]:
    """What an event means: ``see`` a document, or take as ``gone`` what can't be read."""

    def take(event: Event) -> None:
        id_ = kind.id_of(event.key)
        if event.value is None:
            see(id_, None, event.revision)
            return
        # When it was made is not in an event, and nothing here asks for it.
        document = Document(event.key, event.value, event.revision, event.revision)
        stored = _readable(kind, document)
        (see if stored is not None else gone)(id_, stored, event.revision)

    return take


def _readable(kind: Kind[Any], document: Document) -> Stored[Any] | None:
    """The struct in ``document``; ``None``, as if it were not there, when that can't be told."""
    try:
        return kind.read(document)
    except HeliostatError as error:
        log.warning("left out of placement: %s", error)
        return None
