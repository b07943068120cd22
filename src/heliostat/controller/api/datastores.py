"""Datastores, and the ones that every image is seeded to."""

from __future__ import annotations

from collections.abc import Mapping

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.handler import Decides, Handler, Reads
from heliostat.controller.api.listing import of_index, of_kind
from heliostat.controller.model.datastore import Datastore
from heliostat.controller.model.host import HostInventory
from heliostat.controller.model.image import Image
from heliostat.controller.model.replication import Copy
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.controller.workflows.hosts_sync import hosts_sync
from heliostat.controller.workflows.image_datastores import (
    image_datastore_ids,
    image_datastores_update,
)
from heliostat.controller.workflows.replicas import Layout, read_layout
from heliostat.wire import datastores as wire


async def show_datastore(call: Call, datastore: Datastore) -> wire.Datastore:
    """A datastore as its hosts last told; one that hosts share has the same space for each."""
    hosts, images = [], set()
    for stored in await kinds.INVENTORIES.by_index(call.store, "datastore", datastore.id):
        hosts.append(await _show_host(call, stored.value, datastore.id))
        images |= {
            digest
            for each in stored.value.datastores
            if each.datastore_id == datastore.id
            for digest in each.images
        }
    return wire.Datastore(
        id=datastore.id,
        kind=kinds.DATASTORE,
        type=datastore.type.value,
        self_link=f"{call.base}/v1/infrastructure/datastores/{datastore.id}",
        tags=list(datastore.tags),
        name=datastore.name,
        is_image_datastore=datastore.id in await image_datastore_ids(call.store),
        total_bytes=max((each.total_bytes for each in hosts), default=0),
        free_bytes=max((each.free_bytes for each in hosts), default=0),
        image_count=len(images),
        hosts=hosts,
    )


async def _show_host(call: Call, inventory: HostInventory, datastore_id: str) -> wire.DatastoreHost:
    held = next(each for each in inventory.datastores if each.datastore_id == datastore_id)
    stored = await kinds.HOSTS.get(call.store, inventory.id)
    active = await reading.agent_is_active(call.store, inventory.id)
    return wire.DatastoreHost(
        host_id=inventory.id,
        address=stored.value.address if stored is not None else "",
        agent_state="ACTIVE" if active else "MISSING",
        available=held.available,
        total_bytes=held.total_bytes,
        free_bytes=held.free_bytes,
    )


async def _list(call: Call) -> wire.DatastoreList:
    store, host_id = call.store, call.query.get("hostId")
    kept: set[str] | None = None
    if host_id is not None:
        await reading.host(store, host_id)
        inventory = await reading.inventory(store, host_id)
        kept = {each.datastore_id for each in inventory.datastores} if inventory else set()

    def wanted(datastore: Datastore) -> bool:
        return kept is None or datastore.id in kept

    if "name" in call.query:
        read = of_index(store, kinds.DATASTORES, "name", call.query["name"], wanted)
    else:
        read = of_kind(store, kinds.DATASTORES, wanted)
    page = await paginate(call, read)
    return wire.DatastoreList(
        items=[await show_datastore(call, each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> wire.Datastore:
    return await show_datastore(call, (await reading.datastore(call.store, call.id)).value)


async def _list_image_datastores(call: Call) -> wire.ImageDatastoreList:
    layout = await read_layout(call.store)
    images = {image.digest: image for image in layout.images if image.digest}
    items = []
    for datastore_id in sorted(layout.image_datastores):
        stored = await kinds.DATASTORES.get(call.store, datastore_id)
        held = stored.value if stored is not None else Datastore(id=datastore_id, name="")
        hosts = {spot.host_id for spot in layout.spots if spot.datastore_id == datastore_id}
        items.append(
            wire.ImageDatastore(
                id=held.id,
                name=held.name,
                type=held.type.value,
                host_ids=sorted(hosts),
                images=_held_images(layout, images, datastore_id),
            )
        )
    return wire.ImageDatastoreList(items=items)


def _held_images(
    layout: Layout, images: Mapping[str, Image], datastore_id: str
) -> list[wire.HeldImage]:
    """What the datastore has or shall have, of the images that there are."""
    here = [spot for spot in layout.spots if spot.datastore_id == datastore_id]
    present = {digest for spot in here for digest in spot.held}
    shall = {copy.digest for copy in layout.wanted if copy.datastore_id == datastore_id}
    return [
        show_copy(layout, images[digest], datastore_id, digest in present)
        for digest in sorted((present | shall) & images.keys())
    ]


def show_copy(layout: Layout, image: Image, datastore_id: str, present: bool) -> wire.HeldImage:
    """An image's copy in a datastore, and what its host says while it is not there."""
    copy = Copy(image.digest, datastore_id)
    asked = next((each for each in layout.asked if each.copy == copy), None)
    report = layout.reports.get((asked.host_id, copy)) if asked is not None else None
    state, message = "PRESENT" if present else "WAITING", ""
    if not present and asked is not None:
        state = "FAILED" if asked.failed else "COPYING"
        message = report.fault.message if report is not None and report.fault else ""
    progress = 1.0 if present else report.progress if report is not None else 0.0
    return wire.HeldImage(
        id=image.id,
        name=image.name,
        replication_type=image.replication.value,
        state=state,
        progress=progress,
        message=message,
    )


async def _update(call: Call, caller: Caller) -> Admission:
    body: wire.ImageDatastores = call.body
    return await image_datastores_update(call.ports, caller, body.items or ())


async def _sync(call: Call, caller: Caller) -> Admission:
    return await hosts_sync(call.ports, caller)


HANDLERS: dict[str, Handler] = {
    "listDatastores": Reads(_list),
    "getDatastore": Reads(_show),
    "listImageDatastores": Reads(_list_image_datastores),
    "updateImageDatastores": Decides(_update),
    "syncHostsConfig": Decides(_sync),
}
