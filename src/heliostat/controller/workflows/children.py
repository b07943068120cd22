"""Tasks that a task has started: waiting for them, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from heliostat.cloudstore.contract import CloudStore, Compacted, StoreUnavailable
from heliostat.controller.workflows import reading
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.tasks.model import Problem, StepContext, Task, TaskState, open_key

PAUSE_S = 1.0


async def all_ended(
    ctx: StepContext, task_ids: Sequence[str], doing: str, *, done: int = 0
) -> list[Task]:
    """The tasks once all have ended, those that are still known; says how many have so far.

    ``done`` things needed no task.
    """
    left = dict.fromkeys(task_ids)

    def say() -> None:
        ended = len(task_ids) - len(left)
        ctx.waiting_for(f"{doing}: {ended} of {len(task_ids)} have ended")
        ctx.progressed(done + ended, done + len(task_ids))

    say()
    while left:
        await _take_out_ended(ctx, left, say)
    found = [await task_if_known(ctx.store, task_id) for task_id in task_ids]
    return [task for task in found if task is not None]


async def _take_out_ended(ctx: StepContext, left: dict[str, None], say: Callable[[], None]) -> None:
    """Take out of ``left`` what ends, in whichever order; returns early if a watch breaks off."""
    try:
        since = await ctx.store.revision()
        for task_id in list(left):
            if await ctx.store.get(open_key(task_id)) is None:
                del left[task_id]
                say()
        if left:
            await _while_some_left(ctx.store, since, left, say)
    except Compacted:
        return
    except StoreUnavailable:
        await ctx.clock.sleep(PAUSE_S)


async def _while_some_left(
    store: CloudStore, since: int, left: dict[str, None], say: Callable[[], None]
) -> None:
    """One watch for all: what closes other tasks costs a look into ``left``."""
    async for event in store.watch(open_key(""), since):
        task_id = event.key.removeprefix(open_key(""))
        if event.value is None and task_id in left:
            del left[task_id]
            say()
            if not left:
                return


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
