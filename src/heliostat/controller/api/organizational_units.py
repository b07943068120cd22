"""Organisational units of a directory's tenant."""

from __future__ import annotations

from urllib.parse import quote

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import Batch, paginate
from heliostat.controller.api.directories import directory_of, place_of
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.identity.directory.views import UnitView
from heliostat.wire import organizational_units as wire

KIND = "organizational-unit"


def show_unit(call: Call, unit: UnitView) -> wire.OrganizationalUnit:
    """A unit; its path is its id."""
    return wire.OrganizationalUnit(
        id=unit.path,
        kind=KIND,
        path=unit.path,
        name=unit.name,
        built_in=unit.built_in,
        created_time=unit.created_ms,
        self_link=f"{place_of(call)}/organizational-units/{quote(unit.path, safe='')}",
        description=unit.description,
    )


async def _list(call: Call) -> wire.OrganizationalUnitList:
    units = await (await directory_of(call)).list_units()
    # a slash sorts before what a name may hold, so that each follows the one it lies in
    keyed = [(unit.path.casefold().replace("/", "\0"), unit) for unit in units]

    async def read(limit: int, after: str | None, _revision: int | None) -> Batch[UnitView]:
        left = [each for each in keyed if after is None or each[0] > after]
        more = left[limit - 1][0] if len(left) > limit else None
        return Batch(left[:limit], more, await call.store.revision())

    page = await paginate(call, read)
    return wire.OrganizationalUnitList(
        items=[show_unit(call, each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> wire.OrganizationalUnit:
    return show_unit(call, await (await directory_of(call)).get_unit(call.id))


async def _create(call: Call, plan: bool) -> wire.OrganizationalUnit:
    body: wire.OrganizationalUnitCreateSpec = call.body
    directory = await directory_of(call)
    made = await directory.create_unit(body.path, description=body.description, plan=plan)
    return show_unit(call, made)


async def _created(call: Call) -> wire.OrganizationalUnit:
    return show_unit(call, await (await directory_of(call)).get_unit(call.body.path))


async def _update(call: Call, plan: bool) -> wire.OrganizationalUnit:
    body: wire.OrganizationalUnitChange = call.body
    changed = await (await directory_of(call)).change_unit(
        call.id, to=body.path, description=body.description, plan=plan
    )
    return show_unit(call, changed)


async def _updated(call: Call) -> wire.OrganizationalUnit:
    body: wire.OrganizationalUnitChange = call.body
    return show_unit(call, await (await directory_of(call)).get_unit(body.path or call.id))


async def _delete(call: Call, plan: bool) -> None:
    await (await directory_of(call)).delete_unit(call.id, plan=plan)


HANDLERS: dict[str, Handler] = {
    "createOrganizationalUnit": Applies(_create, KIND, again=_created),
    "listOrganizationalUnits": Reads(_list),
    "getOrganizationalUnit": Reads(_show),
    "updateOrganizationalUnit": Applies(_update, KIND, again=_updated),
    "deleteOrganizationalUnit": Applies(_delete, KIND, again=nothing),
}
