"""Tasks as clients see them.

Times are int64 milliseconds since the Unix epoch, 0 while unset.  The four
states are the only ones; a stalled task stays STARTED and carries ``stalled``.
``resource_properties`` is always an object.
"""

from __future__ import annotations

from typing import Any

from heliostat.wire.access import Access
from heliostat.wire.body import EntityRef, Response
from heliostat.wire.errors import ApiError
from heliostat.wire.route import PAGE, STATE, Owner, Query, Route


class Step(Response):
    """One step of a task."""

    id: str
    sequence: int
    operation: str
    state: str
    queued_time: int
    started_time: int
    end_time: int
    errors: list[ApiError]
    warnings: list[ApiError]
    options: dict[str, Any]
    resource_properties: dict[str, Any]


class Stalled(Response):
    """Why a task makes no progress, since when (ms), and the actions its user may take."""

    since: int
    reason: str
    actions: list[str]


class Task(Response):
    """A durable operation on one entity."""

    id: str
    self_link: str
    operation: str
    state: str
    entity: EntityRef
    queued_time: int
    started_time: int
    end_time: int
    steps: list[Step]
    resource_properties: dict[str, Any]
    stalled: Stalled | None = None


class TaskList(Response):
    """A page of tasks, in order of their ids."""

    items: list[Task]
    next_page_link: str = ""
    previous_page_link: str = ""


class DecisionNote(Response):
    """A decision and its reason: a sentence with numbers, and the numbers (``at`` in ms)."""

    at: int
    decision: str
    reason: str
    data: dict[str, Any]


class StepExplanation(Response):
    """What happened in one step."""

    operation: str
    sequence: int
    state: str
    summary: str
    attempts: int
    undo: str
    decisions: list[DecisionNote]
    errors: list[ApiError]
    warnings: list[ApiError]


class TaskExplanation(Response):
    """What a task considered, decided and did, and what its user can do next."""

    id: str
    operation: str
    state: str
    entity: EntityRef
    summary: str
    requested_by: str
    request_id: str
    steps: list[StepExplanation]
    next_actions: list[str]
    stalled: Stalled | None = None


_ENTITY = (
    Query("entityId", str, "Only the tasks of this entity; needs entityKind."),
    Query("entityKind", str, "Kind of the entity; needs entityId."),
)

_KIND = Query("kind", str, "Only the tasks of entities of this kind.")

TASKS_OF = (_KIND, STATE, *PAGE)
"""Query parameters of every ``…/{id}/tasks`` list."""

_TASK = Owner("task")

ROUTES = (
    Route(
        method="GET",
        path="/v1/tasks",
        operation="listTasks",
        access=Access.AUTHENTICATED,
        summary="List the tasks that the caller may see.",
        response=TaskList,
        query=(*_ENTITY, _KIND, STATE, *PAGE),
    ),
    Route(
        method="GET",
        path="/v1/tasks/{id}",
        operation="getTask",
        access=Access.PROJECT_USER,
        owner=_TASK,
        summary="Show a task.",
        response=Task,
    ),
    Route(
        method="GET",
        path="/v1/tasks/{id}/explain",
        operation="explainTask",
        access=Access.PROJECT_USER,
        owner=_TASK,
        summary="Tell what a task considered, decided and did.",
        response=TaskExplanation,
    ),
    Route(
        method="POST",
        path="/v1/tasks/{id}/retry",
        operation="retryTask",
        access=Access.PROJECT_USER,
        owner=_TASK,
        summary="Run the current step of a stalled task again now.",
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="POST",
        path="/v1/tasks/{id}/skip",
        operation="skipTask",
        access=Access.PROJECT_USER,
        owner=_TASK,
        summary="Skip the current step of a stalled task, where the step allows it.",
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="POST",
        path="/v1/tasks/{id}/undo",
        operation="undoTask",
        access=Access.PROJECT_USER,
        owner=_TASK,
        summary="Stop a task and undo what it did.",
        response=Task,
        status=201,
        mutating=True,
    ),
)
