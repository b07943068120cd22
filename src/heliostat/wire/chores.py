"""Background work: what is looked after, when it was last looked into, what was found."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Response
from heliostat.wire.route import Route
from heliostat.wire.tasks import TASKS_OF, Task, TaskList


class Chore(Response):
    """One kind of background work.

    ``last_looked_time`` is in milliseconds (0: not yet); ``found`` counts what that
    look found and ``findings`` quotes the first few; ``fault`` is why it failed.
    """

    name: str
    kind: str
    purpose: str
    operation: str
    period_s: float
    last_looked_time: int
    found: int
    findings: list[str]
    fault: str
    task_id: str


class ChoreList(Response):
    """All chores."""

    items: list[Chore]
    next_page_link: str = ""
    previous_page_link: str = ""


ROUTES = (
    Route(
        method="GET",
        path="/v1/system/chores",
        operation="listChores",
        access=Access.SYSTEM_ADMIN,
        summary="List the background work and what was last found.",
        response=ChoreList,
    ),
    Route(
        method="GET",
        path="/v1/system/chores/{name}",
        operation="getChore",
        access=Access.SYSTEM_ADMIN,
        summary="Show a piece of background work and what was last found.",
        response=Chore,
    ),
    Route(
        method="POST",
        path="/v1/system/chores/{name}/run",
        operation="runChore",
        access=Access.SYSTEM_ADMIN,
        summary="Do a piece of background work now.",
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/system/chores/{name}/tasks",
        operation="listChoreTasks",
        access=Access.SYSTEM_ADMIN,
        summary="List the tasks of a piece of background work.",
        response=TaskList,
        query=TASKS_OF,
    ),
)
