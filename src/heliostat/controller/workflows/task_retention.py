"""Forgetting the tasks of entities that are gone: what tasks name, found in the store.

Tasks name the kinds of entities as clients do, the store has its own names; this
is where the two meet.  A kind that this version doesn't know (a newer controller
wrote the task) counts as existing: its tasks are kept rather than lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind
from heliostat.controller.workflows import kinds
from heliostat.core.clock import Clock
from heliostat.tasks.retention import DEFAULT_KEEP_S, forgettable, sweep

STORED: Mapping[str, Kind[Any]] = {
    kinds.TENANT: kinds.TENANTS,
    kinds.PROJECT_KIND: kinds.PROJECTS,
    kinds.FLAVOR: kinds.FLAVORS,
    kinds.IMAGE: kinds.IMAGES,
    kinds.VM: kinds.VMS,
    kinds.DISK: kinds.DISKS,
    kinds.HOST: kinds.HOSTS,
}


async def entity_exists(store: CloudStore, kind: str, id_: str) -> bool:
    """Whether the entity that a task names is there (``kind`` as tasks name it).

    Chores run for ever: their tasks are kept as those of things that are gone.
    """
    if kind == kinds.CHORE:
        return False
    stored = STORED.get(kind)
    return stored is None or await store.get(stored.key(id_)) is not None


async def forget_tasks(store: CloudStore, clock: Clock, *, keep_s: float = DEFAULT_KEEP_S) -> int:
    """Forget the tasks that ended ``keep_s`` ago and whose entity is gone; how many went.

    Expired idempotency keys go too and are counted.
    """
    return await sweep(store, clock, partial(entity_exists, store), keep_s=keep_s)


async def count_forgettable(
    store: CloudStore, clock: Clock, *, keep_s: float = DEFAULT_KEEP_S
) -> int:
    """How many documents :func:`forget_tasks` would remove now."""
    exists = partial(entity_exists, store)
    count = 0
    async for _ in forgettable(store, clock, exists, keep_s=keep_s):
        count += 1
    return count
