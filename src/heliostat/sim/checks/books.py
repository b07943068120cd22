"""The documents among themselves: they add up, and nothing is left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator

from heliostat.cloudstore.contract import CloudStore, lease_key
from heliostat.controller.model.desired import agent_key
from heliostat.controller.workflows.audit import audit
from heliostat.controller.workflows.kinds import HOSTS, INVENTORIES, RESERVATIONS
from heliostat.controller.workflows.settings import WorkflowSettings
from heliostat.core.units import MIB
from heliostat.tasks.follow import snapshot
from heliostat.tasks.indexes import ACTION_PREFIX, OPEN_PREFIX
from heliostat.tasks.lease import WORKERS_PREFIX

ROUNDING = 1.0 + 1e-9


async def unbalanced(store: CloudStore, settings: WorkflowSettings) -> list[str]:
    """What must hold at any moment: the books, and no host promised more than it has."""
    return [*await audit(store), *await over_reserved(store, settings)]


async def over_reserved(store: CloudStore, settings: WorkflowSettings) -> list[str]:
    """Hosts that have promised more than the scheduler may."""
    found: list[str] = []
    limits = settings.scheduler
    for stored in await RESERVATIONS.all(store):
        held = stored.value
        inventory = await INVENTORIES.get(store, held.host_id)
        if inventory is None:
            found.append(f"The host {held.host_id} holds reservations and told nothing of itself.")
            continue
        has = inventory.value
        for noun, promised, most in (
            ("CPUs", held.cpu_count, has.cpu_count * limits.cpu_overcommit),
            (
                "MiB of memory",
                held.memory_mib,
                has.memory_mib * limits.memory_overcommit * limits.fill_limit,
            ),
            (
                "MiB of disk",
                held.disk_bytes / MIB,
                has.disk_total_bytes / MIB * limits.disk_overcommit * limits.fill_limit,
            ),
        ):
            if promised > most * ROUNDING:
                found.append(
                    f"The host {held.host_id} promised {promised:.0f} {noun}, of {most:.0f}."
                )
    return found


async def left_behind(store: CloudStore, live_workers: set[str]) -> list[str]:
    """What must not exist once nothing is under way."""
    return [each async for each in _left_behind(store, live_workers)]


async def _left_behind(store: CloudStore, live_workers: set[str]) -> AsyncIterator[str]:
    for prefix, noun in ((OPEN_PREFIX, "task is open"), (ACTION_PREFIX, "request waits")):
        for document in (await snapshot(store, prefix))[0]:
            yield f"A {noun} although nothing is under way: {document.key}."
    for document in (await snapshot(store, WORKERS_PREFIX))[0]:
        if document.key.removeprefix(WORKERS_PREFIX) not in live_workers:
            yield f"A worker that is gone still has its lease: {document.key}."
    hosts = {stored.value.id for stored in await HOSTS.all(store)}
    agents = lease_key("agent/")
    for document in (await snapshot(store, agents))[0]:
        if document.key.removeprefix(agents) not in hosts:
            yield f"The lease of a host that is gone is left: {document.key}."
    for host_id in sorted(hosts):
        if await store.get(agent_key(host_id)) is None:
            yield f"The host {host_id} is up, but its agent counts as away."
