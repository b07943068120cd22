"""Users of the site's own directory; the directory itself is sign-in's."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.directories import directory_of, in_tenants, place_of
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.listing import of_names
from heliostat.controller.api.ports import UserRecord
from heliostat.wire import users as wire

KIND = "user"


def show_user(call: Call, user: UserRecord) -> wire.User:
    """A user; its name is its id."""
    return wire.User(
        id=user.name,
        kind=KIND,
        name=user.name,
        subject=user.subject,
        self_link=f"{place_of(call)}/users/{user.name}",
        disabled=user.disabled,
        created_time=user.created_ms,
        groups=list(user.groups),
        given_name=user.given_name,
        family_name=user.family_name,
        email=user.email,
    )


async def _whoami(call: Call) -> wire.Whoami:
    caller = call.caller
    return wire.Whoami(
        subject=caller.subject,
        groups=sorted(caller.groups),
        is_system_admin=caller.is_system_admin,
    )


async def _list(call: Call) -> wire.UserList:
    read = of_names(
        call.store, await (await directory_of(call)).list_users(), call.query.get("name")
    )
    page = await paginate(call, read)
    return wire.UserList(
        items=[show_user(call, each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> wire.User:
    return show_user(call, await (await directory_of(call)).get_user(call.id))


async def _create(call: Call, plan: bool) -> wire.User:
    body: wire.UserCreateSpec = call.body
    made = await (await directory_of(call)).create_user(
        body.name,
        body.password,
        given_name=body.given_name,
        family_name=body.family_name,
        email=body.email,
        plan=plan,
    )
    return show_user(call, made)


async def _created(call: Call) -> wire.User:
    return show_user(call, await (await directory_of(call)).get_user(call.body.name))


async def _delete(call: Call, plan: bool) -> None:
    await (await directory_of(call)).delete_user(call.id, plan=plan)


async def _set_password(call: Call, plan: bool) -> None:
    await (await directory_of(call)).set_password(call.id, call.body.password, plan=plan)


HANDLERS: dict[str, Handler] = {
    "whoami": Reads(_whoami),
    "createUser": Applies(_create, KIND, again=_created),
    "listUsers": Reads(_list),
    "getUser": Reads(_show),
    "deleteUser": Applies(_delete, KIND, again=nothing),
    "setUserPassword": Applies(_set_password, KIND),
}
HANDLERS |= in_tenants(HANDLERS)
