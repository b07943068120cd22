"""What affinities of a spec mean for placement: a host, a zone, a datastore.

Each is looked up when the operation is asked for (so that a wrong id is refused
at once) and again when it is placed (what it refers to may have moved).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from heliostat.cloudstore.contract import CloudStore
from heliostat.controller.model.affinity import Affinity, AffinityKind
from heliostat.controller.model.disk import DiskState
from heliostat.controller.model.names import invalid
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.kinds import HOSTS, INVENTORIES
from heliostat.core.errors import PermanentError

DISK_KINDS = frozenset(
    {AffinityKind.VM, AffinityKind.HOST, AffinityKind.DATASTORE, AffinityKind.AVAILABILITY_ZONE}
)
VM_KINDS = DISK_KINDS | {AffinityKind.DISK}


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where an entity has to be; empty texts ask for nothing."""

    host_id: str = ""
    zone: str = ""
    datastore: str = ""


async def resolve(
    store: CloudStore,
    project_id: str,
    affinities: Iterable[Affinity],
    allowed: frozenset[AffinityKind],
    code: str,
) -> Whereabouts:
    """What ``affinities`` ask for together.

    ``code`` is the error of affinities that exclude each other.  Raises also
    ``MoreThanOneHostAffinity``, ``InvalidEntity`` for kinds that don't apply, and
    what says that a referenced entity doesn't exist.
    """
    named: set[str] = set()
    hosts: dict[str, str] = {}
    zones: set[str] = set()
    stores: set[str] = set()
    for affinity in affinities:
        kind = affinity.parsed()
        if kind not in allowed:
            raise invalid("affinities", f"an affinity to a {kind} does not apply here")
        if kind is AffinityKind.AVAILABILITY_ZONE:
            zones.add(affinity.id)
        elif kind is AffinityKind.DATASTORE:
            stores.add(affinity.id)
        else:
            host_id = await _host_of(store, project_id, kind, affinity.id)
            hosts[host_id] = f"{kind} {affinity.id}"
            if kind is AffinityKind.HOST:
                named.add(host_id)
    if len(named) > 1:
        raise PermanentError("MoreThanOneHostAffinity", f"{len(named)} hosts are asked for.")
    for found, noun in ((hosts, "hosts"), (zones, "zones"), (stores, "datastores")):
        if len(found) > 1:
            raise PermanentError(code, f"The affinities ask for {len(found)} different {noun}.")
    await _refuse_unknown(store, zones, stores)
    return Whereabouts(next(iter(hosts), ""), next(iter(zones), ""), next(iter(stores), ""))


async def _host_of(store: CloudStore, project_id: str, kind: AffinityKind, id_: str) -> str:
    if kind is AffinityKind.HOST:
        return (await reading.host(store, id_)).value.id
    if kind is AffinityKind.VM:
        vm = (await reading.vm(store, id_)).value
        owner, host_id = vm.project_id, vm.host_id
    else:
        disk = (await reading.disk(store, id_)).value
        if disk.state is DiskState.DELETED:
            raise invalid("affinities", f"the disk {id_} is deleted; restore it first")
        owner, host_id = disk.project_id, disk.host_id
    if owner != project_id:
        raise invalid("affinities", f"the {kind} {id_} belongs to another project")
    if not host_id:
        raise invalid("affinities", f"the {kind} {id_} has no host yet")
    return host_id


async def _refuse_unknown(store: CloudStore, zones: set[str], stores: set[str]) -> None:
    if zones:
        known = {each.value.zone for each in await HOSTS.all(store)}
        for zone in zones - known:
            raise PermanentError("NoSuchResource", f"No host is in the zone {zone!r}.")
    if stores:
        known = {each.value.datastore for each in await INVENTORIES.all(store)}
        for name in stores - known:
            raise PermanentError("NoSuchResource", f"No host has the datastore {name!r}.")
