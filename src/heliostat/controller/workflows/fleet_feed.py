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
from heliostat.cloudstore.documents import Kind, Stored
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
        for kind, seen in see:
            found = {kind.identify(each.value): each for each in await self._all(kind, revision)}
            for number, (id_, stored) in enumerate(found.items()):
                seen(id_, stored, revision)
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)  # others want the event loop, too
            for id_ in known.get(kind.name, fleet.host_ids):
                if id_ not in found:
                    seen(id_, None, revision)
        return revision

    async def _all(self, kind: Kind[Any], revision: int) -> list[Stored[Any]]:
        page = await kind.list(self._store, at_revision=revision)
        items = list(page.items)
        while page.after is not None:
            page = await kind.list(self._store, after=page.after, at_revision=revision)
            items.extend(page.items)
        return items

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
            HOSTS.prefix: _of(HOSTS, fleet.see_host),
            INVENTORIES.prefix: _of(INVENTORIES, fleet.see_inventory),
            RESERVATIONS.prefix: _of(RESERVATIONS, fleet.see_reservation),
            DATASTORE_RESERVATIONS.prefix: _of(DATASTORE_RESERVATIONS, fleet.see_datastore),
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


def _of(kind: Kind[Any], see: Callable[..., None]) -> Callable[[Event], None]:
    def take(event: Event) -> None:
        stored = None
        if event.value is not None:
            # When it was made is not in an event, and nothing here asks for it.
            stored = kind.read(Document(event.key, event.value, event.revision, event.revision))
        see(kind.id_of(event.key), stored, event.revision)

    return take
