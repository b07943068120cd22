"""What the outcome of one try of one step makes of its task: pure, on a draft.

Each function writes one outcome into the draft; the runner commits it.  Together
with :mod:`heliostat.tasks.progress` this is all of a task's decision code.
"""

from __future__ import annotations

from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.tasks.actions import Asked, overtaken
from heliostat.tasks.model import (
    Done,
    Explanation,
    Problem,
    Step,
    StepDefinition,
    Task,
    Workflow,
)
from heliostat.tasks.progress import (
    RunStep,
    UndoStep,
    complete,
    current_step,
    explain,
    fail,
    postpone,
    skip,
    tries,
    undo_failed,
    undone,
)
from heliostat.tasks.retry import backoff_s
from heliostat.tasks.stall import Action, in_backoff

Try = RunStep | UndoStep


def definition_of(workflow: Workflow, step: Step) -> StepDefinition:
    """The definition of a persisted step, by place and name, else by name.

    Raises ``HeliostatError("InternalError")`` for a step that this version does not know.
    """
    if step.sequence < len(workflow.steps):
        definition = workflow.steps[step.sequence]
        if definition.operation == step.operation:
            return definition
    for definition in workflow.steps:
        if definition.operation == step.operation:
            return definition
    raise HeliostatError(
        "InternalError", f"{workflow.operation} has no step {step.operation} in this version."
    )


def label(task: Task, move: Try) -> str:
    """What is being tried, for messages."""
    operation = task.steps[move.index].operation
    return operation if isinstance(move, RunStep) else f"undo of {operation}"


def defect(task: Task, move: Try, error: BaseException) -> Problem:
    """An exception that no step should let out, as a problem of the step."""
    name = type(error).__name__
    message = f"{label(task, move)} failed unexpectedly: {name}."
    data = {"exception": name, "taskId": task.id}
    return Problem.of(HeliostatError("InternalError", message, data=data))


def achieved(draft: Task, move: Try, done: Done, now_ms: int) -> None:
    """The try did what it should."""
    if isinstance(move, RunStep):
        complete(draft, move.index, done, now_ms)
    else:
        undone(draft, move.index, done)


def failed(draft: Task, move: Try, problem: Problem, now_ms: int) -> None:
    """The step, or its undo, can't be done."""
    if isinstance(move, RunStep):
        fail(draft, move.index, problem, now_ms)
    else:
        undo_failed(draft, move.index, problem)


def delayed(draft: Task, move: Try, error: TemporaryError, attempts: int, now_ms: int) -> None:
    """The try failed for now: back off, or give up after ``attempts`` tries."""
    step = draft.steps[move.index]
    tried = tries(step, undoing=draft.undoing)
    if tried >= attempts:
        failed(draft, move, Problem.of(error), now_ms)
        return
    seed = f"{draft.id}/{label(draft, move)}"
    postpone(draft, move.index, error, backoff_s(seed, tried, error.retry_after_s), now_ms)
    draft.stalled = in_backoff(draft, step, error, attempts, now_ms)


def obeyed(draft: Task, asked: Asked, now_ms: int) -> None:
    """Write what the action does, or that it came too late."""
    step, request = current_step(draft), asked.request
    if step is None:
        return
    who = request.requested_by or "A user"
    late = overtaken(draft, request)
    reason = late or f"{who} asked to {request.action} {step.operation}."
    note = Explanation(at_ms=now_ms, decision=f"action {request.action}", reason=reason)
    explain(step, (note,))
    if late is None:
        _apply(draft, step, request.action, who, now_ms)


def _apply(draft: Task, step: Step, action: Action, who: str, now_ms: int) -> None:
    index = draft.steps.index(step)
    match action:
        case Action.RETRY:
            step.not_before_ms = 0
            draft.stalled = None
        case Action.SKIP:
            message = f"{who} skipped {step.operation}; what it should have done is not done."
            skip(draft, index, Problem.of(HeliostatError("StepSkipped", message)), now_ms)
        case Action.UNDO:
            message = f"{who} asked to undo {draft.operation}."
            fail(draft, index, Problem.of(HeliostatError("TaskUndone", message)), now_ms)
