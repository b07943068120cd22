"""Tasks: lists, explanations, and what users ask of a stalled one."""

from __future__ import annotations

from collections.abc import Callable

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.handler import Decides, Handler, Reads
from heliostat.controller.api.listing import everything, of_tasks
from heliostat.controller.api.presenting import show_explanation, show_task
from heliostat.controller.api.reach import reach_of
from heliostat.controller.workflows import reading
from heliostat.controller.workflows import task as verbs
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.core.errors import PermanentError
from heliostat.tasks.explain import explain
from heliostat.tasks.indexes import entity_prefix
from heliostat.tasks.model import Task, TaskState, task_key
from heliostat.wire import tasks as wire


async def list_tasks(call: Call, prefix: str) -> wire.TaskList:
    """The tasks under an index prefix that the query's ``state`` and ``kind`` let through."""
    return await _listed(call, prefix, everything)


async def _list(call: Call) -> wire.TaskList:
    entity_id, kind = call.query.get("entityId"), call.query.get("entityKind")
    if (entity_id is None) != (kind is None):
        raise PermanentError(
            "InvalidQueryParams", "Give both entityId and entityKind, or neither of them."
        )
    reach = await reach_of(call)
    prefix = task_key("") if entity_id is None else entity_prefix(str(kind), entity_id)
    return await _listed(call, prefix, reach.sees_task)


async def _listed(call: Call, prefix: str, visible: Callable[[Task], bool]) -> wire.TaskList:
    state, kind = _state_of(call), call.query.get("kind")

    def wanted(task: Task) -> bool:
        return state in (None, task.state) and kind in (None, task.entity_kind) and visible(task)

    page = await paginate(call, of_tasks(call.store, prefix, wanted))
    items = [show_task(each, call.base) for each in page.items]
    return wire.TaskList(items=items, next_page_link=page.link)


def _state_of(call: Call) -> TaskState | None:
    text = call.query.get("state")
    if text is None:
        return None
    try:
        return TaskState(text.upper())
    except ValueError as error:
        known = ", ".join(TaskState)
        raise PermanentError(
            "InvalidQueryParams",
            f"state: {text!r} is none of {known}.",
            data={"parameter": "state"},
        ) from error


async def _show(call: Call) -> wire.Task:
    return show_task(await reading.task(call.store, call.id), call.base)


async def _explain(call: Call) -> wire.TaskExplanation:
    task = await reading.task(call.store, call.id)
    return show_explanation(explain(task))


async def _retry(call: Call, caller: Caller) -> Admission:
    return await verbs.task_retry(call.ports, caller, call.id)


async def _skip(call: Call, caller: Caller) -> Admission:
    return await verbs.task_skip(call.ports, caller, call.id)


async def _undo(call: Call, caller: Caller) -> Admission:
    return await verbs.task_undo(call.ports, caller, call.id)


HANDLERS: dict[str, Handler] = {
    "listTasks": Reads(_list),
    "getTask": Reads(_show),
    "explainTask": Reads(_explain),
    "retryTask": Decides(_retry),
    "skipTask": Decides(_skip),
    "undoTask": Decides(_undo),
}
