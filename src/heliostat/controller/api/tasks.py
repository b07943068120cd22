"""Tasks: lists, explanations, and what users ask of a stalled one."""

from __future__ import annotations

from collections.abc import Callable

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import Read, paginate
from heliostat.controller.api.handler import Decides, Handler, Reads
from heliostat.controller.api.listing import of_tasks, of_tasks_under
from heliostat.controller.api.presenting import show_explanation, show_task
from heliostat.controller.api.reach import Reach, reach_of
from heliostat.controller.workflows import reading
from heliostat.controller.workflows import task as verbs
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.core.errors import PermanentError
from heliostat.tasks.explain import explain
from heliostat.tasks.indexes import (
    OPEN_PREFIX,
    entity_prefix,
    project_prefix,
    state_prefix,
    tenant_prefix,
)
from heliostat.tasks.model import Task, TaskState, task_key
from heliostat.wire import tasks as wire


async def list_tasks(call: Call, prefix: str) -> wire.TaskList:
    """The tasks under an index prefix that the query's ``state`` and ``kind`` let through."""
    return await _listed(call, of_tasks(call.store, prefix, _wanted(call)))


async def _list(call: Call) -> wire.TaskList:
    entity_id, kind = call.query.get("entityId"), call.query.get("entityKind")
    if (entity_id is None) != (kind is None):
        raise PermanentError(
            "InvalidQueryParams", "Give both entityId and entityKind, or neither of them."
        )
    reach = await reach_of(call.store, call.principal)
    wanted = _wanted(call)
    if entity_id is not None:
        prefix = entity_prefix(str(kind), entity_id)

        def visible(task: Task) -> bool:
            return wanted(task) and reach.sees_task(task)

        return await _listed(call, of_tasks(call.store, prefix, visible))
    if reach.everything:
        return await _listed(call, of_tasks(call.store, _everywhere(_state_of(call)), wanted))
    return await _listed(call, of_tasks_under(call.store, _prefixes(reach), wanted))


def _everywhere(state: TaskState | None) -> str:
    """Where all tasks are found, or all in a state: the open ones are few."""
    if state is None:
        return task_key("")
    return state_prefix(state) if state.is_final else OPEN_PREFIX


def _prefixes(reach: Reach) -> list[str]:
    """Where the tasks of all that the caller sees are indexed."""
    return [
        *(tenant_prefix(each) for each in sorted(reach.tenants)),
        *(project_prefix(each) for each in sorted(reach.own_projects)),
        *(entity_prefix(kind, id_) for kind, id_ in sorted(reach.things)),
    ]


def _wanted(call: Call) -> Callable[[Task], bool]:
    state, kind = _state_of(call), call.query.get("kind")
    return lambda task: state in (None, task.state) and kind in (None, task.entity_kind)


async def _listed(call: Call, read: Read[Task]) -> wire.TaskList:
    page = await paginate(call, read)
    items = [show_task(each, call.base) for each in page.items]
    return wire.TaskList(items=items, next_page_link=page.link, previous_page_link=page.previous)


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
    task = await reading.task(call.store, call.id)
    return show_task(task, call.base, call.caller.subject)


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
