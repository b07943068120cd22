"""Users of the site's own directory; the directory itself is sign-in's."""

from __future__ import annotations

import msgspec

from heliostat.controller.api.call import Call
from heliostat.controller.api.directories import directory_of, in_tenants, named_page, place_of
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.recording import note_proven
from heliostat.controller.trail.record import Proof
from heliostat.identity.directory.views import UserView
from heliostat.wire import users as wire

KIND = "user"


def show_user(call: Call, user: UserView) -> wire.User:
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
        description=user.description,
        unit=user.unit,
        uid=user.number,
        ssh_public_keys=list(user.ssh_public_keys),
        certificates=list(user.certificates),
    )


async def _whoami(call: Call) -> wire.Whoami:
    caller = call.caller
    return wire.Whoami(
        subject=caller.subject,
        groups=sorted(caller.groups),
        is_system_admin=caller.is_system_admin,
    )


async def _list(call: Call) -> wire.UserList:
    page = await named_page(call, (await directory_of(call)).page_users)
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
        description=body.description,
        unit=body.unit,
        ssh_public_keys=body.ssh_public_keys or (),
        certificates=body.certificates or (),
        must_change=body.must_change,
        plan=plan,
    )
    return show_user(call, made)


async def _created(call: Call) -> wire.User:
    return show_user(call, await (await directory_of(call)).get_user(call.body.name))


async def _update(call: Call, plan: bool) -> wire.User:
    told = msgspec.structs.asdict(call.body)
    changed = await (await directory_of(call)).change_user(call.id, plan=plan, **told)
    await _end_stale(call, changed.subject, plan)
    return show_user(call, changed)


async def _delete(call: Call, plan: bool) -> None:
    gone = await (await directory_of(call)).delete_user(call.id, plan=plan)
    await _end_stale(call, gone.subject, plan)


async def _set_password(call: Call, plan: bool) -> None:
    body: wire.UserPassword = call.body
    directory = await directory_of(call)
    changed = await directory.set_password(
        call.id, body.password, must_change=body.must_change, plan=plan
    )
    await _end_stale(call, changed.subject, plan)


async def _change_own_password(call: Call, plan: bool) -> None:
    body: wire.OwnPassword = call.body
    directory = await call.services.directories.of_subject(body.user)
    changed = await directory.change_password(
        body.user, body.old_password, body.new_password, plan=plan
    )
    note_proven(call, changed.subject, Proof.PASSWORD)
    await _end_stale(call, changed.subject, plan)


async def _end_stale(call: Call, subject: str, plan: bool) -> None:
    """Programs hear at once of sessions that a change has ended; else within the hour."""
    if not plan:
        sessions = await call.services.directories.sessions(subject.rpartition("@")[2])
        await sessions.end_stale(subject)


HANDLERS: dict[str, Handler] = {
    "whoami": Reads(_whoami),
    "createUser": Applies(_create, KIND, again=_created),
    "listUsers": Reads(_list),
    "getUser": Reads(_show),
    "updateUser": Applies(_update, KIND, again=_show),
    "deleteUser": Applies(_delete, KIND, again=nothing),
    "setUserPassword": Applies(_set_password, KIND),
    "changeOwnPassword": Applies(_change_own_password, KIND),
}
HANDLERS |= in_tenants(HANDLERS)
