"""Copies of images follow what changes: images, hosts, datastores, agents that come and go.

Runs in every controller.  Changes are gathered for a moment, so that a fleet that
comes up at once is looked at a few times and not once a host; and after a look that
took long (0.9 s at 10,000 hosts) the next one waits longer, so that looking never
takes more than a fifth of a core.  While background work is paused nothing is asked for.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from heliostat.cloudstore.contract import CloudStore, Compacted, Event
from heliostat.controller.model.desired import IMAGE, REPORTED, agent_key
from heliostat.controller.model.host import HostInventory
from heliostat.controller.workflows.kinds import (
    HOSTS,
    IMAGE_DATASTORES,
    IMAGES,
    INVENTORIES,
    SYSTEM,
)
from heliostat.controller.workflows.replicas import align, may_want
from heliostat.controller.workflows.system import chores_rest
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError, TemporaryError

log = logging.getLogger(__name__)

GATHER_S = 0.5
"""How long changes are gathered after the first one, at least."""

GATHER_FACTOR = 4.0
"""The same, in durations of the last look."""

_PREFIXES = (
    IMAGES.prefix,
    HOSTS.prefix,
    INVENTORIES.prefix,
    IMAGE_DATASTORES.prefix,
    SYSTEM.prefix,
    REPORTED,
    agent_key(""),
)


async def replicate(store: CloudStore, clock: Clock, *, copies_at_once: int) -> None:
    """Align now and after every change, until cancelled."""
    changed = asyncio.Event()
    idle = False
    async with asyncio.TaskGroup() as group:
        since = await store.revision()
        for prefix in _PREFIXES:
            group.create_task(_notice(store, clock, prefix, since, changed))
        while True:
            began_s = clock.monotonic_s()
            try:
                rests = await chores_rest(store)
                if not rests and (not idle or await may_want(store)):
                    idle = await _align(store, copies_at_once)
            except TemporaryError as error:
                log.warning("copies of images wait: %s", error)
                await clock.sleep(error.retry_after_s)
                continue
            except PermanentError as error:
                # a document that can't be read: a check-up tells it, and a change may mend it
                log.error("copies of images stay as they are: %s", error)  # noqa: TRY400
            took_s = clock.monotonic_s() - began_s
            await changed.wait()
            await clock.sleep(max(GATHER_S, GATHER_FACTOR * took_s))
            changed.clear()


async def _align(store: CloudStore, copies_at_once: int) -> bool:
    """Do what is next; whether nothing is or will be asked for as things stand."""
    decided = await align(store, store.commit, copies_at_once)
    if decided.ask or decided.withdraw:
        log.info(
            "images: %d copies asked for, %d no longer, %d waiting",
            len(decided.ask),
            len(decided.withdraw),
            decided.waiting,
        )
    return decided.is_idle


async def _notice(
    store: CloudStore, clock: Clock, prefix: str, since: int, changed: asyncio.Event
) -> None:
    """Set ``changed`` at each event that may matter; a compacted start may have been one."""
    places: dict[str, int] = {}
    while True:
        try:
            async for event in store.watch(prefix, since):
                since = event.revision
                if _matters(prefix, event, places):
                    changed.set()
        except Compacted:
            since = await store.revision()
            changed.set()
        except TemporaryError as error:
            await clock.sleep(error.retry_after_s)
        else:
            await clock.sleep(GATHER_S)  # only a store that is being closed ends a watch


def _matters(prefix: str, event: Event, places: dict[str, int]) -> bool:
    """Not what VMs do, nor how full a datastore is; ``places`` is what was last seen of hosts."""
    if prefix == REPORTED:
        return f"/{IMAGE}/" in event.key
    if prefix != INVENTORIES.prefix or event.value is None:
        return True
    try:
        inventory = msgspec.json.decode(event.value, type=HostInventory)
    except msgspec.MsgspecError:
        return True  # looking at it says what is wrong
    found = hash(tuple((each.datastore_id, each.images) for each in inventory.places))
    known, places[event.key] = places.get(event.key), found
    return found != known
