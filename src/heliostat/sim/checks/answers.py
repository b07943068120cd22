"""Answers against documents: what was acknowledged happened, and is told for good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind, decode
from heliostat.controller.workflows.kinds import (
    DISKS,
    FLAVORS,
    HOSTS,
    IMAGES,
    PROJECTS,
    TENANTS,
    VMS,
    ZONES,
)
from heliostat.sim.operations.asking import Ask
from heliostat.tasks.model import Task, TaskState, task_key

KINDS: dict[str, Kind[Any]] = {
    "tenant": TENANTS,
    "project": PROJECTS,
    "flavor": FLAVORS,
    "image": IMAGES,
    "vm": VMS,
    "disk": DISKS,
    "host": HOSTS,
    "zone": ZONES,
}
GOING = ("PENDING_DELETE", "ERROR")


async def broken_promises(
    store: CloudStore,
    answered: Mapping[str, Ask],
    ended: Mapping[str, bytes],
    may_go: Set[str],
) -> list[str]:
    """For every task that was an answer: it is there, unchanged, and so is what it made.

    What is in ``may_go`` was deleted by others, or is kept for a while only.
    """
    found: list[str] = []
    made: dict[str, tuple[str, Task]] = {}
    deleted: set[str] = set()
    for task_id, asked in answered.items():
        document = await store.get(task_key(task_id))
        if document is None:
            found.append(f"The task {task_id} of an acknowledged {asked.short} is gone.")
            continue
        if ended.get(task_id) != document.value:
            found.append(f"The task {task_id} ({asked.short}) is not as it was when it ended.")
        task = decode(Task, document)
        if asked.makes:
            made[task.entity_id] = asked.makes, task
        elif asked.verb.__name__.endswith("_delete") and task.state is TaskState.COMPLETED:
            deleted.add(task.entity_id)
    for entity_id, (kind, task) in made.items():
        stored = await KINDS[kind].get(store, entity_id)
        state = str(getattr(stored.value, "state", "")) if stored is not None else ""
        if stored is not None or entity_id not in may_go:
            found.extend(_made(kind, task, stored is not None, state, entity_id in deleted))
    return found


def _made(kind: str, task: Task, exists: bool, state: str, deleted: bool) -> Iterator[str]:
    entity = f"The {kind} {task.entity_id}"
    if task.state is TaskState.COMPLETED and not exists and not deleted:
        yield f"{entity} was made by task {task.id} and is gone, though nobody deleted it."
    if task.state is TaskState.ERROR and exists and state not in GOING:
        yield f"{entity} exists ({state}), though its task {task.id} failed."
    if deleted and exists and state not in GOING:
        yield f"{entity} exists ({state}), though its deletion was completed."
