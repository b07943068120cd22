"""Groups of the site's own directory."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.directories import directory_of, in_tenants, place_of
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.listing import of_names
from heliostat.controller.api.ports import GroupRecord
from heliostat.wire import groups as wire

KIND = "group"


def show_group(call: Call, group: GroupRecord) -> wire.Group:
    """A group; its name is its id."""
    return wire.Group(
        id=group.name,
        kind=KIND,
        name=group.name,
        security_group=group.security_group,
        self_link=f"{place_of(call)}/groups/{group.name}",
        members=list(group.members),
        description=group.description,
    )


async def _list(call: Call) -> wire.GroupList:
    read = of_names(
        call.store, await (await directory_of(call)).list_groups(), call.query.get("name")
    )
    page = await paginate(call, read)
    return wire.GroupList(
        items=[show_group(call, each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> wire.Group:
    return show_group(call, await (await directory_of(call)).get_group(call.id))


async def _create(call: Call, plan: bool) -> wire.Group:
    body: wire.GroupCreateSpec = call.body
    made = await (await directory_of(call)).create_group(
        body.name, description=body.description, plan=plan
    )
    return show_group(call, made)


async def _created(call: Call) -> wire.Group:
    return show_group(call, await (await directory_of(call)).get_group(call.body.name))


async def _delete(call: Call, plan: bool) -> None:
    await (await directory_of(call)).delete_group(call.id, plan=plan)


async def _add_member(call: Call, plan: bool) -> wire.Group:
    made = await (await directory_of(call)).add_member(call.id, call.body.name, plan=plan)
    return show_group(call, made)


async def _remove_member(call: Call, plan: bool) -> None:
    await (await directory_of(call)).remove_member(call.id, call.params["member"], plan=plan)


HANDLERS: dict[str, Handler] = {
    "createGroup": Applies(_create, KIND, again=_created),
    "listGroups": Reads(_list),
    "getGroup": Reads(_show),
    "deleteGroup": Applies(_delete, KIND, again=nothing),
    "addGroupMember": Applies(_add_member, KIND, again=_show),
    "removeGroupMember": Applies(_remove_member, KIND, again=nothing),
}
HANDLERS |= in_tenants(HANDLERS)
