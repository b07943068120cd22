"""Background work, seen and set off by administrators."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.handler import Decides, Handler, Reads
from heliostat.controller.api.tasks import list_tasks
from heliostat.controller.chores.catalogue import CHORES
from heliostat.controller.chores.contract import RECORDS, Chore, ChoreRecord
from heliostat.controller.chores.verbs import chore_named, chore_run
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.controller.workflows.kinds import CHORE
from heliostat.tasks.indexes import entity_prefix
from heliostat.wire import chores as wire
from heliostat.wire.tasks import TaskList


async def _list(call: Call) -> wire.ChoreList:
    return wire.ChoreList(items=[await _shown(call, name) for name in sorted(CHORES)])


async def _one(call: Call) -> wire.Chore:
    return await _shown(call, call.params["name"])


async def _shown(call: Call, name: str) -> wire.Chore:
    chore = chore_named(CHORES, name)
    stored = await RECORDS.get(call.store, name)
    return _show(call, chore, stored.value if stored else ChoreRecord(name=name, looked_ms=0))


def _show(call: Call, chore: Chore, record: ChoreRecord) -> wire.Chore:
    return wire.Chore(
        name=chore.name,
        kind=CHORE,
        purpose=chore.purpose,
        operation=chore.workflow.operation,
        period_s=chore.period_s(call.ports),
        last_looked_time=record.looked_ms,
        found=record.found,
        findings=list(record.findings),
        fault=record.fault,
        task_id=record.task_id,
    )


async def _run(call: Call, caller: Caller) -> Admission:
    return await chore_run(call.ports, caller, CHORES, call.params["name"])


async def _tasks(call: Call) -> TaskList:
    return await list_tasks(call, entity_prefix(CHORE, call.params["name"]))


HANDLERS: dict[str, Handler] = {
    "listChores": Reads(_list),
    "getChore": Reads(_one),
    "runChore": Decides(_run),
    "listChoreTasks": Reads(_tasks),
}
