"""The fleet as documents: what placement decides on, and what it guards.

The documents of a chosen host are kept with their revisions, so that the commit
of a reservation holds only if the host is as it was when it was chosen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.desired import agent_key
from heliostat.controller.model.host import Host
from heliostat.controller.model.reservation import Reservation
from heliostat.controller.scheduler.columns import HostColumns, HostRow, build
from heliostat.controller.workflows.kinds import HOSTS, INVENTORIES, RESERVATIONS

_AGENTS = agent_key("")
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Fleet:
    """All hosts as columns, and the documents behind them."""

    columns: HostColumns
    hosts: dict[str, Stored[Host]]
    reservations: dict[str, Stored[Reservation]]
    datastores: dict[str, str]

    def datastore(self, host_id: str) -> str:
        return self.datastores.get(host_id, "")

    def rewrite(self, after: Reservation) -> tuple[list[Guard], list[Change]]:
        """The commit that changes a host's reservation while the host stays as it was read."""
        stored = self.reservations.get(after.host_id)
        guards: list[Guard] = [HOSTS.guard(self.hosts[after.host_id])]
        if stored is None:
            return [*guards, RESERVATIONS.absent(after.host_id)], RESERVATIONS.put(after)
        return [*guards, RESERVATIONS.guard(stored)], RESERVATIONS.put(after, stored.value)

    def reservation(self, host_id: str) -> Reservation:
        stored = self.reservations.get(host_id)
        return stored.value if stored is not None else Reservation(host_id=host_id)


async def read_fleet(store: CloudStore) -> Fleet:
    """Everything that placement looks at, as it is now."""
    hosts = {each.value.id: each for each in await HOSTS.all(store)}
    inventories = {each.value.id: each.value for each in await INVENTORIES.all(store)}
    reservations = {each.value.host_id: each for each in await RESERVATIONS.all(store)}
    active = await _active_agents(store)
    rows = []
    for host_id, stored in hosts.items():
        held = reservations.get(host_id)
        reservation = held.value if held is not None else Reservation(host_id=host_id)
        rows.append(
            HostRow(
                host=stored.value,
                inventory=inventories.get(host_id),
                agent_active=host_id in active,
                reservation=reservation,
                project_vms=Counter(share.project_id for share in reservation.vms.values()),
            )
        )
    datastores = {host_id: each.datastore for host_id, each in inventories.items()}
    return Fleet(build(rows), hosts, reservations, datastores)


async def _active_agents(store: CloudStore) -> set[str]:
    page = await store.list(_AGENTS, limit=_PAGE)
    found = {each.key.removeprefix(_AGENTS) for each in page.items}
    while page.after is not None:
        page = await store.list(_AGENTS, limit=_PAGE, after=page.after)
        found.update(each.key.removeprefix(_AGENTS) for each in page.items)
    return found


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a commit."""

    guards: tuple[Guard, ...] = ()
    changes: tuple[Change, ...] = ()


async def released(store: CloudStore, host_id: str, *, vm: str = "", disk: str = "") -> Part:
    """The part of a commit that gives a VM's or a disk's reservation back, if it is there."""
    stored = await RESERVATIONS.get(store, host_id) if host_id else None
    if stored is None:
        return Part()
    after = stored.value.without_vm(vm).without_disk(disk)
    if after == stored.value:
        return Part()
    if after.is_empty:
        return Part((RESERVATIONS.guard(stored),), tuple(RESERVATIONS.delete(stored.value)))
    return Part((RESERVATIONS.guard(stored),), tuple(RESERVATIONS.put(after, stored.value)))
