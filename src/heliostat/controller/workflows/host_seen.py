"""What an agent says its host has, and the moment a host becomes READY.

Called with every greeting and whenever facts change; writes only differences that
somebody decides upon: free space that moved by less than a hundredth is no news,
or a fleet's heartbeats would be commits.
"""

from __future__ import annotations

from msgspec.structs import asdict, replace

from heliostat.agentlink.messages import HostDatastore, HostFacts
from heliostat.cloudstore.contract import Change, CloudStore, Guard, GuardFailed
from heliostat.controller.model.datastore import described
from heliostat.controller.model.host import HostInventory, HostState
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.kinds import DATASTORES, HOSTS, INVENTORIES
from heliostat.core.errors import TemporaryError

_ATTEMPTS = 16
_NEWS_FRACTION = 0.01


async def host_seen(store: CloudStore, host_id: str, facts: HostFacts, *, now_ms: int = 0) -> None:
    """Keep ``facts``; a host whose agent is heard for the first time is READY.

    Raises ``HostNotFound`` for a host that was removed.
    """
    inventory = HostInventory(id=host_id, **asdict(facts))
    for _ in range(_ATTEMPTS):
        stored = await reading.host(store, host_id)
        known = await INVENTORIES.get(store, host_id)
        guards: list[Guard] = [HOSTS.guard(stored)]
        changes: list[Change] = []
        if known is None or is_news(known.value, inventory):
            before = known.value if known is not None else None
            guards.append(
                INVENTORIES.absent(host_id) if known is None else INVENTORIES.guard(known)
            )
            changes.extend(INVENTORIES.put(inventory, before))
            more = await _datastores(store, inventory, before, now_ms)
            guards.extend(more[0])
            changes.extend(more[1])
        host = stored.value
        if host.state is HostState.NOT_PROVISIONED and not host.task_id:
            host = replace(host, state=HostState.READY)
            changes.extend(HOSTS.put(host, stored.value))
        try:
            if changes:
                await store.commit(guards, changes)
        except GuardFailed:
            continue
        return
    raise TemporaryError("ConcurrentTask", f"The host {host_id} kept changing.")


def is_news(known: HostInventory, found: HostInventory) -> bool:
    """Whether ``found`` differs from ``known`` by more than a little free space."""
    if _without_free_space(known) != _without_free_space(found):
        return True
    pairs = [
        (known.disk_free_bytes, found.disk_free_bytes, found.disk_total_bytes),
        *(
            (before.free_bytes, after.free_bytes, after.total_bytes)
            for before, after in zip(known.datastores, found.datastores, strict=True)
        ),
    ]
    return any(abs(before - after) > _NEWS_FRACTION * total for before, after, total in pairs)


def _without_free_space(inventory: HostInventory) -> HostInventory:
    return replace(
        inventory,
        disk_free_bytes=0,
        datastores=tuple(replace(each, free_bytes=0) for each in inventory.datastores),
    )


async def _datastores(
    store: CloudStore, found: HostInventory, before: HostInventory | None, now_ms: int
) -> tuple[list[Guard], list[Change]]:
    """The documents of the datastores that this host tells something new of.

    A host that says the same as ever changes nothing, so two hosts that call a shared
    folder by different names don't rename it to and fro: who spoke last counts.
    """
    guards: list[Guard] = []
    changes: list[Change] = []
    said = {each.datastore_id: _description(each) for each in before.datastores} if before else {}
    for held in found.datastores:
        stored = await DATASTORES.get(store, held.datastore_id)
        told = described(held, created_ms=now_ms)
        if stored is None:
            guards.append(DATASTORES.absent(told.id))
            changes.extend(DATASTORES.put(told))
            continue
        known = stored.value
        if said.get(held.datastore_id) == _description(held):
            told = known
        told = replace(told, created_ms=known.created_ms, unreported_since_ms=0)
        if told != known:
            guards.append(DATASTORES.guard(stored))
            changes.extend(DATASTORES.put(told, known))
    return guards, changes


def _description(held: HostDatastore) -> tuple[str, str, tuple[str, ...]]:
    return held.name, held.type, held.tags
