"""Tasks that a task has started: waiting for them, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.cloudstore.contract import CloudStore, Compacted, StoreUnavailable
from heliostat.controller.workflows import reading
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.tasks.model import Problem, StepContext, Task, TaskState, open_key

PAUSE_S = 1.0


async def all_ended(ctx: StepContext, task_ids: Sequence[str], doing: str) -> list[Task]:
    """The tasks once all have ended, those that are still known; says how many have so far."""
    ended: list[Task] = []
    for number, task_id in enumerate(task_ids):
        ctx.waiting_for(f"{doing}: {number} of {len(task_ids)} have ended")
        await until_ended(ctx, task_id)
        task = await task_if_known(ctx.store, task_id)
        if task is not None:
            ended.append(task)
    return ended


async def until_ended(ctx: StepContext, task_id: str) -> None:
    """Wait while the task is open."""
    while True:
        try:
            since = await ctx.store.revision()
            if await ctx.store.get(open_key(task_id)) is None:
                return
            async for event in ctx.store.watch(open_key(task_id), since):
                if event.value is None:
                    return
        except Compacted:
            continue
        except StoreUnavailable:
            await ctx.clock.sleep(PAUSE_S)


async def task_if_known(store: CloudStore, task_id: str) -> Task | None:
    """The task; ``None`` once it is forgotten."""
    try:
        return await reading.task(store, task_id)
    except HeliostatError:
        return None


def failure(tasks: Sequence[Task], what: str, asked: int) -> PermanentError | None:
    """The error that tells how many failed and why the first did; ``None`` if none."""
    failed = [task for task in tasks if task.state is TaskState.ERROR]
    if not failed:
        return None
    first = _first_problem(failed[0])
    return PermanentError(
        first.code,
        f"{len(failed)} of {asked} {what}; the first ({failed[0].entity_id}): {first.message}",
        hint=first.hint or None,
        data={"taskId": failed[0].id, "failed": [task.id for task in failed]},
    )


def _first_problem(task: Task) -> Problem:
    for step in task.steps:
        if step.errors:
            return step.errors[0]
    return Problem(code="StepFailed", message="its task gives no reason.")
