"""What an agent says its host has, and the moment a host becomes READY.

Called with every greeting and whenever facts change; writes only differences.
"""

from __future__ import annotations

from msgspec.structs import asdict, replace

from heliostat.agentlink.messages import HostFacts
from heliostat.cloudstore.contract import Change, CloudStore, Guard, GuardFailed
from heliostat.controller.model.host import HostInventory, HostState
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.kinds import HOSTS, INVENTORIES
from heliostat.controller.workflows.replicas import align_host
from heliostat.core.errors import TemporaryError

_ATTEMPTS = 16


async def host_seen(store: CloudStore, host_id: str, facts: HostFacts) -> None:
    """Keep ``facts``; a host whose agent is heard for the first time is READY.

    Raises ``HostNotFound`` for a host that was removed.
    """
    inventory = HostInventory(id=host_id, **asdict(facts))
    for _ in range(_ATTEMPTS):
        stored = await reading.host(store, host_id)
        known = await INVENTORIES.get(store, host_id)
        guards: list[Guard] = [HOSTS.guard(stored)]
        changes: list[Change] = []
        if known is None or known.value != inventory:
            changes.extend(INVENTORIES.put(inventory, known.value if known else None))
        host = stored.value
        if host.state is HostState.NOT_PROVISIONED and not host.task_id:
            host = replace(host, state=HostState.READY)
            changes.extend(HOSTS.put(host, stored.value))
        try:
            if changes:
                await store.commit(guards, changes)
        except GuardFailed:
            continue
        await align_host(store, host)
        return
    raise TemporaryError("ConcurrentTask", f"The host {host_id} kept changing.")
