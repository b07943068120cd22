"""What hosts have, kept up to date from what their agents say.

The first word of an agent makes its host READY; a host that an administrator
suspended stays suspended.
"""

from __future__ import annotations

import msgspec

from heliostat.agentlink.messages import HostFacts
from heliostat.cloudstore.contract import Change, CloudStore, Guard, GuardFailed
from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.host import Host, HostInventory, HostState
from heliostat.controller.workflows.kinds import HOSTS, INVENTORIES
from heliostat.core.errors import PermanentError

ATTEMPTS = 8


async def keep(store: CloudStore, host_id: str, facts: HostFacts) -> None:
    """Write what changed; raises ``HostNotFound`` for a host that was deleted."""
    for _ in range(ATTEMPTS):
        host = await HOSTS.get(store, host_id)
        if host is None:
            raise PermanentError("HostNotFound", f"The host {host_id} was deleted.")
        known = await INVENTORIES.get(store, host_id)
        changes = differences(host.value, known.value if known is not None else None, facts)
        if not changes:
            return
        try:
            await store.commit(_guards(host, known), changes)
        except GuardFailed:
            continue
        return
    raise PermanentError("ConcurrentTask", f"The host {host_id} kept changing.")


def differences(host: Host, known: HostInventory | None, facts: HostFacts) -> list[Change]:
    """The changes that the agent's word makes."""
    told = HostInventory(id=host.id, **msgspec.structs.asdict(facts))
    changes: list[Change] = []
    if told != known:
        changes.extend(INVENTORIES.put(told, known))
    if host.state in (HostState.CREATING, HostState.NOT_PROVISIONED):
        changes.extend(HOSTS.put(msgspec.structs.replace(host, state=HostState.READY), host))
    return changes


def _guards(host: Stored[Host], known: Stored[HostInventory] | None) -> list[Guard]:
    guards: list[Guard] = [HOSTS.guard(host)]
    guards.append(
        INVENTORIES.guard(known) if known is not None else INVENTORIES.absent(host.value.id)
    )
    return guards
