"""What all verbs share: making their task, and refusing what is busy."""

from __future__ import annotations

from typing import Any, Protocol

from heliostat.controller.workflows.admission import Caller, Ports
from heliostat.core.errors import PermanentError
from heliostat.tasks.admit import completed_task, new_task
from heliostat.tasks.model import Problem, Task, Workflow


class Operated(Protocol):
    """An entity that knows the operation it is under."""

    @property
    def id(self) -> str: ...
    @property
    def task_id(self) -> str: ...


def queued(
    ports: Ports,
    caller: Caller,
    workflow: Workflow,
    kind: str,
    entity_id: str,
    *,
    tenant_id: str = "",
    project_id: str = "",
    input: dict[str, Any] | None = None,
    warnings: tuple[Problem, ...] = (),
) -> Task:
    """A task that a worker will run; ``warnings`` show in its first step."""
    task = new_task(
        ports.ids,
        ports.clock,
        workflow,
        entity_kind=kind,
        entity_id=entity_id,
        input=input,
        tenant_id=tenant_id,
        project_id=project_id,
        requested_by=caller.subject,
        request_id=caller.request_id,
    )
    task.steps[0].warnings = list(warnings)
    return task


def completed(
    ports: Ports,
    caller: Caller,
    operation: str,
    kind: str,
    entity_id: str,
    *,
    tenant_id: str = "",
    project_id: str = "",
    warnings: tuple[Problem, ...] = (),
    resource_properties: dict[str, Any] | None = None,
) -> Task:
    """The task of an operation that its own admission completes."""
    return completed_task(
        ports.ids,
        ports.clock,
        operation,
        entity_kind=kind,
        entity_id=entity_id,
        tenant_id=tenant_id,
        project_id=project_id,
        requested_by=caller.subject,
        request_id=caller.request_id,
        warnings=warnings,
        resource_properties=resource_properties,
    )


def refuse_busy(kind: str, entity: Operated) -> None:
    """Raise ``ConcurrentTask`` if another operation on the entity has not ended."""
    if entity.task_id:
        raise PermanentError(
            "ConcurrentTask",
            f"The {kind} {entity.id} is under another operation, task {entity.task_id}.",
            hint=f"Wait for it with `helio task watch {entity.task_id}`, then try again.",
            data={"taskId": entity.task_id},
        )
