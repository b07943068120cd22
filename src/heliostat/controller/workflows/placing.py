"""Reserving a host for a VM or a disk: decide, claim in memory, then compare-and-set.

The decision is exact over the fleet as known here; the commit holds only while
the chosen host, its reservation and those of its datastores are as known.  If
another controller was faster there, they are read again and it is decided anew;
before "nothing fits" is said, everything is.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec

from heliostat.cloudstore.contract import Absent, AtRevision, Change, Guard, GuardFailed
from heliostat.controller.model.reservation import Scope, Separation
from heliostat.controller.scheduler.placement import Decision, PlacementRequest, choose
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.fleet import Claim, Fleet, Share
from heliostat.controller.workflows.host_rows import written_id
from heliostat.controller.workflows.kinds import SEPARATIONS
from heliostat.controller.workflows.steps import ports_of
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.tasks.model import StepContext

Write = Callable[["Place"], tuple[Sequence[Guard], Sequence[Change]]]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A host, its name for people, and the datastore (id and name) of each disk."""

    host_id: str
    address: str
    datastores: dict[str, str] = {}
    datastore_names: dict[str, str] = {}


async def decide(ports: Ports, request: PlacementRequest, entity_id: str) -> Decision:
    """Where ``request`` would be placed now."""
    fleet = await ports.fleet.ready()
    decision = choose(fleet.columns, request, tie_break=_tie_break(entity_id))
    if decision.host_id is None:
        await ports.fleet.refresh()
        decision = choose(fleet.columns, request, tie_break=_tie_break(entity_id))
    return decision


async def place(
    ctx: StepContext,
    request: PlacementRequest,
    entity_id: str,
    share: Callable[[Place], Share],
    write: Write,
) -> Place:
    """Reserve the best host.

    ``share`` says what is reserved there, ``write`` what else belongs to the commit.
    Raises the decision's code when nothing fits.
    """
    ports = ports_of(ctx)
    if any(term.scope is Scope.ZONE for term in request.terms):
        await _take_turns(ctx, request.project_id)
    attempts = ports.settings.reserve_attempts
    for attempt in range(attempts):
        fleet = await ports.fleet.ready()
        tie_break = _tie_break(entity_id) + attempt
        decision = choose(fleet.columns, request, tie_break=tie_break)
        if decision.host_id is None:
            await ports.fleet.refresh()
            decision = choose(fleet.columns, request, tie_break=tie_break)
        ctx.explain("placement", decision.reason, **_numbers(decision))
        place_ = _chosen(fleet, decision)
        claim = fleet.claim(place_.host_id, entity_id, share(place_), request.project_id)
        try:
            revision = await _commit(ctx, fleet, claim, write(place_))
        except GuardFailed as error:
            if _is_turn(error.guard):
                await ports.fleet.refresh()
            else:
                await ports.fleet.look_at(claim.host_id, sorted(claim.placed))
        else:
            if revision is not None:
                return place_
        finally:
            fleet.drop(claim)
    raise TemporaryError(
        "ConcurrentTask", f"Other placements were faster {attempts} times in a row."
    )


async def _take_turns(ctx: StepContext, project_id: str) -> None:
    """From now on the project's placements take turns, here and in other controllers.

    What was placed before is listed after the document exists, so none is overlooked.
    """
    feed = ports_of(ctx).fleet
    if (await feed.ready()).takes_turns(project_id):
        return
    with contextlib.suppress(GuardFailed):
        fresh = Separation(project_id=project_id)
        await ctx.commit([SEPARATIONS.absent(project_id)], SEPARATIONS.put(fresh))
    await feed.refresh()


def _is_turn(guard: Guard) -> bool:
    return isinstance(guard, AtRevision | Absent) and guard.key.startswith(SEPARATIONS.prefix)


async def _commit(
    ctx: StepContext,
    fleet: Fleet,
    claim: Claim,
    more: tuple[Sequence[Guard], Sequence[Change]],
) -> int | None:
    """Make the claim a fact; ``None`` if others changed its ground while it waited its turn."""
    async with AsyncExitStack() as stack:
        for document in claim.documents:
            await stack.enter_async_context(fleet.lock(document))
        if not fleet.still_fits(claim):
            return None
        guards, changes = fleet.commit_of(claim)
        revision = await ctx.commit([*guards, *more[0]], [*changes, *more[1]])
        fleet.committed(claim, revision)
        return revision


def _chosen(fleet: Fleet, decision: Decision) -> Place:
    """The place decided for; the decision's error if there is none."""
    if decision.host_id is None:
        raise PermanentError(
            decision.code,
            decision.reason,
            data={"ruledOut": decision.ruled_out, "considered": decision.considered},
        )
    host_id, chosen = decision.host_id, decision.datastores
    return Place(
        host_id=host_id,
        address=decision.address,
        datastores={disk: written_id(each) for disk, each in chosen.items()},
        datastore_names={disk: fleet.store_name(host_id, each) for disk, each in chosen.items()},
    )


def _numbers(decision: Decision) -> dict[str, Any]:
    """The decision without its sentence, for the explanation that carries both."""
    numbers: dict[str, Any] = msgspec.to_builtins(decision)
    del numbers["reason"]
    return numbers


def _tie_break(entity_id: str) -> int:
    """The same for the same entity everywhere (``hash`` differs between processes)."""
    return zlib.crc32(entity_id.encode())
