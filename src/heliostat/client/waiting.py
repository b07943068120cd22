"""Waiting for a task: poll with growing pauses, tell what changed, end with its outcome.

Waiting never owns the task: giving up (time-out, Ctrl-C) leaves it running.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from heliostat.core.errors import HeliostatError
from heliostat.wire.errors import ApiError
from heliostat.wire.tasks import Task

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0
GROWTH = 1.5

Watcher = Callable[[Task], None]
"""Called with every reading of the task, the last one included."""


class TaskFailed(HeliostatError):
    """The task ended in ERROR; code, sentence and hint are those of the step that failed."""

    def __init__(self, task: Task) -> None:
        problem = failure_of(task)
        super().__init__(
            problem.code,
            f"{task.operation} failed: {problem.message}",
            hint=f"{problem.hint} `helio task explain {task.id}` tells more.".lstrip(),
            data={"taskId": task.id, **problem.data},
        )
        self.task = task


def failure_of(task: Task) -> ApiError:
    """The first error of the first step in ERROR."""
    for step in sorted(task.steps, key=lambda step: step.sequence):
        if step.state == "ERROR" and step.errors:
            return step.errors[0]
    return ApiError(code="StepFailed", message="The task gives no reason.", data={}, hint="")


def is_final(task: Task) -> bool:
    return task.state in ("COMPLETED", "ERROR")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, and with whose clock."""

    timeout_s: float | None = None
    sleep: Callable[[float], None] = time.sleep
    monotonic_s: Callable[[], float] = time.monotonic


def wait(
    read: Callable[[str], Task],
    task: Task,
    *,
    watcher: Watcher = lambda _task: None,
    patience: Patience | None = None,
) -> Task:
    """The task once it is COMPLETED.

    Raises ``TaskFailed`` when it ended in ERROR and ``TimedOut`` when it had not
    ended in time; what ``read`` raises passes through.
    """
    patience = patience or Patience()
    began = patience.monotonic_s()
    pause_s = FIRST_PAUSE_S
    while True:
        watcher(task)
        if task.state == "ERROR":
            raise TaskFailed(task)
        if is_final(task):
            return task
        waited_s = patience.monotonic_s() - began
        if patience.timeout_s is not None:
            if waited_s >= patience.timeout_s:
                raise _timed_out(task, waited_s)
            pause_s = min(pause_s, patience.timeout_s - waited_s)
        patience.sleep(pause_s)
        pause_s = min(pause_s * GROWTH, LONGEST_PAUSE_S)
        task = read(task.id)


def _timed_out(task: Task, waited_s: float) -> HeliostatError:
    stalled = f" It waits: {task.stalled.reason}" if task.stalled else ""
    return HeliostatError(
        "TimedOut",
        f"{task.operation} (task {task.id}) had not ended after {waited_s:.0f} s.{stalled}",
        hint=f"It goes on; follow it with `helio task watch {task.id}`.",
        data={"taskId": task.id},
    )
