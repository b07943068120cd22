"""Claiming a task: one compare-and-set that names the worker and begins the next step.

A task is free when no worker is named in it, when it is this worker's own (from
before it lost its lease), or when the named worker's lease is gone; the claim is
guarded by that absence, so a worker that comes back and the one that takes over
can't both have the task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from heliostat.cloudstore.contract import (
    Absent,
    CloudStore,
    Document,
    Guard,
    GuardFailed,
    Lease,
    lease_key,
)
from heliostat.cloudstore.documents import decode
from heliostat.core.clock import Clock
from heliostat.tasks.journal import Journal
from heliostat.tasks.lease import worker_lease
from heliostat.tasks.model import Task, Workflow, task_key
from heliostat.tasks.progress import enter


@dataclass(frozen=True, slots=True)
class Claimed:
    """The task is this worker's; its journal is open."""

    journal: Journal
    workflow: Workflow


@dataclass(frozen=True, slots=True)
class Held:
    """Another worker has the task."""

    worker_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The task is not for this worker, and ``reason`` says why."""

    reason: str


async def claim(
    store: CloudStore,
    clock: Clock,
    lease: Lease,
    worker_id: str,
    workflows: Mapping[str, Workflow],
    task_id: str,
    *,
    is_live: Callable[[str], bool],
) -> Claimed | Held | Refused:
    """Take the task if it is free; ``is_live`` may be behind, it only saves useless commits.

    Raises ``TaskTaken`` when another worker was faster and ``LeaseLost`` when the
    lease is gone; ``StoreCorrupt`` for a document that is no task.
    """
    document = await store.get(task_key(task_id))
    found = _judge(document, workflows)
    if isinstance(found, Refused) or document is None:
        return found if isinstance(found, Refused) else Refused("It is gone.")
    journal = Journal(store, clock, lease, document)
    draft = journal.draft()
    holder, draft.worker = draft.worker, worker_id
    if holder != worker_id and is_live(holder):
        return Held(holder)
    enter(draft, clock.now_ms())
    try:
        await journal.save(draft, guards=_gone(holder, worker_id))
    except GuardFailed:
        return Held(holder)
    return Claimed(journal, found)


def _judge(document: Document | None, workflows: Mapping[str, Workflow]) -> Workflow | Refused:
    if document is None:
        return Refused("It is gone.")
    task = decode(Task, document)
    if task.state.is_final:
        return Refused(f"It ended in {task.state}.")
    workflow = workflows.get(task.operation)
    return workflow or Refused(f"This version knows no operation {task.operation}.")


def _gone(holder: str, worker_id: str) -> list[Guard]:
    if holder in ("", worker_id):
        return []
    return [Absent(lease_key(worker_lease(holder)))]
