"""Repairing what a check-up found: a task that mends, then looks again."""

from __future__ import annotations

from heliostat.cloudstore.contract import GuardFailed
from heliostat.controller.chores.reservations import remove_stale
from heliostat.controller.doctor.checkup import check_up
from heliostat.controller.doctor.mends import mends
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.kinds import CHORE
from heliostat.controller.workflows.requests import queued
from heliostat.controller.workflows.steps import ports_of
from heliostat.core.counting import counted
from heliostat.tasks.model import Done, Problem, StepContext, StepDefinition, Workflow

QUOTED = 20
NAME = "doctor"


async def repair(ports: Ports, caller: Caller) -> Admission:
    """Mend what can be mended; a plan's warnings say what that would be."""
    said: tuple[str, ...] = ()
    if caller.planning:
        said = (await check_up(ports)).repairs or ("There is nothing that can be repaired.",)
    return Admission(
        task=queued(ports, caller, REPAIR, CHORE, NAME),
        guards=(),
        changes=(),
        warnings=tuple(Problem(code="ChoreFinding", message=each) for each in said[:QUOTED]),
    )


async def _mend(ctx: StepContext) -> Done:
    mended = 0
    async for mend in mends(ctx.store):
        try:
            await ctx.commit(mend.guards, mend.changes)
        except GuardFailed:
            continue  # it is being worked on: the next check-up judges it anew
        ctx.explain("repair", mend.message)
        mended += 1
    return Done(result={"mended": mended})


async def _release(ctx: StepContext) -> Done:
    return Done(result={"removed": await remove_stale(ctx)})


async def _look_again(ctx: StepContext) -> Done:
    left = (await check_up(ports_of(ctx))).findings
    said = f"{counted(len(left), 'finding')} left."
    ctx.explain("check-up", said if left else "Nothing is wrong any more.")
    warnings = [Problem(code="ChoreFinding", message=each.message) for each in left[:QUOTED]]
    return Done(result={"left": len(left)}, warnings=warnings)


REPAIR = Workflow(
    "REPAIR_SYSTEM",
    (
        StepDefinition("MEND_DOCUMENTS", _mend, expected_s=600),
        StepDefinition("RELEASE_RESERVATIONS", _release, expected_s=600),
        StepDefinition("CHECK_SYSTEM", _look_again, expected_s=600),
    ),
)
