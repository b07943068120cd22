"""Tasks that may be forgotten: ended long ago, and their entity is gone."""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.controller.chores.contract import chore
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.steps import ports_of
from heliostat.controller.workflows.task_retention import count_forgettable, forget_tasks
from heliostat.tasks.model import Done, StepContext


async def find(ports: Ports) -> Sequence[str]:
    keep_s = ports.settings.chores.keep_tasks_s
    number = await count_forgettable(ports.store, ports.clock, keep_s=keep_s)
    if not number:
        return ()
    return (f"{number} task(s) and idempotency keys are past their time of {keep_s:.0f} s.",)


async def _work(ctx: StepContext) -> Done:
    keep_s = ports_of(ctx).settings.chores.keep_tasks_s
    forgotten = await forget_tasks(ctx.store, ctx.clock, keep_s=keep_s)
    return Done(result={"forgotten": forgotten})


TASKS = chore(
    "tasks",
    "Forget tasks of deleted entities and expired idempotency keys.",
    "FORGET_TASKS",
    lambda ports: ports.settings.chores.tasks_s,
    find,
    _work,
)
