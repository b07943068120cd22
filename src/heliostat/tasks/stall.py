"""When a task counts as stalled, what to say about it, and what its user may do.

Pure: decides from the task's document.  A stalled task stays ``STARTED`` for
clients that know four states; ``Task.stalled`` tells the rest.
"""

from __future__ import annotations

from enum import StrEnum

from heliostat.core.errors import HeliostatError
from heliostat.tasks.model import Stall, Step, Task, TaskState
from heliostat.tasks.progress import current_step


class Action(StrEnum):
    """What a user may tell a task to do."""

    RETRY = "retry"
    SKIP = "skip"
    UNDO = "undo"


def actions(task: Task) -> tuple[str, ...]:
    """The actions that the task would obey, were it stalled."""
    return tuple(action.value for action in Action if refusal(task, action, stalled=True) is None)


def refusal(task: Task, action: Action, *, stalled: bool) -> str | None:
    """Why ``action`` is not possible now (a sentence), or ``None`` if it is."""
    step = current_step(task)
    if task.state.is_final or step is None:
        return f"The task has ended in {task.state}."
    if task.undoing and action is not Action.RETRY:
        return f"The task is undoing {step.operation}; only retry is possible."
    if action is Action.UNDO:
        return None if _can_undo(task) else f"{task.operation} has nothing that can be undone."
    if not stalled:
        return f"The task is not stalled; {action} is for a stalled task."
    if action is Action.SKIP and not step.skippable:
        return f"The step {step.operation} can't be skipped."
    return None


def _can_undo(task: Task) -> bool:
    """Whether a step that was started, or the one that is next, knows how to undo itself."""
    step = current_step(task)
    return any(
        each.undoable and (each is step or each.state is not TaskState.QUEUED)
        for each in task.steps
    )


def overdue(task: Task, waiting: str, expected_s: float, since_ms: int) -> Stall:
    """The stall of a step that has run longer than expected; ``waiting`` is what it waits for."""
    step = current_step(task)
    verb = "Undoing" if task.undoing else "Running"
    doing = f"{verb} {step.operation}" if step else verb
    why = waiting.rstrip(".") or doing
    reason = f"{why}; this has taken longer than the {expected_s:g} s expected."
    since = task.stalled.since_ms if task.stalled else since_ms
    return Stall(since_ms=since, reason=reason, actions=actions(task))


def blocked(task: Task, waiting: str, since_ms: int) -> Stall:
    """The stall of a step that can't go on until somebody else acts, blocked ``since_ms``."""
    since = task.stalled.since_ms if task.stalled else since_ms
    return Stall(since_ms=since, reason=f"{waiting.rstrip('.')}.", actions=actions(task))


def in_backoff(task: Task, step: Step, error: HeliostatError, attempts: int, now_ms: int) -> Stall:
    """The stall of a step that waits for its next try."""
    number = step.undo_attempt if task.undoing else step.attempt
    verb = "undo" if task.undoing else "run"
    wait_s = max(0, step.not_before_ms - now_ms) / 1000
    reason = (
        f"{error.message.rstrip('.')} ({error.code}); "
        f"try {number} of {attempts} to {verb} {step.operation} follows in {wait_s:.1f} s."
    )
    return Stall(since_ms=now_ms, reason=reason, actions=actions(task))
