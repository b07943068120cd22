"""Adding a host, and removing one.

Adding stores no password: the host is NOT_PROVISIONED until its agent joined
with a one-time token (see :mod:`host_seen`).
"""

from __future__ import annotations

import ipaddress

from msgspec.structs import replace

from heliostat.cloudstore.contract import Absent, Change, Delete, Guard
from heliostat.controller.model.desired import desired_prefix, reported_prefix
from heliostat.controller.model.host import Host, HostSpec, HostState, UsageTag
from heliostat.controller.model.labels import check_labels
from heliostat.controller.model.names import invalid
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.kinds import HOST, HOSTS, INVENTORIES, RESERVATIONS, ZONES
from heliostat.controller.workflows.requests import queued, refuse_busy
from heliostat.controller.workflows.zone import ready_zone, sweep_zone
from heliostat.core.counting import counted
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Done, StepContext, StepDefinition, Workflow

_REMOVABLE = frozenset({HostState.NOT_PROVISIONED, HostState.MAINTENANCE, HostState.ERROR})
_BATCH = 50


async def host_create(ports: Ports, caller: Caller, spec: HostSpec) -> Admission:
    """A host to be joined by its agent; ``DuplicateHost``, and what a zone can't be used for."""
    address = _check_address(spec.address)
    if await HOSTS.ids_by_index(ports.store, "address", address):
        raise PermanentError(
            "DuplicateHost", f"There is a host with the address {address} already."
        )
    zone = await ready_zone(ports.store, spec.zone) if spec.zone else None
    host = Host(
        id=ports.ids.new_id(),
        address=address,
        state=HostState.CREATING,
        usage_tags=_check_tags(spec.usage_tags),
        zone=zone.value.id if zone is not None else "",
        metadata=dict(spec.metadata),
        labels=check_labels(spec.labels),
        created_ms=ports.clock.now_ms(),
    )
    task = queued(ports, caller, CREATE_HOST, HOST, host.id)
    return Admission(
        task,
        (HOSTS.unused("address", address), *([ZONES.guard(zone)] if zone is not None else [])),
        tuple(HOSTS.put(replace(host, task_id=task.id))),
    )


async def host_delete(ports: Ports, caller: Caller, host_id: str) -> Admission:
    """Remove a host that holds nothing and takes nothing: in MAINTENANCE, or never joined."""
    stored = await reading.host(ports.store, host_id)
    host = stored.value
    refuse_busy("host", host)
    if host.state not in _REMOVABLE:
        states = ", ".join(sorted(_REMOVABLE))
        raise PermanentError(
            "InvalidHostState",
            f"The host {host.address} is {host.state}; to remove it, it has to be one of {states}.",
            data={"state": str(host.state)},
        )
    await _refuse_contents(ports, host)
    task = queued(ports, caller, DELETE_HOST, HOST, host_id)
    return Admission(
        task,
        (HOSTS.guard(stored), Absent(RESERVATIONS.key(host_id))),
        tuple(HOSTS.put(replace(host, task_id=task.id), host)),
    )


async def _refuse_contents(ports: Ports, host: Host) -> None:
    held = await RESERVATIONS.get(ports.store, host.id)
    if held is None:
        return
    vms, disks = len(held.value.vms), len(held.value.disks)
    raise PermanentError(
        "HostHasVms",
        f"The host {host.address} still has {counted(vms, 'VM')} and "
        f"{counted(disks, 'persistent disk')}.",
        data={"vms": sorted(held.value.vms), "disks": sorted(held.value.disks)},
    )


def _check_address(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError as error:
        raise invalid("address", f"{text!r} is not an IPv4 address") from error


def _check_tags(tags: tuple[str, ...]) -> tuple[UsageTag, ...]:
    try:
        parsed = tuple(dict.fromkeys(UsageTag(tag) for tag in tags))
    except ValueError as error:
        raise invalid("usageTags", f"{error}; known are {', '.join(UsageTag)}") from error
    if not parsed:
        raise invalid("usageTags", f"a host is for at least one of {', '.join(UsageTag)}")
    return parsed


async def _create(ctx: StepContext) -> Done:
    stored = await reading.host(ctx.store, ctx.task.entity_id)
    inventory = await INVENTORIES.get(ctx.store, stored.value.id)
    if inventory is None:
        state, seen = HostState.NOT_PROVISIONED, INVENTORIES.absent(stored.value.id)
        guards: list[Guard] = [HOSTS.guard(stored), seen]
    else:  # its agent was faster than this step
        state, guards = HostState.READY, [HOSTS.guard(stored)]
    known = replace(stored.value, state=state, task_id="")
    return Done(changes=HOSTS.put(known, stored.value), guards=guards)


async def _uncreate(ctx: StepContext) -> Done:
    stored = await HOSTS.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    zone = await sweep_zone(ctx.store, stored.value.zone, stored.value.id)
    return Done(
        changes=[*HOSTS.delete(stored.value), *zone.changes],
        guards=[HOSTS.guard(stored), *zone.guards],
    )


async def _delete(ctx: StepContext) -> Done:
    """What was asked of the host and what it said go first, the host last."""
    host_id = ctx.task.entity_id
    stored = await HOSTS.get(ctx.store, host_id)
    if stored is None:
        return Done()
    for prefix in (desired_prefix(host_id), reported_prefix(host_id)):
        while (page := await ctx.store.list(prefix, limit=_BATCH)).items:
            await ctx.commit([], [Delete(document.key) for document in page.items])
    zone = await sweep_zone(ctx.store, stored.value.zone, host_id)
    guards: list[Guard] = [
        HOSTS.guard(stored),
        Absent(RESERVATIONS.key(host_id)),
        *zone.guards,
    ]
    changes: list[Change] = [*HOSTS.delete(stored.value), *zone.changes]
    inventory = await INVENTORIES.get(ctx.store, host_id)
    if inventory is not None:
        guards.append(INVENTORIES.guard(inventory))
        changes.extend(INVENTORIES.delete(inventory.value))
    return Done(changes=changes, guards=guards)


async def _undelete(ctx: StepContext) -> Done:
    stored = await HOSTS.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    free = replace(stored.value, task_id="")
    return Done(changes=HOSTS.put(free, stored.value), guards=[HOSTS.guard(stored)])


CREATE_HOST = Workflow("CREATE_HOST", (StepDefinition("CREATE_HOST", _create, undo=_uncreate),))
DELETE_HOST = Workflow("DELETE_HOST", (StepDefinition("DELETE_HOST", _delete, undo=_undelete),))
