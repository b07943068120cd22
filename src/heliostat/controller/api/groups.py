"""Groups of the site's own directory."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.directories import directory_of, in_tenants, named_page, place_of
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.identity.directory.contract.groups import MemberVerbs
from heliostat.identity.directory.views import GroupView
from heliostat.wire import groups as wire
from heliostat.wire.directory_tenants import TENANT

KIND = "group"


def show_group(call: Call, group: GroupView) -> wire.Group:
    """A group; its name is its id."""
    return wire.Group(
        id=group.name,
        kind=KIND,
        name=group.name,
        security_group=group.security_group,
        self_link=f"{place_of(call)}/groups/{group.name}",
        members=list(group.members),
        description=group.description,
        unit=group.unit,
        gid=group.number,
    )


async def _list(call: Call) -> wire.GroupList:
    page = await named_page(call, (await _members(call)).page_groups)
    return wire.GroupList(
        items=[show_group(call, each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> wire.Group:
    return show_group(call, await (await _members(call)).get_group(call.id))


async def _members(call: Call) -> MemberVerbs:
    """Who is in the groups of the directory that the path names."""
    return await call.services.directories.members(call.params.get(TENANT, ""))


async def _create(call: Call, plan: bool) -> wire.Group:
    body: wire.GroupCreateSpec = call.body
    made = await (await directory_of(call)).create_group(
        body.name, description=body.description, unit=body.unit, plan=plan
    )
    return show_group(call, made)


async def _created(call: Call) -> wire.Group:
    return show_group(call, await (await directory_of(call)).get_group(call.body.name))


async def _update(call: Call, plan: bool) -> wire.Group:
    body: wire.GroupChange = call.body
    changed = await (await directory_of(call)).change_group(
        call.id, description=body.description, unit=body.unit, plan=plan
    )
    return show_group(call, changed)


async def _delete(call: Call, plan: bool) -> None:
    await (await directory_of(call)).delete_group(call.id, plan=plan)


async def _add_member(call: Call, plan: bool) -> wire.Group:
    made = await (await _members(call)).add_member(call.id, call.body.name, plan=plan)
    return show_group(call, made)


async def _remove_member(call: Call, plan: bool) -> None:
    await (await _members(call)).remove_member(call.id, call.params["member"], plan=plan)


HANDLERS: dict[str, Handler] = {
    "createGroup": Applies(_create, KIND, again=_created),
    "listGroups": Reads(_list),
    "getGroup": Reads(_show),
    "updateGroup": Applies(_update, KIND, again=_show),
    "deleteGroup": Applies(_delete, KIND, again=nothing),
    "addGroupMember": Applies(_add_member, KIND, again=_show),
    "removeGroupMember": Applies(_remove_member, KIND, again=nothing),
}
HANDLERS |= in_tenants(HANDLERS)
