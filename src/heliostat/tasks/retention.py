"""Which finished tasks may be forgotten.

Tasks live as long as their entity, and ``keep`` longer, so that what happened
to a thing can be asked after it is gone.  The decision is pure; ``sweep`` applies
it and may run in any number of controllers: every removal is guarded.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from heliostat.cloudstore.contract import (
    AtRevision,
    Change,
    CloudStore,
    Delete,
    Document,
    GuardFailed,
    Page,
)
from heliostat.cloudstore.documents import decode, walk
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError
from heliostat.tasks.idempotency import PREFIX, IdempotencyRecord
from heliostat.tasks.indexes import removal, state_prefix
from heliostat.tasks.model import Task, TaskState, task_key

log = logging.getLogger(__name__)

DEFAULT_KEEP_S = 7 * 86_400.0
READS = frozenset({"GET_NETWORKS", "GET_MKS_TICKET"})
"""Operations that clients poll as tasks: they say nothing about their entity's story."""
PAGE = 100
"""Tasks judged at once, in about 3 ms: reading them need not wait for anything."""

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


@dataclass(frozen=True, slots=True)
class Removal:
    """The commit that forgets one task or one idempotency key."""

    guard: AtRevision
    changes: Sequence[Change]


async def sweep(
    store: CloudStore, clock: Clock, entity_exists: EntityExists, *, keep_s: float = DEFAULT_KEEP_S
) -> int:
    """Forget what may be forgotten, expired idempotency keys too; how many documents went.

    ``entity_exists`` is asked with the kind and id in the task.
    """
    removed = 0
    async for removal_ in forgettable(store, clock, entity_exists, keep_s=keep_s):
        try:
            await store.commit([removal_.guard], removal_.changes)
        except GuardFailed:
            continue  # used again, or removed by somebody else
        removed += 1
    return removed


async def forgettable(
    store: CloudStore, clock: Clock, entity_exists: EntityExists, *, keep_s: float = DEFAULT_KEEP_S
) -> AsyncIterator[Removal]:
    """What :func:`sweep` removes."""
    for state in (TaskState.COMPLETED, TaskState.ERROR):
        prefix, after = state_prefix(state), None
        while True:
            page: Page = await store.list(prefix, limit=PAGE, after=after)
            for entry in page.items:
                key = task_key(entry.key.removeprefix(prefix))
                removal_ = await _task_removal(store, clock, entity_exists, key, keep_s)
                if removal_ is not None:
                    yield removal_
            if page.after is None:
                break
            after = page.after
    async for document in walk(store, PREFIX):
        if _has_expired(document, clock.now_ms()):
            guard = AtRevision(document.key, document.revision)
            yield Removal(guard, [Delete(document.key)])


def _has_expired(record: Document, now_ms: int) -> bool:
    """Whether an idempotency key is past its time; one that can't be read is kept, and told."""
    try:
        return decode(IdempotencyRecord, record).expires_ms <= now_ms
    except HeliostatError as error:
        log.warning("an idempotency key can't be judged: %s", error)
        return False


async def _task_removal(
    store: CloudStore, clock: Clock, entity_exists: EntityExists, key: str, keep_s: float
) -> Removal | None:
    document = await store.get(key)
    if document is None:
        return None
    try:
        task, now_ms = decode(Task, document), clock.now_ms()
    except HeliostatError as error:  # one unreadable task must not keep all others for ever
        log.warning("a task can't be judged: %s", error)
        return None
    if not judge(task, entity_exists=False, now_ms=now_ms, keep_s=keep_s).forget:
        return None  # too young whatever its entity: spares asking for it
    exists = await entity_exists(task.entity_kind, task.entity_id)
    if not judge(task, entity_exists=exists, now_ms=now_ms, keep_s=keep_s).forget:
        return None
    return Removal(AtRevision(document.key, document.revision), removal(task))
