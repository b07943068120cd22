"""The audit trail: seal what was recorded since the last look, forget what is too old."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from heliostat.cloudstore.contract import MAX_CHANGES, Change
from heliostat.controller.chores.contract import chore
from heliostat.controller.trail.record import RECORDS
from heliostat.controller.trail.seals import (
    MARGIN_MS,
    NOTHING,
    SEALS,
    Seal,
    all_seals,
    next_seal,
    older_than,
    unsealed,
)
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.steps import ports_of
from heliostat.core.counting import counted
from heliostat.tasks.model import Done, StepContext


def _expired(seals: Sequence[Seal], now_ms: int, keep_s: float) -> Seal | None:
    """The newest seal all of whose records are past their time, unless they are gone."""
    old = [each for each in seals if each.made_ms < now_ms - keep_s * 1000]
    return old[-1] if old and not old[-1].is_cleared else None


async def find(ports: Ports) -> Sequence[str]:
    seals = await all_seals(ports.store)
    found = []
    records, _ = await unsealed(ports.store, seals[-1] if seals else NOTHING)
    if records:
        found.append(f"Not sealed yet: {counted(len(records), 'audit record')}.")
    keep_s = ports.settings.chores.keep_audit_s
    if _expired(seals, ports.clock.now_ms(), keep_s) is not None:
        found.append(f"Audit records are past their time of {keep_s:.0f} s.")
    return found


async def _work(ctx: StepContext) -> Done:
    seals = await all_seals(ctx.store)
    keep_s = ports_of(ctx).settings.chores.keep_audit_s
    expired = _expired(seals, ctx.clock.now_ms(), keep_s)
    forgotten = await _forget(ctx, seals, expired) if expired is not None else 0
    last = seals[-1] if seals else NOTHING
    records, revision = await unsealed(ctx.store, last)
    if not records:
        return Done(result={"sealed": 0, "forgotten": forgotten})
    seal = next_seal(last, records, revision, ctx.clock.now_ms())
    return Done(
        changes=SEALS.put(seal),
        guards=[SEALS.absent(SEALS.identify(seal))],
        result={"sealed": len(records), "forgotten": forgotten, "digest": seal.digest},
    )


async def _forget(ctx: StepContext, seals: Sequence[Seal], expired: Seal) -> int:
    """Remove the records up to a seal, and the seals before it.

    First the chain is made to begin there, so that it holds at every moment; last the seal
    is marked as cleared, so that a worker that takes over knows what is left to do.
    """
    anchor = replace(expired, is_anchor=True)
    await ctx.commit((), SEALS.put(anchor))
    forgotten = 0
    batch: list[Change] = []
    async for document in older_than(ctx.store, expired.made_ms + MARGIN_MS):
        if document.created > expired.revision:
            continue
        more = RECORDS.delete(RECORDS.read(document).value)
        if len(batch) + len(more) > MAX_CHANGES:
            await ctx.commit((), batch)
            batch = []
        batch += more
        forgotten += 1
    await ctx.commit((), batch)
    for seal in seals:
        if seal.number < expired.number:
            await ctx.commit((), SEALS.delete(seal))
    await ctx.commit((), SEALS.put(replace(anchor, is_cleared=True)))
    return forgotten


TRAIL = chore(
    "audit",
    "Seal new audit records and forget those past their time.",
    "SEAL_AUDIT",
    lambda ports: ports.settings.chores.audit_s,
    find,
    _work,
)
