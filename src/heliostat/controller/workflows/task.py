"""Verbs on tasks: retry, skip, undo.

They make no task of their own: the task they act on is the answer, and the
worker that has it obeys.
"""

from __future__ import annotations

import msgspec

from heliostat.cloudstore.contract import AtRevision, Put
from heliostat.cloudstore.documents import decode
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.core.errors import PermanentError
from heliostat.tasks.actions import ActionRequest, check
from heliostat.tasks.indexes import action_key
from heliostat.tasks.model import Task, task_key
from heliostat.tasks.progress import current_step
from heliostat.tasks.stall import Action


async def task_retry(ports: Ports, caller: Caller, task_id: str) -> Admission:
    """Try the current step again now."""
    return await _ask(ports, caller, task_id, Action.RETRY)


async def task_skip(ports: Ports, caller: Caller, task_id: str) -> Admission:
    """Take the current step as done, where it allows that."""
    return await _ask(ports, caller, task_id, Action.SKIP)


async def task_undo(ports: Ports, caller: Caller, task_id: str) -> Admission:
    """Stop and take back what was done."""
    return await _ask(ports, caller, task_id, Action.UNDO)


async def _ask(ports: Ports, caller: Caller, task_id: str, action: Action) -> Admission:
    document = await ports.store.get(task_key(task_id))
    if document is None:
        raise PermanentError("TaskNotFound", f"There is no task {task_id!r}.")
    task = decode(Task, document)
    check(task, action)
    step = current_step(task)
    asked = ActionRequest(
        task_id=task_id,
        action=action,
        step=step.sequence if step is not None else -1,
        requested_by=caller.subject,
        at_ms=ports.clock.now_ms(),
    )
    return Admission(
        task,
        (AtRevision(task_key(task_id), document.revision),),
        (Put(action_key(task_id), msgspec.json.encode(asked)),),
        task_exists=True,
    )
