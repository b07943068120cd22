"""Where a task stands and what comes next: pure functions over its document.

``next_move`` decides from the persisted state alone, so a worker that takes a
task over decides exactly as the one that lost it.  The other functions write
one transition into a *draft* of the task; nothing counts until the draft was
committed.

Invariants: steps run in order; a task that failed undoes what was started, last
first, and stops undoing at the first undo that can't finish (what lies beneath
must stay as long as what stands on it does).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.tasks.model import Done, Explanation, Problem, Step, Task, TaskState, Undo

EXPLANATIONS_KEPT = 50
LARGEST_DATA_BYTES = 8192
LARGEST_TEXT = 2000


@dataclass(frozen=True, slots=True)
class RunStep:
    """Run the step at ``index``."""

    index: int


@dataclass(frozen=True, slots=True)
class UndoStep:
    """Undo the step at ``index``."""

    index: int


@dataclass(frozen=True, slots=True)
class BecomeStuck:
    """The undo of the step at ``index`` can't finish: commit what remains."""

    index: int


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is left to do; end in ``state``."""

    state: TaskState


Move = RunStep | UndoStep | BecomeStuck | Finish


def next_move(task: Task) -> Move:
    """What to do next for a task that is not finished."""
    return _next_undo(task) if task.undoing else _next_run(task)


def _next_run(task: Task) -> Move:
    for index, step in enumerate(task.steps):
        if step.state is not TaskState.COMPLETED:
            return RunStep(index)
    return Finish(TaskState.COMPLETED)


def _next_undo(task: Task) -> Move:
    for index in reversed(range(len(task.steps))):
        step = task.steps[index]
        if step.undo is Undo.FAILED:
            return BecomeStuck(index)
        if step.undoable and step.state is not TaskState.QUEUED and step.undo is not Undo.DONE:
            return UndoStep(index)
    return Finish(TaskState.ERROR)


def current_step(task: Task) -> Step | None:
    """The step that is run or undone next, if any."""
    match next_move(task):
        case RunStep(index) | UndoStep(index) | BecomeStuck(index):
            return task.steps[index]
        case _:
            return None


def enter(task: Task, now_ms: int) -> None:
    """Mark the next move as begun, so that one commit ends a step and begins the next."""
    match next_move(task):
        case RunStep(index):
            _start_run(task, task.steps[index], now_ms)
        case UndoStep(index):
            step = task.steps[index]
            step.undo = Undo.STARTED
            step.undo_attempt = max(step.undo_attempt, 1)
        case Finish(state):
            finish(task, state, now_ms)
        case BecomeStuck():
            pass


def _start_run(task: Task, step: Step, now_ms: int) -> None:
    task.state = step.state = TaskState.STARTED
    task.started_ms = task.started_ms or now_ms
    step.started_ms = step.started_ms or now_ms
    step.attempt = max(step.attempt, 1)


def finish(task: Task, state: TaskState, now_ms: int) -> None:
    """End the task; a task without a started step counts as started when it ended."""
    task.state = state
    task.started_ms = task.started_ms or now_ms
    task.end_ms = now_ms
    task.stalled = None


def complete(task: Task, index: int, done: Done, now_ms: int) -> None:
    """The step's run achieved ``done``."""
    step = task.steps[index]
    step.state = TaskState.COMPLETED
    step.end_ms = now_ms
    step.result = dict(done.result)
    _take(task, step, done)


def skip(task: Task, index: int, warning: Problem, now_ms: int) -> None:
    """Somebody chose to go on without the step."""
    complete(task, index, Done(warnings=(warning,)), now_ms)


def fail(task: Task, index: int, problem: Problem, now_ms: int) -> None:
    """The step can't succeed: from here on the task undoes itself."""
    step = task.steps[index]
    step.state = TaskState.ERROR
    step.started_ms = step.started_ms or now_ms
    step.end_ms = now_ms
    step.not_before_ms = 0
    step.errors = [*step.errors, bounded(problem)]
    task.started_ms = task.started_ms or now_ms
    task.state = TaskState.STARTED
    task.undoing = True
    task.stalled = None


def undone(task: Task, index: int, done: Done) -> None:
    """The step's effects are taken back."""
    step = task.steps[index]
    step.undo = Undo.DONE
    _take(task, step, done)


def undo_failed(task: Task, index: int, problem: Problem) -> None:
    """The step's effects can't be taken back."""
    step = task.steps[index]
    step.undo = Undo.FAILED
    step.not_before_ms = 0
    step.errors = [*step.errors, during_undo(bounded(problem))]
    task.stalled = None


def bounded(problem: Problem) -> Problem:
    """The problem without what would make its task too large to store."""
    return msgspec.structs.replace(
        problem, message=problem.message[:LARGEST_TEXT], data=_bounded_data(problem.data)
    )


def _bounded_data(data: dict[str, Any]) -> dict[str, Any]:
    try:
        size = len(msgspec.json.encode(data))
    except TypeError as error:  # a step's mistake; losing the task over it would be worse
        return {"dropped": str(error)}
    return data if size <= LARGEST_DATA_BYTES else {"dropped": f"{size} bytes"}


def during_undo(problem: Problem) -> Problem:
    """The same problem, marked as one of undoing rather than of running."""
    data = {**problem.data, "during": "undo"}
    return Problem(code=problem.code, message=problem.message, hint=problem.hint, data=data)


def tries(step: Step, *, undoing: bool) -> int:
    """The number of the try under way, from 1."""
    return step.undo_attempt if undoing else step.attempt


def postpone(task: Task, index: int, error: HeliostatError, delay_s: float, now_ms: int) -> None:
    """Try the step (or its undo) again after ``delay_s``."""
    step = task.steps[index]
    step.not_before_ms = now_ms + round(delay_s * 1000)
    if task.undoing:
        step.undo_attempt += 1
    else:
        step.attempt += 1
    note = Explanation(
        at_ms=now_ms,
        decision="undo again" if task.undoing else "retry",
        reason=f"{error}; try {tries(step, undoing=task.undoing)} after {delay_s:.1f} s.",
        data={"code": error.code, "delay_s": round(delay_s, 3)},
    )
    explain(step, (note,))


def explain(step: Step, notes: tuple[Explanation, ...]) -> None:
    """Keep the explanations, the latest ``EXPLANATIONS_KEPT`` of them, each of bounded size."""
    kept = [
        msgspec.structs.replace(
            note, reason=note.reason[:LARGEST_TEXT], data=_bounded_data(note.data)
        )
        for note in notes
    ]
    step.explanations = [*step.explanations, *kept][-EXPLANATIONS_KEPT:]


def _take(task: Task, step: Step, done: Done) -> None:
    step.not_before_ms = 0
    step.warnings = [*step.warnings, *done.warnings]
    if done.resource_properties is not None:
        task.resource_properties = dict(done.resource_properties)
    task.stalled = None
