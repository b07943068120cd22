"""Which finished tasks may be forgotten.

Tasks live as long as their entity, and ``keep`` longer, so that what happened
to a thing can be asked after it is gone.  The decision is pure; ``sweep`` applies
it and may run in any number of controllers: every removal is guarded.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from heliostat.cloudstore.contract import AtRevision, CloudStore, Delete, GuardFailed
from heliostat.cloudstore.documents import decode
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError
from heliostat.tasks.follow import snapshot
from heliostat.tasks.idempotency import PREFIX, IdempotencyRecord
from heliostat.tasks.indexes import removal, state_prefix
from heliostat.tasks.model import Task, TaskState, task_key

log = logging.getLogger(__name__)

DEFAULT_KEEP_S = 7 * 86_400.0
READS = frozenset({"GET_NETWORKS", "GET_MKS_TICKET"})
"""Operations that clients poll as tasks: they say nothing about their entity's story."""
PAGE = 500

EntityExists = Callable[[str, str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a task goes, and why."""

    forget: bool
    reason: str


def judge(task: Task, *, entity_exists: bool, now_ms: int, keep_s: float) -> Verdict:
    """Forget a task that has ended, is old enough, and whose entity is gone or was only read."""
    if not task.state.is_final:
        return Verdict(False, f"It is {task.state}.")
    if entity_exists and task.operation not in READS:
        return Verdict(False, f"Its {task.entity_kind} {task.entity_id} exists.")
    age_s = (now_ms - task.end_ms) / 1000
    if age_s < keep_s:
        return Verdict(False, f"It ended {age_s:.0f} s ago, less than {keep_s:.0f} s.")
    why = "It only read something" if entity_exists else "Its entity is gone"
    return Verdict(True, f"{why} and it ended {age_s:.0f} s ago.")


async def sweep(
    store: CloudStore, clock: Clock, entity_exists: EntityExists, *, keep_s: float = DEFAULT_KEEP_S
) -> int:
    """Forget what may be forgotten, expired idempotency keys too; how many documents went.

    ``entity_exists`` is asked with the kind and id in the task.
    """
    tasks = [
        await _sweep_tasks(store, clock, entity_exists, state, keep_s)
        for state in (TaskState.COMPLETED, TaskState.ERROR)
    ]
    return sum(tasks) + await _sweep_keys(store, clock.now_ms())


async def _sweep_tasks(
    store: CloudStore, clock: Clock, entity_exists: EntityExists, state: TaskState, keep_s: float
) -> int:
    prefix, removed = state_prefix(state), 0
    after: str | None = None
    while True:
        page = await store.list(prefix, limit=PAGE, after=after)
        for entry in page.items:
            task_id = entry.key.removeprefix(prefix)
            removed += await _sweep_task(store, clock, entity_exists, task_id, keep_s)
        if page.after is None:
            return removed
        after = page.after


async def _sweep_task(
    store: CloudStore, clock: Clock, entity_exists: EntityExists, task_id: str, keep_s: float
) -> bool:
    document = await store.get(task_key(task_id))
    if document is None:
        return False
    try:
        task, now_ms = decode(Task, document), clock.now_ms()
    except HeliostatError as error:  # one unreadable task must not keep all others for ever
        log.warning("a task can't be judged: %s", error)
        return False
    if not judge(task, entity_exists=False, now_ms=now_ms, keep_s=keep_s).forget:
        return False  # too young whatever its entity: spares asking for it
    exists = await entity_exists(task.entity_kind, task.entity_id)
    if not judge(task, entity_exists=exists, now_ms=now_ms, keep_s=keep_s).forget:
        return False
    try:
        await store.commit([AtRevision(document.key, document.revision)], removal(task))
    except GuardFailed:
        return False
    return True


async def _sweep_keys(store: CloudStore, now_ms: int) -> int:
    """Forget the idempotency keys that have expired."""
    removed = 0
    documents, _ = await snapshot(store, PREFIX)
    for document in documents:
        if decode(IdempotencyRecord, document).expires_ms > now_ms:
            continue
        try:
            guard = AtRevision(document.key, document.revision)
            await store.commit([guard], [Delete(document.key)])
        except GuardFailed:
            continue  # used again meanwhile
        removed += 1
    return removed
