"""What existing clients know and this site does not offer: empty lists, and a clear refusal."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from heliostat.controller.api.call import Call
from heliostat.controller.api.handler import Handler, Reads
from heliostat.controller.workflows import reading
from heliostat.core.errors import PermanentError
from heliostat.wire import unoffered as wire
from heliostat.wire.route import Route


@dataclass(frozen=True, slots=True)
class Refuses:
    """Answers ``NotConfigured`` with what is missing; first that what the path names is there."""

    async def answer(self, call: Call) -> web.StreamResponse:
        owner = call.route.owner
        if owner is not None:
            await reading.owner_of(call.store, owner.kind, call.params[owner.parameter])
        raise PermanentError("NotConfigured", call.route.missing)


def refusals(routes: tuple[Route, ...]) -> dict[str, Handler]:
    """Handlers of all routes that miss something."""
    return {route.operation: Refuses() for route in routes if route.missing}


async def _none(call: Call) -> wire.EmptyList:
    await reading.project(call.store, call.id)
    return wire.EmptyList(items=[])


HANDLERS: dict[str, Handler] = {
    **refusals(wire.ROUTES),
    **{route.operation: Reads(_none) for route in wire.ROUTES if not route.missing},
}
