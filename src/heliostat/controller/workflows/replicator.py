"""Copies of images follow what changes: images, hosts, datastores, agents that come and go.

Runs in every controller.  Changes are gathered for a moment, so that a fleet that
comes up at once is looked at a few times and not once a host.
"""

from __future__ import annotations

import asyncio
import logging

from heliostat.cloudstore.contract import CloudStore, Compacted
from heliostat.controller.model.desired import IMAGE, REPORTED, agent_key
from heliostat.controller.workflows.kinds import HOSTS, IMAGE_DATASTORES, IMAGES, INVENTORIES
from heliostat.controller.workflows.replicas import align, may_want
from heliostat.core.clock import Clock
from heliostat.core.errors import TemporaryError

log = logging.getLogger(__name__)

GATHER_S = 0.5
"""How long changes are gathered after the first one."""

_PREFIXES = (
    IMAGES.prefix,
    HOSTS.prefix,
    INVENTORIES.prefix,
    IMAGE_DATASTORES.prefix,
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
            try:
                if not idle or await may_want(store):
                    idle = await _align(store, copies_at_once)
            except TemporaryError as error:
                log.warning("copies of images wait: %s", error)
                await clock.sleep(error.retry_after_s)
                continue
            await changed.wait()
            await clock.sleep(GATHER_S)
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
    while True:
        try:
            async for event in store.watch(prefix, since):
                since = event.revision
                if prefix != REPORTED or f"/{IMAGE}/" in event.key:
                    changed.set()
        except Compacted:
            since = await store.revision()
            changed.set()
        except TemporaryError as error:
            await clock.sleep(error.retry_after_s)
        else:
            await clock.sleep(GATHER_S)  # only a store that is being closed ends a watch
