"""Computers of a directory's tenant."""

from __future__ import annotations

import msgspec

from heliostat.controller.api.call import Call
from heliostat.controller.api.directories import directory_of, named_page, place_of
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.identity.directory.views import ComputerView
from heliostat.wire import computers as wire
from heliostat.wire.directory_tenants import TENANT

KIND = "computer"


def show_computer(call: Call, computer: ComputerView) -> wire.Computer:
    """A computer; its name is its id."""
    return wire.Computer(
        id=computer.name,
        kind=KIND,
        name=computer.name,
        disabled=computer.disabled,
        unit=computer.unit,
        created_time=computer.created_ms,
        self_link=f"{place_of(call)}/computers/{computer.name}",
        operating_system=computer.operating_system,
        certificate_sha256=computer.certificate_sha256,
        description=computer.description,
        last_seen_time=computer.last_seen_ms,
        project=computer.project,
        vm=computer.vm,
    )


async def _list(call: Call) -> wire.ComputerList:
    page = await named_page(call, (await directory_of(call)).page_computers)
    return wire.ComputerList(
        items=[show_computer(call, each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> wire.Computer:
    return show_computer(call, await (await directory_of(call)).get_computer(call.id))


async def _create(call: Call, plan: bool) -> wire.Computer:
    told = msgspec.structs.asdict(call.body)
    made = await (await directory_of(call)).create_computer(told.pop("name"), plan=plan, **told)
    return show_computer(call, made)


async def _created(call: Call) -> wire.Computer:
    return show_computer(call, await (await directory_of(call)).get_computer(call.body.name))


async def _update(call: Call, plan: bool) -> wire.Computer:
    told = msgspec.structs.asdict(call.body)
    changed = await (await directory_of(call)).change_computer(call.id, plan=plan, **told)
    return show_computer(call, changed)


async def _delete(call: Call, plan: bool) -> None:
    machines = await call.services.directories.machines(call.params[TENANT])
    await machines.dismiss(call.id, plan=plan)


HANDLERS: dict[str, Handler] = {
    "createComputer": Applies(_create, KIND, again=_created),
    "listComputers": Reads(_list),
    "getComputer": Reads(_show),
    "updateComputer": Applies(_update, KIND, again=_show),
    "deleteComputer": Applies(_delete, KIND, again=nothing),
}
