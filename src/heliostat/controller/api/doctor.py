"""The check-up and the repair, for administrators."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.handler import Decides, Handler, Reads
from heliostat.controller.doctor.checkup import check_up
from heliostat.controller.doctor.repair import repair
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.wire import doctor as wire


async def _check(call: Call) -> wire.Checkup:
    found = await check_up(call.ports)
    of_identity = await call.services.directories.checkups.findings()
    return wire.Checkup(
        kind="checkup",
        revision=found.revision,
        documents=found.documents,
        findings=[
            wire.Finding(area=str(each.area), message=each.message, hint=each.hint)
            for each in (*found.findings, *of_identity)
        ],
        repairs=list(found.repairs),
    )


async def _repair(call: Call, caller: Caller) -> Admission:
    return await repair(call.ports, caller)


HANDLERS: dict[str, Handler] = {
    "getCheckup": Reads(_check),
    "repairSystem": Decides(_repair),
}
