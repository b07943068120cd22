"""Reserving a host for a VM or a disk: decide, then compare-and-set, then anew.

The decision is exact over the fleet as read; the commit holds only while the
chosen host and its reservation are as they were.  If another placement was
faster there, the fleet is read and decided again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from heliostat.cloudstore.contract import Change, Guard, GuardFailed
from heliostat.controller.model.reservation import Reservation
from heliostat.controller.scheduler.placement import Decision, PlacementRequest, choose
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.fleet import read_fleet
from heliostat.controller.workflows.steps import ports_of
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.tasks.model import StepContext

Reserve = Callable[[Reservation], Reservation]
Write = Callable[[str, str], tuple[Sequence[Guard], Sequence[Change]]]


async def decide(ports: Ports, request: PlacementRequest, entity_id: str) -> Decision:
    """Where ``request`` would be placed now."""
    fleet = await read_fleet(ports.store)
    settings = ports.settings.scheduler
    return choose(fleet.columns, request, tie_break=_tie_break(entity_id), settings=settings)


async def place(
    ctx: StepContext, request: PlacementRequest, entity_id: str, reserve: Reserve, write: Write
) -> str:
    """Reserve the best host; its id.

    ``write(host_id, datastore)`` is what else belongs to the commit.  Raises the
    decision's code when nothing fits.
    """
    ports = ports_of(ctx)
    attempts = ports.settings.reserve_attempts
    for attempt in range(attempts):
        async with ports.placing:
            fleet = await read_fleet(ctx.store)
            decision = choose(
                fleet.columns,
                request,
                tie_break=_tie_break(entity_id) + attempt,
                settings=ports.settings.scheduler,
            )
            ctx.explain("placement", decision.reason, **_numbers(decision))
            host_id = _chosen(decision)
            guards, changes = fleet.rewrite(reserve(fleet.reservation(host_id)))
            more_guards, more_changes = write(host_id, fleet.datastore(host_id))
            try:
                await ctx.commit([*guards, *more_guards], [*changes, *more_changes])
            except GuardFailed:
                continue
            return host_id
    raise TemporaryError(
        "ConcurrentTask", f"Other placements were faster {attempts} times in a row."
    )


def _chosen(decision: Decision) -> str:
    """The host decided for; the decision's error if there is none."""
    if decision.host_id is None:
        raise PermanentError(
            decision.code,
            decision.reason,
            data={"ruledOut": decision.ruled_out, "considered": decision.considered},
        )
    return decision.host_id


def _numbers(decision: Decision) -> dict[str, Any]:
    """The decision without its sentence, for the explanation that carries both."""
    numbers: dict[str, Any] = msgspec.to_builtins(decision)
    del numbers["reason"]
    return numbers


def _tie_break(entity_id: str) -> int:
    """The same for the same entity everywhere (``hash`` differs between processes)."""
    return zlib.crc32(entity_id.encode())
