"""Second factors of people."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.session_ports import FactorsPort
from heliostat.wire import second_factors as wire
from heliostat.wire.directory_tenants import TENANT

KIND = "second-factor"


async def _factors(call: Call) -> FactorsPort:
    return await call.services.directories.factors(call.params[TENANT])


async def _list(call: Call) -> wire.SecondFactorList:
    return wire.SecondFactorList(
        items=[
            wire.SecondFactor(
                id=each.id,
                type=each.kind,
                name=each.name,
                created_time=each.created_ms,
                used_time=each.used_ms,
                left=each.left,
            )
            for each in await (await _factors(call)).list_factors(call.id)
        ]
    )


async def _remove_all(call: Call, plan: bool) -> None:
    await (await _factors(call)).remove_factors(call.id, plan=plan)


async def _remove(call: Call, plan: bool) -> None:
    await (await _factors(call)).remove_factor(call.id, call.params["factor"], plan=plan)


HANDLERS: dict[str, Handler] = {
    "listSecondFactors": Reads(_list),
    "removeSecondFactors": Applies(_remove_all, KIND, again=nothing),
    "removeSecondFactor": Applies(_remove, KIND, again=nothing),
}
