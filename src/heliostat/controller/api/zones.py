"""Availability zones."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.handler import Decides, Handler, Reads
from heliostat.controller.api.listing import of_index, of_kind
from heliostat.controller.api.tasks import list_tasks
from heliostat.controller.model.zone import Zone
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows import zone as verbs
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.tasks.indexes import entity_prefix
from heliostat.wire import zones as wire
from heliostat.wire.tasks import TaskList


def show_zone(call: Call, zone: Zone) -> wire.Zone:
    return wire.Zone(
        id=zone.id,
        kind=kinds.ZONE,
        name=zone.name,
        state=zone.state.value,
        self_link=f"{call.base}/v1/zones/{zone.id}",
        tags=list(zone.tags),
    )


async def _list(call: Call) -> wire.ZoneList:
    name = call.query.get("name")
    named = name is not None
    read = of_index(call.store, kinds.ZONES, "name", name or "") if named else None
    page = await paginate(call, read or of_kind(call.store, kinds.ZONES))
    items = [show_zone(call, each) for each in page.items]
    return wire.ZoneList(items=items, next_page_link=page.link, previous_page_link=page.previous)


async def _show(call: Call) -> wire.Zone:
    return show_zone(call, (await reading.zone(call.store, call.id)).value)


async def _tasks(call: Call) -> TaskList:
    await reading.zone(call.store, call.id)
    return await list_tasks(call, entity_prefix(kinds.ZONE, call.id))


async def _create(call: Call, caller: Caller) -> Admission:
    body: wire.ZoneCreateSpec = call.body
    return await verbs.zone_create(call.ports, caller, body.name)


async def _delete(call: Call, caller: Caller) -> Admission:
    return await verbs.zone_delete(call.ports, caller, call.id)


HANDLERS: dict[str, Handler] = {
    "createZone": Decides(_create),
    "listZones": Reads(_list),
    "getZone": Reads(_show),
    "deleteZone": Decides(_delete),
    "listZoneTasks": Reads(_tasks),
}
