"""What a task considered, decided and did, told from its document.

Pure: everything said here was persisted by the steps and the engine at the time,
so the explanation of a task that ended last month is as good as a live one.
"""

from __future__ import annotations

import msgspec

from heliostat.tasks.model import Explanation, Problem, Stall, Step, Task, TaskState, Undo
from heliostat.tasks.progress import current_step
from heliostat.tasks.stall import Action, actions


class StepExplained(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in one step; ``errors`` and ``warnings`` carry their hints."""

    operation: str
    sequence: int
    state: TaskState
    summary: str
    attempts: int
    undo: Undo
    decisions: tuple[Explanation, ...] = ()
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    duration_ms: int = 0


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A task in words; ``next_actions`` are what the task allows, or what to run next."""

    id: str
    operation: str
    entity_kind: str
    entity_id: str
    state: TaskState
    summary: str
    steps: tuple[StepExplained, ...]
    next_actions: tuple[str, ...] = ()
    stalled: Stall | None = None
    requested_by: str = ""
    request_id: str = ""


def explain(task: Task) -> Explained:
    """The whole story of ``task`` so far."""
    return Explained(
        id=task.id,
        operation=task.operation,
        entity_kind=task.entity_kind,
        entity_id=task.entity_id,
        state=task.state,
        summary=_summary(task),
        steps=tuple(_step(each) for each in task.steps),
        next_actions=_next_actions(task),
        stalled=task.stalled,
        requested_by=task.requested_by,
        request_id=task.request_id,
    )


def _summary(task: Task) -> str:
    what = f"{task.operation} of {task.entity_kind} {task.entity_id}"
    took = seconds(task.end_ms - (task.started_ms or task.queued_ms))
    match task.state:
        case TaskState.COMPLETED:
            return f"{what} completed in {took}{_with_warnings(task)}."
        case TaskState.ERROR:
            return f"{what} failed after {took}{_cause(task)}{_undo_result(task)}"
        case TaskState.QUEUED:
            return f"{what} waits for a worker."
    step = current_step(task)
    place = f"{step.operation}, step {step.sequence + 1} of {len(task.steps)}" if step else ""
    doing = f"is undoing {place}{_cause(task)}" if task.undoing else f"is at {place}"
    return f"{what} {doing}{_stalled(task)}".rstrip(".") + "."


def _with_warnings(task: Task) -> str:
    count = sum(len(step.warnings) for step in task.steps)
    return f" with {count} warning{'s' if count > 1 else ''}" if count else ""


def _cause(task: Task) -> str:
    for step in task.steps:
        if step.state is TaskState.ERROR and step.errors:
            first = step.errors[0]
            return f": {step.operation} ended with {first.code}, {first.message.rstrip('.')}"
    return ""


def _undo_result(task: Task) -> str:
    stuck = [step.operation for step in task.steps if step.undo is Undo.FAILED]
    if stuck:
        return f"; {stuck[0]} could not be undone, what remains is in ERROR."
    count = sum(step.undo is Undo.DONE for step in task.steps)
    if not count:
        return "."
    return f"; its effects were undone ({count} step{'s' if count > 1 else ''})."


def _stalled(task: Task) -> str:
    return f"; stalled: {task.stalled.reason}" if task.stalled else ""


def _next_actions(task: Task) -> tuple[str, ...]:
    if not task.state.is_final:
        if task.stalled is not None:
            return task.stalled.actions
        allowed = actions(task)
        return (Action.UNDO.value,) if Action.UNDO.value in allowed else ()
    if task.state is TaskState.COMPLETED:
        return ()
    hints = [problem.hint for step in task.steps for problem in step.errors if problem.hint]
    if any(step.undo is Undo.FAILED for step in task.steps):
        hints.append(f"Delete the {task.entity_kind} {task.entity_id}: that finishes the undoing.")
    return tuple(dict.fromkeys(hints))


def _step(step: Step) -> StepExplained:
    return StepExplained(
        operation=step.operation,
        sequence=step.sequence,
        state=step.state,
        summary=_step_summary(step),
        attempts=step.attempt,
        undo=step.undo,
        decisions=tuple(step.explanations),
        errors=tuple(step.errors),
        warnings=tuple(step.warnings),
        duration_ms=_duration_ms(step),
    )


def _step_summary(step: Step) -> str:
    after = f"after {seconds(_duration_ms(step))}"
    tries = f" and {step.attempt} tries" if step.attempt > 1 else ""
    match step.state:
        case TaskState.QUEUED:
            told = "was not begun"
        case TaskState.STARTED:
            told = f"is under way, try {step.attempt}"
        case TaskState.COMPLETED:
            told = f"completed {after}{tries}"
        case TaskState.ERROR:
            told = f"failed {after}{tries}"
            if step.errors:
                told += f": {step.errors[0].message.rstrip('.')}"
    return f"{step.operation} {told}{_UNDO_TOLD[step.undo]}."


_UNDO_TOLD = {
    Undo.NONE: "",
    Undo.STARTED: "; it is being undone",
    Undo.DONE: "; it was undone",
    Undo.FAILED: "; it could not be undone",
}


def _duration_ms(step: Step) -> int:
    return max(0, step.end_ms - step.started_ms) if step.end_ms else 0


def seconds(duration_ms: int) -> str:
    """A duration for people: milliseconds below a second, else seconds."""
    if duration_ms < 1000:
        return f"{max(0, duration_ms)} ms"
    return f"{duration_ms / 1000:.1f} s"
