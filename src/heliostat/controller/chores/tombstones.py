"""Images, flavors and zones in PENDING_DELETE that nothing uses any more.

The last user takes them along in its own commit, so there is nothing to find
unless a store was restored or mended by hand; then this finishes the deletion.
"""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.controller.chores.contract import chore
from heliostat.controller.model.flavor import FlavorState
from heliostat.controller.model.image import ImageState
from heliostat.controller.model.zone import ZoneState
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.kinds import DISKS, FLAVORS, HOSTS, IMAGES, VMS, ZONES
from heliostat.controller.workflows.unused import Sweep, sweep_flavors, sweep_image
from heliostat.controller.workflows.zone import sweep_zone
from heliostat.tasks.model import Done, StepContext


async def _waiting_images(store: CloudStore) -> list[str]:
    return [
        each.value.id
        for each in await IMAGES.all(store)
        if each.value.state is ImageState.PENDING_DELETE
        and not await VMS.ids_by_index(store, "image", each.value.id)
    ]


async def _waiting_flavors(store: CloudStore) -> list[str]:
    return [
        each.value.id
        for each in await FLAVORS.all(store)
        if each.value.state is FlavorState.PENDING_DELETE
        and not await VMS.ids_by_index(store, "flavor", each.value.id)
        and not await DISKS.ids_by_index(store, "flavor", each.value.id)
    ]


async def _waiting_zones(store: CloudStore) -> list[str]:
    return [
        each.value.id
        for each in await ZONES.all(store)
        if each.value.state is ZoneState.PENDING_DELETE
        and not await HOSTS.ids_by_index(store, "zone", each.value.id)
    ]


async def find(ports: Ports) -> Sequence[str]:
    images = await _waiting_images(ports.store)
    flavors = await _waiting_flavors(ports.store)
    zones = await _waiting_zones(ports.store)
    return [
        *(f"The image {id_} waits for deletion and no VM uses it." for id_ in images),
        *(f"The flavor {id_} waits for deletion and nothing uses it." for id_ in flavors),
        *(f"The zone {id_} waits for deletion and no host is in it." for id_ in zones),
    ]


async def _work(ctx: StepContext) -> Done:
    store, removed = ctx.store, 0
    for id_ in await _waiting_images(store):
        removed += await _remove(ctx, await sweep_image(store, id_, ""))
    for id_ in await _waiting_flavors(store):
        removed += await _remove(ctx, await sweep_flavors(store, [id_], ""))
    for id_ in await _waiting_zones(store):
        removed += await _remove(ctx, await sweep_zone(store, id_, ""))
    return Done(result={"removed": removed})


async def _remove(ctx: StepContext, sweep: Sweep) -> int:
    if not sweep.changes:
        return 0  # used again, or gone
    try:
        await ctx.commit(sweep.guards, sweep.changes)
    except GuardFailed:
        return 0  # the next look finds it again
    return 1


TOMBSTONES = chore(
    "tombstones",
    "Finish the deletion of images, flavors and zones whose last user is gone.",
    "REMOVE_TOMBSTONES",
    lambda ports: ports.settings.chores.tombstones_s,
    find,
    _work,
)
