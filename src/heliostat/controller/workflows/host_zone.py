"""Putting a host into an availability zone: once, since what was placed counts on it."""

from __future__ import annotations

from msgspec.structs import replace

from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.kinds import HOST, HOSTS, ZONES
from heliostat.controller.workflows.requests import queued, refuse_busy
from heliostat.controller.workflows.zone import ready_zone, sweep_zone
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Done, StepContext, StepDefinition, Workflow


async def host_set_zone(ports: Ports, caller: Caller, host_id: str, zone_id: str) -> Admission:
    """The host is in the zone at once; ``HostAvailabilityZoneAlreadySet`` if it is in any."""
    stored = await reading.host(ports.store, host_id)
    host = stored.value
    refuse_busy("host", host)
    if host.zone:
        raise PermanentError(
            "HostAvailabilityZoneAlreadySet",
            f"The host {host.address} is in the zone {host.zone} already.",
            data={"zone": host.zone},
        )
    zone = await ready_zone(ports.store, zone_id)
    task = queued(ports, caller, SET_ZONE, HOST, host_id, input={"zone": zone.value.id})
    return Admission(
        task,
        (HOSTS.guard(stored), ZONES.guard(zone)),
        tuple(HOSTS.put(replace(host, zone=zone.value.id, task_id=task.id), host)),
    )


async def _set(ctx: StepContext) -> Done:
    """The admission put the host into the zone; from here on it counts."""
    stored = await reading.host(ctx.store, ctx.task.entity_id)
    free = replace(stored.value, task_id="")
    return Done(changes=HOSTS.put(free, stored.value), guards=[HOSTS.guard(stored)])


async def _unset(ctx: StepContext) -> Done:
    stored = await HOSTS.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    before = replace(stored.value, zone="", task_id="")
    zone = await sweep_zone(ctx.store, stored.value.zone, stored.value.id)
    return Done(
        changes=[*HOSTS.put(before, stored.value), *zone.changes],
        guards=[HOSTS.guard(stored), *zone.guards],
    )


SET_ZONE = Workflow(
    "SET_AVAILABILITYZONE", (StepDefinition("SET_AVAILABILITYZONE", _set, undo=_unset),)
)
