"""A host's documents as placement sees the host (pure).

A datastore without an id of its own (an older agent's) is known by the host's, and
is written as the empty id: "the host's first".
"""

from __future__ import annotations

from heliostat.agentlink.messages import HostDatastore
from heliostat.controller.model.host import Host, HostInventory, HostState
from heliostat.controller.scheduler.rows import HostRow, StoreRow

_NAMELESS = "of:"


def host_row(host: Host, inventory: HostInventory | None, *, active: bool) -> HostRow:
    """The host as a row; nothing but what administrators decided before its agent joined."""
    if inventory is None:
        return HostRow(
            id=host.id,
            address=host.address,
            ready=host.state is HostState.READY,
            active=active,
            usage=frozenset(host.usage_tags),
            zone=host.zone,
        )
    return HostRow(
        id=host.id,
        address=host.address,
        ready=host.state is HostState.READY,
        active=active,
        usage=frozenset(host.usage_tags),
        zone=host.zone,
        cpu_count=inventory.cpu_count,
        memory_mib=inventory.memory_mib,
        datastores=tuple(_store_row(host.id, each) for each in inventory.places),
        networks=frozenset(inventory.networks),
    )


def written_id(datastore_id: str) -> str:
    """A datastore's id as documents have it."""
    return "" if datastore_id.startswith(_NAMELESS) else datastore_id


def _store_row(host_id: str, held: HostDatastore) -> StoreRow:
    return StoreRow(
        id=held.datastore_id or f"{_NAMELESS}{host_id}",
        name=held.name,
        total_bytes=held.total_bytes,
        free_bytes=held.free_bytes,
        tags=frozenset({held.type.upper(), *(tag.upper() for tag in held.tags)}),
        images=frozenset(held.images),
    )
