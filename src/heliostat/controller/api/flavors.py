"""Flavors."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.handler import Decides, Handler, Reads
from heliostat.controller.api.labels import selector_of
from heliostat.controller.api.listing import of_kind
from heliostat.controller.api.quotas import read_unit, show_cost
from heliostat.controller.api.tasks import list_tasks
from heliostat.controller.model.flavor import Flavor, flavor_kind
from heliostat.controller.model.quantity import CostItem
from heliostat.controller.workflows import flavor as verbs
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.tasks.indexes import entity_prefix
from heliostat.wire import flavors as wire
from heliostat.wire.tasks import TaskList


def show_flavor(call: Call, flavor: Flavor) -> wire.Flavor:
    """A flavor; its ``kind`` says what it is for, as existing clients expect."""
    return wire.Flavor(
        id=flavor.id,
        kind=flavor.kind.value,
        name=flavor.name,
        state=flavor.state.value,
        self_link=f"{call.base}/v1/flavors/{flavor.id}",
        cost=show_cost(flavor.cost),
        tags=list(flavor.tags),
        labels=flavor.labels,
    )


async def _list(call: Call) -> wire.FlavorList:
    name = call.query.get("name")
    selector = selector_of(call)
    kind = flavor_kind(call.query["kind"]) if "kind" in call.query else None

    def kept(flavor: Flavor) -> bool:
        named = name in (None, flavor.name) and kind in (None, flavor.kind)
        return named and selector.selects(flavor.labels)

    page = await paginate(call, of_kind(call.store, kinds.FLAVORS, kept))
    items = [show_flavor(call, each) for each in page.items]
    return wire.FlavorList(items=items, next_page_link=page.link, previous_page_link=page.previous)


async def _show(call: Call) -> wire.Flavor:
    return show_flavor(call, (await reading.flavor(call.store, call.id)).value)


async def _tasks(call: Call) -> TaskList:
    await reading.flavor(call.store, call.id)
    return await list_tasks(call, entity_prefix(kinds.FLAVOR, call.id))


async def _create(call: Call, caller: Caller) -> Admission:
    body: wire.FlavorCreateSpec = call.body
    cost = tuple(
        CostItem(key=item.key, value=item.value, unit=read_unit(item.unit, f"cost[{index}]"))
        for index, item in enumerate(body.cost or ())
    )
    return await verbs.flavor_create(call.ports, caller, body.name, body.kind, cost, body.labels)


async def _delete(call: Call, caller: Caller) -> Admission:
    return await verbs.flavor_delete(call.ports, caller, call.id)


HANDLERS: dict[str, Handler] = {
    "createFlavor": Decides(_create),
    "listFlavors": Reads(_list),
    "getFlavor": Reads(_show),
    "deleteFlavor": Decides(_delete),
    "listFlavorTasks": Reads(_tasks),
}
