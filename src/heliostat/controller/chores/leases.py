"""Leases of quota: told of before they end in use, forgotten once they have ended.

Nothing hangs on it: decisions leave ended leases out by themselves.  Forgetting
keeps documents small, and its task says what the end left above a limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.controller.chores.contract import chore
from heliostat.controller.model.leasing import lapse, needed
from heliostat.controller.model.quantity import written
from heliostat.controller.model.quota import OwnerKind, Quota
from heliostat.controller.model.quota_refusals import moment
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.kinds import LEASED, QUOTAS
from heliostat.controller.workflows.quota_lease import changed_quota
from heliostat.controller.workflows.steps import ports_of
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.tasks.model import Done, Problem, StepContext


@dataclass(frozen=True, slots=True)
class Due:
    """A quota with leases to forget, or to warn of; ``sentences`` say which and why."""

    owner_kind: OwnerKind
    owner_id: str
    sentences: tuple[str, ...]
    ending: tuple[str, ...]


async def due(store: CloudStore, now_ms: int, warn_s: float) -> list[Due]:
    """Every quota that there is something to do about."""
    found: list[Due] = []
    for kind in QUOTAS.values():
        for stored in await kind.by_index(store, "leased", LEASED):
            each = _due(stored.value, now_ms, warn_s)
            if each.sentences:
                found.append(each)
    return found


def _due(quota: Quota, now_ms: int, warn_s: float) -> Due:
    now = lapse(quota, now_ms)
    ended = quota.leases.keys() - now.leases.keys()
    sentences = [_ended(now, lease_id) for lease_id in sorted(ended)]
    if not ended and now is not quota:
        sentences.append(f"Leases of projects of {quota.name} have ended.")
    ending = []
    for lease in now.leases.values():
        use = needed(now, lease.id)
        if use and not lease.warned and lease.until_ms - now_ms <= warn_s * 1000:
            ending.append(lease.id)
            above = _above(now, use)
            sentences.append(
                f"The lease {lease.id} of {now.name} ends at {moment(lease.until_ms)} and is "
                f"in use: {above} would be above the limit."
            )
    return Due(quota.owner_kind, quota.owner_id, tuple(sentences), tuple(ending))


def _ended(now: Quota, lease_id: str) -> str:
    over = {key: now.over(key) for key, each in now.ended.items() if each.lease_id == lease_id}
    told = f"{_above(now, over)} are above the limit" if over else "nothing is above the limit"
    return f"The lease {lease_id} of {now.name} has ended; {told}."


def _above(quota: Quota, amounts: dict[str, int]) -> str:
    return ", ".join(
        f"{written(base, quota.items[key].unit)} of {key}" for key, base in sorted(amounts.items())
    )


async def find(ports: Ports) -> Sequence[str]:
    found = await due(ports.store, ports.clock.now_ms(), ports.settings.chores.warn_lease_s)
    return [sentence for each in found for sentence in each.sentences]


async def _work(ctx: StepContext) -> Done:
    ports = ports_of(ctx)
    told: list[Problem] = []
    for each in await due(ctx.store, ctx.clock.now_ms(), ports.settings.chores.warn_lease_s):
        if await _settle(ctx, ports, each):
            told.extend(Problem(code="QuotaLeaseEnds", message=text) for text in each.sentences)
    return Done(warnings=told, result={"quotas": len(told)})


async def _settle(ctx: StepContext, ports: Ports, each: Due) -> bool:
    """Forget and mark as told; ``False`` if somebody else changes the quota just now."""

    def told(quota: Quota) -> Quota:
        marked = {
            id_: replace(lease, warned=True) if id_ in each.ending else lease
            for id_, lease in quota.leases.items()
        }
        return replace(quota, leases=marked)

    try:
        entry = await changed_quota(ports, each.owner_kind, each.owner_id, told)
        await ctx.commit(entry.guards, entry.changes)
    except GuardFailed:
        return False  # the next look judges it anew
    except PermanentError as error:
        if _is_gone(error):
            return False
        raise
    return True


def _is_gone(error: HeliostatError) -> bool:
    return error.code in ("TenantNotFound", "ProjectNotFound")


LEASES = chore(
    "quota-leases",
    "Tell of quota leases that end in use, and forget those that have ended.",
    "END_QUOTA_LEASES",
    lambda ports: ports.settings.chores.leases_s,
    find,
    _work,
)
