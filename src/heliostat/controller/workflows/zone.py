"""Verbs of availability zones, and what goes with a zone's last host."""

from __future__ import annotations

from msgspec.structs import replace

from heliostat.cloudstore.contract import CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.names import check_name
from heliostat.controller.model.zone import Zone, ZoneState
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.kinds import HOSTS, ZONE, ZONES
from heliostat.controller.workflows.requests import completed
from heliostat.controller.workflows.unused import Sweep
from heliostat.core.errors import PermanentError


async def zone_create(ports: Ports, caller: Caller, name: str) -> Admission:
    """A zone, READY at once; names may repeat."""
    check_name(name)
    zone = Zone(id=ports.ids.new_id(), name=name, created_ms=ports.clock.now_ms())
    task = completed(ports, caller, "CREATE_ZONE", ZONE, zone.id)
    return Admission(task, (ZONES.absent(zone.id),), tuple(ZONES.put(zone)))


async def zone_delete(ports: Ports, caller: Caller, zone_id: str) -> Admission:
    """Remove a zone at once, or, while hosts are in it, with the last of them."""
    stored = await reading.zone(ports.store, zone_id)
    zone = stored.value
    if zone.state is ZoneState.PENDING_DELETE:
        raise PermanentError(
            "InvalidAvailabilityZoneState", f"The zone {zone.name} is being deleted already."
        )
    task = completed(ports, caller, "DELETE_ZONE", ZONE, zone_id)
    if await HOSTS.ids_by_index(ports.store, "zone", zone_id):
        pending = replace(zone, state=ZoneState.PENDING_DELETE)
        return Admission(task, (ZONES.guard(stored),), tuple(ZONES.put(pending, zone)))
    guards = (ZONES.guard(stored), HOSTS.unused("zone", zone_id))
    return Admission(task, guards, tuple(ZONES.delete(zone)))


async def ready_zone(store: CloudStore, named: str) -> Stored[Zone]:
    """The zone that hosts may join, by id or by a name that only one zone has.

    Raises ``AvailabilityZoneNotFound``, ``AmbiguousName`` or ``InvalidAvailabilityZoneState``.
    """
    stored = await ZONES.get(store, named)
    if stored is None:
        called = await ZONES.by_index(store, "name", named)
        if len(called) > 1:
            ids = [each.value.id for each in called]
            raise PermanentError(
                "AmbiguousName",
                f"{len(ids)} zones are called {named!r}: {', '.join(ids)}.",
                data={"ids": ids},
            )
        stored = called[0] if called else await reading.zone(store, named)
    if stored.value.state is not ZoneState.READY:
        raise PermanentError(
            "InvalidAvailabilityZoneState",
            f"The zone {stored.value.name} is {stored.value.state}, not READY.",
        )
    return stored


async def sweep_zone(store: CloudStore, zone_id: str, leaving: str) -> Sweep:
    """Remove the zone if it waits for deletion and only host ``leaving`` is still in it."""
    since = await store.revision()
    stored = await ZONES.get(store, zone_id) if zone_id else None
    if stored is None or stored.value.state is not ZoneState.PENDING_DELETE:
        return Sweep()
    if set(await HOSTS.ids_by_index(store, "zone", zone_id)) - {leaving}:
        return Sweep()
    guards: list[Guard] = [ZONES.guard(stored), HOSTS.index_unchanged("zone", zone_id, since)]
    return Sweep(guards, ZONES.delete(stored.value))
