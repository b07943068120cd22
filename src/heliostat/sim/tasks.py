"""What must hold of every task's document at every commit, not only in the end.

A task that has ended is never written again; a task that is shown as stalled says
why and what can be done; no task fails of a defect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from heliostat.cloudstore.contract import Change, Put
from heliostat.tasks.model import Stall, TaskState

TASKS = "/v1/task/"


class _Problem(msgspec.Struct):
    code: str
    message: str


class _Step(msgspec.Struct):
    operation: str
    errors: list[_Problem] = []


class _Seen(msgspec.Struct):
    """As much of a task as is looked at."""

    id: str
    operation: str
    entity_id: str
    state: TaskState
    steps: list[_Step] = []
    stalled: Stall | None = None


_decoder = msgspec.json.Decoder(_Seen)


class TaskWatch:
    """``ended`` is how each task ended; ``counts`` how many of each operation did how.

    ``deleted`` are entities that some task has deleted, whoever asked for it.
    """

    def __init__(self, defect: Callable[[str], None]) -> None:
        self._defect = defect
        self.ended: dict[str, bytes] = {}
        self.stalls = 0
        self.counts: dict[tuple[str, TaskState], int] = {}
        self.deleted: set[str] = set()
        self._stalled: set[str] = set()

    def forget(self) -> None:
        """Judge only what happens from now on."""
        self.ended.clear()
        self.deleted.clear()
        self.counts.clear()
        self._stalled.clear()
        self.stalls = 0

    def committed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.key.startswith(TASKS) and isinstance(change, Put):
                self._written(change.key.removeprefix(TASKS), change.value)

    def _written(self, task_id: str, value: bytes) -> None:
        if task_id in self.ended:
            self._defect(f"The task {task_id} had ended and was written again.")
            return
        seen = _decoder.decode(value)
        if seen.state.is_final:
            self._final(seen, value)
        if seen.stalled is not None:
            if task_id not in self._stalled:
                self._stalled.add(task_id)
                self.stalls += 1
            if not seen.stalled.reason.strip():
                self._defect(f"The task {task_id} ({seen.operation}) is stalled without a reason.")
            if seen.state.is_final:
                self._defect(f"The task {task_id} ({seen.operation}) ended and is still stalled.")

    def _final(self, seen: _Seen, value: bytes) -> None:
        self.ended[seen.id] = value
        if seen.operation.startswith("DELETE_") and seen.state is TaskState.COMPLETED:
            self.deleted.add(seen.entity_id)
        key = (seen.operation, seen.state)
        self.counts[key] = self.counts.get(key, 0) + 1
        for step in seen.steps:
            for problem in step.errors:
                if problem.code == "InternalError":
                    self._defect(
                        f"{seen.operation} of {seen.entity_id} failed of a defect in "
                        f"{step.operation}: {problem.message}"
                    )
