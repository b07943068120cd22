"""What hosts hold or are told for things that are not there (any more).

Workflows write entity, reservation and orders in one commit, so there is
nothing to find unless a store was restored or mended by hand.  Each removal is
guarded by the thing being as absent as it was when it was judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from heliostat.cloudstore.contract import AtRevision, CloudStore, Delete, Guard, GuardFailed
from heliostat.cloudstore.documents import Kind
from heliostat.controller.chores.contract import chore
from heliostat.controller.model.desired import DESIRED, DISK, VM
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.kinds import DISKS, RESERVATIONS, VMS
from heliostat.controller.workflows.releasing import released
from heliostat.tasks.follow import snapshot
from heliostat.tasks.model import Done, StepContext

_KINDS: dict[str, Kind[Any]] = {VM: VMS, DISK: DISKS}


@dataclass(frozen=True, slots=True)
class Stale:
    """A thing that a host holds or is told; ``kind`` is ``vm`` or ``disk``."""

    host_id: str
    kind: str
    id: str


async def stale_reservations(store: CloudStore) -> list[Stale]:
    """Reserved for what is gone or lives on another host."""
    found: list[Stale] = []
    for stored in await RESERVATIONS.all(store):
        held = stored.value
        for kind, ids in ((VM, held.vms), (DISK, held.disks)):
            present = set(await _KINDS[kind].ids_by_index(store, "host", held.host_id))
            found.extend(Stale(held.host_id, kind, id_) for id_ in sorted(ids.keys() - present))
    return found


async def stale_orders(store: CloudStore) -> list[Stale]:
    """Asked of a host for what is gone or lives on another host."""
    documents, _ = await snapshot(store, DESIRED)
    found: list[Stale] = []
    present: dict[tuple[str, str], set[str]] = {}
    for document in documents:
        host_id, kind, id_ = document.key.removeprefix(DESIRED).split("/")
        if kind not in _KINDS:
            continue
        if (host_id, kind) not in present:
            ids = await _KINDS[kind].ids_by_index(store, "host", host_id)
            present[host_id, kind] = set(ids)
        if id_ not in present[host_id, kind]:
            found.append(Stale(host_id, kind, id_))
    return found


async def find(ports: Ports) -> Sequence[str]:
    reserved = await stale_reservations(ports.store)
    ordered = await stale_orders(ports.store)
    return [
        *(f"The host {each.host_id} reserves for the {each.kind} {each.id}." for each in reserved),
        *(f"The host {each.host_id} is told of the {each.kind} {each.id}." for each in ordered),
    ]


async def remove_stale(ctx: StepContext) -> int:
    """Release and withdraw what :func:`find` tells of; how many were removed."""
    removed = 0
    for each in await stale_reservations(ctx.store):
        removed += await _release(ctx, each)
    for each in await stale_orders(ctx.store):
        removed += await _withdraw(ctx, each)
    return removed


async def _work(ctx: StepContext) -> Done:
    return Done(result={"removed": await remove_stale(ctx)})


async def _release(ctx: StepContext, stale: Stale) -> int:
    guard = await _still_stale(ctx.store, stale)
    if guard is None:
        return 0
    vm, disk = (stale.id, "") if stale.kind == VM else ("", stale.id)
    part = await released(ctx.store, stale.host_id, vm=vm, disk=disk)
    return await _commit(ctx, [guard, *part.guards], part.changes)


async def _withdraw(ctx: StepContext, stale: Stale) -> int:
    guard = await _still_stale(ctx.store, stale)
    document = await ctx.store.get(f"{DESIRED}{stale.host_id}/{stale.kind}/{stale.id}")
    if guard is None or document is None:
        return 0
    guards = [guard, AtRevision(document.key, document.revision)]
    return await _commit(ctx, guards, [Delete(document.key)])


async def _still_stale(store: CloudStore, stale: Stale) -> Guard | None:
    """A guard that holds while the thing is not on this host; ``None`` if it is there."""
    kind = _KINDS[stale.kind]
    stored = await kind.get(store, stale.id)
    if stored is None:
        return kind.absent(stale.id)
    return None if stored.value.host_id == stale.host_id else kind.guard(stored)


async def _commit(ctx: StepContext, guards: Sequence[Guard], changes: Sequence[Any]) -> int:
    if not changes:
        return 0
    try:
        await ctx.commit(guards, changes)
    except GuardFailed:
        return 0  # it is being worked on; the next look judges it anew
    return 1


RESERVATIONS_CHORE = chore(
    "reservations",
    "Release reservations and withdraw orders to hosts for what does not exist.",
    "RELEASE_RESERVATIONS",
    lambda ports: ports.settings.chores.reservations_s,
    find,
    _work,
)
