"""Datastores that no host reports any more: forgotten after a while, unless something is in them.

A host that is away keeps what it reported, so this is about folders that were taken
off every host's settings, and hosts that were removed.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from heliostat.cloudstore.contract import Change, CloudStore, Guard, GuardFailed
from heliostat.cloudstore.documents import Stored
from heliostat.controller.chores.contract import chore
from heliostat.controller.model.datastore import Datastore
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.image_datastores import image_datastore_ids
from heliostat.controller.workflows.kinds import DATASTORES, DISKS, INVENTORIES, VMS
from heliostat.controller.workflows.steps import ports_of
from heliostat.tasks.model import Done, StepContext


async def _unreported(store: CloudStore) -> list[Stored[Datastore]]:
    """Those without a host, in which nothing lies and to which nothing is seeded."""
    candidates = [
        stored
        for stored in await DATASTORES.all(store)
        if not await INVENTORIES.ids_by_index(store, "datastore", stored.value.id)
    ]
    if not candidates:
        return []
    used = set(await image_datastore_ids(store))
    for vm in await VMS.all(store):
        used |= {disk.datastore_id for disk in vm.value.disks}
    used |= {disk.value.datastore_id for disk in await DISKS.all(store)}
    return [stored for stored in candidates if stored.value.id not in used]


def _is_due(ports: Ports, datastore: Datastore) -> bool:
    """To be noted now, or to be forgotten now."""
    since_ms = datastore.unreported_since_ms
    keep_ms = ports.settings.chores.keep_datastores_s * 1000
    return not since_ms or ports.clock.now_ms() - since_ms >= keep_ms


async def find(ports: Ports) -> Sequence[str]:
    return [
        f"No host has the datastore {stored.value.name} ({stored.value.id})."
        for stored in await _unreported(ports.store)
        if _is_due(ports, stored.value)
    ]


async def _work(ctx: StepContext) -> Done:
    ports, forgotten = ports_of(ctx), 0
    for stored in await _unreported(ctx.store):
        if not _is_due(ports, stored.value):
            continue
        guards: list[Guard] = [
            DATASTORES.guard(stored),
            INVENTORIES.unused("datastore", stored.value.id),
        ]
        known = stored.value
        forget = bool(known.unreported_since_ms)
        noted = replace(known, unreported_since_ms=ports.clock.now_ms())
        changes: list[Change] = DATASTORES.delete(known) if forget else DATASTORES.put(noted, known)
        try:
            await ctx.commit(guards, changes)
        except GuardFailed:
            continue  # a host has it again
        forgotten += forget
    return Done(result={"forgotten": forgotten})


DATASTORES_CHORE = chore(
    "datastores",
    "Forget datastores that no host has had for a while and that hold nothing.",
    "FORGET_DATASTORES",
    lambda ports: ports.settings.chores.datastores_s,
    find,
    _work,
)
