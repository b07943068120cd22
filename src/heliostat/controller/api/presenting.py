"""Tasks and problems as they go on the wire: one function each, however they are read.

A task is encoded the same in the answer that made it, in GET and in a list, so
equal tasks are equal bytes.
"""

from __future__ import annotations

from typing import Any

from heliostat.tasks.explain import Explained, StepExplained
from heliostat.tasks.model import Problem, Stall, Step, Task
from heliostat.wire import tasks as wire
from heliostat.wire.body import EntityRef
from heliostat.wire.errors import ApiError


def show_task(task: Task, base: str, reader: str = "") -> wire.Task:
    """A task; ``base`` is the scheme and authority for its absolute link.

    A ticket in it is shown to nobody but the ``reader`` who asked for it: whoever may
    look at a VM's tasks may not open its console for that.
    """
    return wire.Task(
        id=task.id,
        self_link=f"{base}/v1/tasks/{task.id}",
        operation=task.operation,
        state=task.state.value,
        entity=EntityRef(kind=task.entity_kind, id=task.entity_id),
        queued_time=task.queued_ms,
        started_time=task.started_ms,
        end_time=task.end_ms,
        steps=[_show_step(task, step) for step in task.steps],
        resource_properties=_properties(task, reader),
        stalled=show_stall(task.stalled),
    )


def _properties(task: Task, reader: str) -> dict[str, Any]:
    if "ticket" not in task.resource_properties or reader == task.requested_by:
        return task.resource_properties
    return {**task.resource_properties, "ticket": ""}


def show_problem(problem: Problem) -> ApiError:
    """An error or warning of a step."""
    return ApiError(
        code=problem.code, message=problem.message, data=problem.data, hint=problem.hint
    )


def show_stall(stall: Stall | None) -> wire.Stalled | None:
    """Why a task makes no progress, if it doesn't."""
    if stall is None:
        return None
    return wire.Stalled(since=stall.since_ms, reason=stall.reason, actions=list(stall.actions))


def show_explanation(told: Explained) -> wire.TaskExplanation:
    """What a task considered, decided and did."""
    return wire.TaskExplanation(
        id=told.id,
        operation=told.operation,
        state=told.state.value,
        entity=EntityRef(kind=told.entity_kind, id=told.entity_id),
        summary=told.summary,
        requested_by=told.requested_by,
        request_id=told.request_id,
        steps=[_show_step_explained(each) for each in told.steps],
        next_actions=list(told.next_actions),
        stalled=show_stall(told.stalled),
    )


def _show_step_explained(step: StepExplained) -> wire.StepExplanation:
    return wire.StepExplanation(
        operation=step.operation,
        sequence=step.sequence,
        state=step.state.value,
        summary=step.summary,
        attempts=step.attempts,
        undo=step.undo.value,
        decisions=[
            wire.DecisionNote(
                at=each.at_ms, decision=each.decision, reason=each.reason, data=each.data
            )
            for each in step.decisions
        ],
        errors=[show_problem(each) for each in step.errors],
        warnings=[show_problem(each) for each in step.warnings],
    )


def _show_step(task: Task, step: Step) -> wire.Step:
    return wire.Step(
        id=f"{task.id}-{step.sequence}",
        sequence=step.sequence,
        operation=step.operation,
        state=step.state.value,
        queued_time=step.queued_ms,
        started_time=step.started_ms,
        end_time=step.end_ms,
        errors=[show_problem(each) for each in step.errors],
        warnings=[show_problem(each) for each in step.warnings],
        options=dict(step.options),
        resource_properties=_step_properties(step),
    )


def _step_properties(step: Step) -> dict[str, Any]:
    """How far a step is that does many things."""
    if step.progress is None:
        return {}
    return {"progress": {"done": step.progress.done, "total": step.progress.total}}
