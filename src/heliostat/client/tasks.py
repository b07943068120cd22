"""Tasks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from heliostat.client.calls import Change, Snapshot, pages, read, snapshot
from heliostat.client.transport import Transport
from heliostat.client.waiting import Patience, Watcher, wait
from heliostat.wire.body import EntityRef
from heliostat.wire.tasks import Task, TaskExplanation, TaskList

Action = Literal["retry", "skip", "undo"]


class Tasks:
    """What was asked for, how far it is, and why."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, entity: EntityRef | None = None, state: str = "") -> Iterator[Task]:
        query = {"state": state}
        if entity is not None:
            query |= {"entityId": entity.id, "entityKind": entity.kind}
        return pages(self._transport, "listTasks", answer=TaskList, query=query)

    def snapshot(self, *, project_id: str = "", state: str = "") -> Snapshot[Task]:
        """The list (of a project, if given), and the revision from which events go on."""
        query = {"state": state}
        if project_id:
            return snapshot(
                self._transport, "listProjectTasks", project_id, answer=TaskList, query=query
            )
        return snapshot(self._transport, "listTasks", answer=TaskList, query=query)

    def get(self, task_id: str) -> Task:
        return read(self._transport, "getTask", task_id, answer=Task)

    def explain(self, task_id: str) -> TaskExplanation:
        return read(self._transport, "explainTask", task_id, answer=TaskExplanation)

    def act(self, task_id: str, action: Action) -> Change[Task]:
        """Intervene in a task that is stalled."""
        return Change(self._transport, f"{action}Task", (task_id,), Task)

    def wait(
        self,
        task: Task,
        *,
        watcher: Watcher = lambda _task: None,
        patience: Patience | None = None,
    ) -> Task:
        """The task once COMPLETED; raises ``TaskFailed`` or ``TimedOut``."""
        return wait(self.get, task, watcher=watcher, patience=patience)
