"""What users ask of a task, as documents at ``/v1/task-action/<task>``.

``request`` refuses at once what the task does not allow, and is guarded by the
task's revision, so a request is never left behind for a task that has ended.
The worker that has the task watches the prefix and obeys; it deletes the
document in the commit that obeys, so a takeover neither loses nor repeats it.
A second request replaces a first one that was not yet obeyed.
"""

from __future__ import annotations

import logging

import msgspec

from heliostat.cloudstore.contract import (
    AtRevision,
    Change,
    CloudStore,
    Event,
    Guard,
    GuardFailed,
    Put,
)
from heliostat.cloudstore.documents import decode
from heliostat.core.errors import PermanentError
from heliostat.tasks.indexes import ACTION_PREFIX, action_key
from heliostat.tasks.model import Task, task_key
from heliostat.tasks.progress import current_step
from heliostat.tasks.stall import Action, actions, refusal

log = logging.getLogger(__name__)

REQUEST_TRIES = 10


class ActionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An action asked for; ``step`` is the step it was asked for, -1 for none."""

    task_id: str
    action: Action
    step: int = -1
    requested_by: str = ""
    at_ms: int = 0
    schema: int = 1


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as read from the store, with the revision that a worker must still find."""

    request: ActionRequest
    revision: int

    def guard(self) -> AtRevision:
        return AtRevision(action_key(self.request.task_id), self.revision)


async def request(
    store: CloudStore, task_id: str, action: str, *, requested_by: str = "", now_ms: int = 0
) -> ActionRequest:
    """Ask the task to ``retry``, ``skip`` or ``undo``; returns before it was obeyed.

    Raises ``PermanentError``: ``TaskNotFound``, or ``InvalidOperation`` when the
    task does not allow the action now.
    """
    wanted = parse(action)
    for _ in range(REQUEST_TRIES):
        document = await store.get(task_key(task_id))
        if document is None:
            raise PermanentError("TaskNotFound", f"There is no task {task_id}.")
        task = decode(Task, document)
        asked = decide(task, wanted, requested_by=requested_by, now_ms=now_ms)
        try:
            await store.commit(*asking(asked, document.revision))
        except GuardFailed:
            continue
        return asked
    raise PermanentError("InvalidOperation", f"Task {task_id} is moving on; look at it again.")


def decide(task: Task, action: Action, *, requested_by: str = "", now_ms: int = 0) -> ActionRequest:
    """The request for ``action``; raises ``InvalidOperation`` if the task does not allow it now."""
    check(task, action)
    step = current_step(task)
    return ActionRequest(
        task_id=task.id,
        action=action,
        step=step.sequence if step else -1,
        requested_by=requested_by,
        at_ms=now_ms,
    )


def asking(asked: ActionRequest, task_revision: int) -> tuple[list[Guard], list[Change]]:
    """Guards and changes that hand the request to the task as it was read at ``task_revision``."""
    guard = AtRevision(task_key(asked.task_id), task_revision)
    return [guard], [Put(action_key(asked.task_id), msgspec.json.encode(asked))]


def check(task: Task, action: Action) -> None:
    """Raise ``PermanentError("InvalidOperation")`` if the task does not allow ``action`` now."""
    why = refusal(task, action, stalled=task.stalled is not None)
    if why is None:
        return
    offered = [] if task.state.is_final else list(actions(task))
    raise PermanentError("InvalidOperation", why, data={"taskId": task.id, "actions": offered})


def overtaken(task: Task, asked: ActionRequest) -> str | None:
    """Why a request that was fine when it was made is pointless now, or ``None``."""
    step = current_step(task)
    if asked.action is not Action.UNDO and (step is None or step.sequence != asked.step):
        return f"The request to {asked.action} came too late: the task has moved on."
    return refusal(task, asked.action, stalled=True)


def asked_of(event: Event) -> Asked | None:
    """The request in a watched event, ``None`` if the document was deleted or can't be read."""
    if event.value is None:
        return None
    try:
        asked = msgspec.json.decode(event.value, type=ActionRequest)
    except msgspec.MsgspecError as error:  # a newer version's: all other tasks must go on
        log.warning("the request at %s can't be obeyed: %s", event.key, error)
        return None
    return Asked(request=asked, revision=event.revision)


def task_of(key: str) -> str:
    """The task's id in the key of a request."""
    return key.removeprefix(ACTION_PREFIX)


def parse(action: str) -> Action:
    """The action of that name; raises ``InvalidOperation``."""
    try:
        return Action(action)
    except ValueError:
        known = ", ".join(Action)
        raise PermanentError(
            "InvalidOperation", f"There is no action {action!r}; a task knows {known}."
        ) from None
