"""Where tasks are found: every key that belongs to a task, in one place.

A task is found by its id, by its entity, by its project and by its tenant; while
it is not finished under ``/idx/task/open/``, afterwards under the state it ended
in.  The states QUEUED and STARTED have no index of their own: they are the open
tasks, which are few.
"""

from __future__ import annotations

from heliostat.cloudstore.contract import Change, Delete
from heliostat.tasks.model import Task, TaskState, open_key, task_key

OPEN_PREFIX = open_key("")
ACTION_PREFIX = "/v1/task-action/"


def entity_prefix(kind: str, entity_id: str) -> str:
    """Index of the tasks of one entity."""
    return f"/idx/task/entity/{kind}:{entity_id}/"


def project_prefix(project_id: str) -> str:
    """Index of the tasks in one project, those of its VMs and disks included."""
    return f"/idx/task/project/{project_id}/"


def tenant_prefix(tenant_id: str) -> str:
    """Index of the tasks in one tenant, those of its projects included."""
    return f"/idx/task/tenant/{tenant_id}/"


def state_prefix(state: TaskState) -> str:
    """Index of the tasks that ended in ``state``."""
    return f"/idx/task/state/{state}/"


def state_key(state: TaskState, task_id: str) -> str:
    return state_prefix(state) + task_id


def action_key(task_id: str) -> str:
    """What a user has asked the task to do, until it was obeyed."""
    return ACTION_PREFIX + task_id


def lasting_keys(task: Task) -> list[str]:
    """The index keys that a task has from its admission to its removal."""
    keys = [entity_prefix(task.entity_kind, task.entity_id) + task.id]
    if task.project_id:
        keys.append(project_prefix(task.project_id) + task.id)
    if task.tenant_id:
        keys.append(tenant_prefix(task.tenant_id) + task.id)
    return keys


def removal(task: Task) -> list[Change]:
    """The changes that forget a finished task."""
    keys = [task_key(task.id), *lasting_keys(task), state_key(task.state, task.id)]
    return [Delete(key) for key in keys]
