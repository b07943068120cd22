"""Making tasks: what an admission commits so that a worker will run it.

Nothing here writes: ``changes_for`` returns changes for the same commit that
makes the entity and charges the quota, so a task exists exactly when what it
works on does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from heliostat.cloudstore.contract import Change, Put
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.tasks.indexes import lasting_keys, state_key
from heliostat.tasks.model import (
    Problem,
    Step,
    StepDefinition,
    Task,
    TaskState,
    Workflow,
    open_key,
    task_key,
)

_LAST_MS = (1 << 48) - 1


def task_id(ids: Ids, now_ms: int) -> str:
    """An id that sorts newest first, so that every list and index of tasks does.

    A UUID of version 8 (RFC 9562): 48 bits that count down with time, the rest random.
    """
    random_tail = ids.new_id()[15:]
    head = f"{_LAST_MS - now_ms:012x}"
    return f"{head[:8]}-{head[8:]}-8{random_tail}"


def new_task(
    ids: Ids,
    clock: Clock,
    workflow: Workflow,
    *,
    entity_kind: str,
    entity_id: str,
    input: dict[str, Any] | None = None,
    tenant_id: str = "",
    project_id: str = "",
    requested_by: str = "",
    request_id: str = "",
    resource_properties: dict[str, Any] | None = None,
    options: Mapping[str, dict[str, str]] | None = None,
) -> Task:
    """A QUEUED task of ``workflow``; ``options`` are shown with the step of that operation."""
    now_ms = clock.now_ms()
    shown = options or {}
    steps = [
        _step(definition, index, now_ms, shown.get(definition.operation, {}))
        for index, definition in enumerate(workflow.steps)
    ]
    return Task(
        id=task_id(ids, now_ms),
        operation=workflow.operation,
        entity_kind=entity_kind,
        entity_id=entity_id,
        queued_ms=now_ms,
        steps=steps,
        input=input or {},
        resource_properties=resource_properties or {},
        tenant_id=tenant_id,
        project_id=project_id,
        requested_by=requested_by,
        request_id=request_id,
    )


def _step(definition: StepDefinition, index: int, now_ms: int, options: dict[str, str]) -> Step:
    return Step(
        operation=definition.operation,
        sequence=index,
        queued_ms=now_ms,
        options=dict(options),
        skippable=definition.skippable,
        undoable=definition.undo is not None,
    )


def completed_task(
    ids: Ids,
    clock: Clock,
    operation: str,
    *,
    entity_kind: str,
    entity_id: str,
    steps: Sequence[str] | None = None,
    input: dict[str, Any] | None = None,
    tenant_id: str = "",
    project_id: str = "",
    requested_by: str = "",
    request_id: str = "",
    resource_properties: dict[str, Any] | None = None,
    warnings: Sequence[Problem] = (),
) -> Task:
    """The task of an operation whose whole effect is in its admission's commit.

    ``steps`` defaults to one step named as the operation; ``warnings`` are shown with the last.
    """
    now_ms = clock.now_ms()
    names = [operation] if steps is None else list(steps)
    made = [_completed_step(name, index, now_ms) for index, name in enumerate(names)]
    if made:
        made[-1].warnings = list(warnings)
    workflow = Workflow(operation, ())
    task = new_task(
        ids,
        clock,
        workflow,
        entity_kind=entity_kind,
        entity_id=entity_id,
        input=input,
        tenant_id=tenant_id,
        project_id=project_id,
        requested_by=requested_by,
        request_id=request_id,
        resource_properties=resource_properties,
    )
    task.state, task.steps = TaskState.COMPLETED, made
    task.queued_ms = task.started_ms = task.end_ms = now_ms
    return task


def _completed_step(operation: str, index: int, now_ms: int) -> Step:
    return Step(
        operation=operation,
        sequence=index,
        state=TaskState.COMPLETED,
        queued_ms=now_ms,
        started_ms=now_ms,
        end_ms=now_ms,
        attempt=1,
    )


def changes_for(task: Task) -> list[Change]:
    """The task and its indexes, for the commit that admits it."""
    ended = state_key(task.state, task.id) if task.state.is_final else open_key(task.id)
    keys = [*lasting_keys(task), ended]
    return [Put(task_key(task.id), msgspec.json.encode(task)), *(Put(key, b"") for key in keys)]
