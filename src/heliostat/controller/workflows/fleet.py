"""The fleet in memory: columns kept up to date from events, and claims that are not yet facts.

``Fleet`` is told of documents as they are read and as they change, in any order
that keeps each document's own; it remembers the revision of each, so an older
one changes nothing.  What this process is about to reserve is in the columns
before it is committed, so placements of one process see each other; another
controller's are seen when their events arrive, and until then the guards of the
commit tell them apart.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from heliostat.cloudstore.contract import Change, Guard, GuardFailed
from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.host import Host, HostInventory
from heliostat.controller.model.reservation import (
    DatastoreReservation,
    DiskShare,
    Reservation,
    Separation,
    VmShare,
)
from heliostat.controller.scheduler.columns import HostColumns
from heliostat.controller.scheduler.settings import SchedulerSettings
from heliostat.controller.workflows.host_rows import host_row, written_id
from heliostat.controller.workflows.kinds import (
    DATASTORE_RESERVATIONS,
    HOSTS,
    RESERVATIONS,
    SEPARATIONS,
)
from heliostat.controller.workflows.releasing import empty, shared

Share = VmShare | DiskShare
T = TypeVar("T", bound=msgspec.Struct)


class Seen(Generic[T]):
    """One document as last seen; ``revision`` is when, so that older news is told from newer."""

    __slots__ = ("document", "revision")

    def __init__(self) -> None:
        self.document: Stored[T] | None = None
        self.revision = 0

    def take(self, document: Stored[T] | None, revision: int) -> bool:
        """See the document (``None``: there is none) as of ``revision``; whether that is news."""
        if revision < self.revision:
            return False
        before, self.document, self.revision = self.document, document, revision
        if document is None or before is None:
            return document is not before
        return document.revision != before.revision


@dataclass(slots=True)
class Known:
    """What is known of one host; ``changes`` counts what others did to it."""

    host: Seen[Host] = field(default_factory=Seen)
    inventory: Seen[HostInventory] = field(default_factory=Seen)
    reservation: Seen[Reservation] = field(default_factory=Seen)
    active: bool = False
    agent_revision: int = 0
    claims: dict[str, Share] = field(default_factory=dict)
    changes: int = 0

    def held(self, host_id: str) -> Reservation:
        stored = self.reservation.document
        return stored.value if stored is not None else empty(host_id)


@dataclass(slots=True)
class KnownStore:
    """What is known of one datastore's reservations; ``claims`` are bytes by entity."""

    reservation: Seen[DatastoreReservation] = field(default_factory=Seen)
    claims: dict[str, int] = field(default_factory=dict)

    @property
    def total_bytes(self) -> int:
        stored = self.reservation.document
        held = stored.value.total_bytes if stored is not None else 0
        return held + sum(self.claims.values())


class Fleet:
    """Everything placement knows; changed only by the methods below, which never wait."""

    def __init__(self, settings: SchedulerSettings) -> None:
        self.columns = HostColumns(settings)
        self._hosts: dict[str, Known] = {}
        self._stores: dict[str, KnownStore] = {}
        self._separations: dict[str, Seen[Separation]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    @property
    def host_ids(self) -> list[str]:
        """Hosts of which anything was ever seen."""
        return list(self._hosts)

    @property
    def datastore_ids(self) -> list[str]:
        return list(self._stores)

    def see_host(self, host_id: str, stored: Stored[Host] | None, revision: int) -> None:
        known = self._known(host_id)
        if known.host.take(stored, revision):
            known.changes += 1
            self._show(host_id, known)
            self._count(host_id, known)

    def see_inventory(
        self, host_id: str, stored: Stored[HostInventory] | None, revision: int
    ) -> None:
        known = self._known(host_id)
        if known.inventory.take(stored, revision):
            self._show(host_id, known)

    def see_agent(self, host_id: str, revision: int, *, active: bool) -> None:
        known = self._known(host_id)
        if revision < known.agent_revision:
            return
        known.agent_revision = revision
        if known.active != active:
            known.active = active
            self._show(host_id, known)

    def see_reservation(
        self, host_id: str, stored: Stored[Reservation] | None, revision: int
    ) -> None:
        known = self._known(host_id)
        before = known.held(host_id)
        if known.reservation.take(stored, revision):
            known.changes += bool(_differences(before, known.held(host_id)) - known.claims.keys())
            self._count(host_id, known)

    def see_datastore(
        self, datastore_id: str, stored: Stored[DatastoreReservation] | None, revision: int
    ) -> None:
        known = self._stores.setdefault(datastore_id, KnownStore())
        if known.reservation.take(stored, revision):
            self.columns.stores.set_used(datastore_id, known.total_bytes)

    def see_separation(
        self, project_id: str, stored: Stored[Separation] | None, revision: int
    ) -> None:
        """Only from a list: it vouches for all reservations up to its revision."""
        self._separations.setdefault(project_id, Seen()).take(stored, revision)

    def takes_turns(self, project_id: str) -> bool:
        """Whether the placements of a project are known to take turns."""
        seen = self._separations.get(project_id)
        return seen is not None and seen.document is not None

    @property
    def separated_ids(self) -> list[str]:
        return list(self._separations)

    def claim(self, host_id: str, entity_id: str, share: Share, project_id: str = "") -> Claim:
        """Reserve in memory; the claim must be dropped whatever becomes of it."""
        known = self._hosts[host_id]
        claim = Claim(host_id, entity_id, share, known.changes, project_id)
        claim.takes_turns = self.takes_turns(project_id)
        known.claims[entity_id] = share
        for datastore_id, size_bytes in claim.placed.items():
            store = self._stores.setdefault(datastore_id, KnownStore())
            store.claims[entity_id] = size_bytes
            self.columns.stores.set_used(datastore_id, store.total_bytes)
        self._count(host_id, known)
        return claim

    def still_fits(self, claim: Claim) -> bool:
        """Whether nobody else changed what the claim was decided on."""
        stores = self.columns.stores
        return self._hosts[claim.host_id].changes == claim.changes and all(
            stores.room[stores.number[each]] >= 0 for each in claim.placed
        )

    def commit_of(self, claim: Claim) -> tuple[list[Guard], list[Change]]:
        """The commit that makes a claim a fact while host and datastores are as known.

        Raises ``GuardFailed`` at once for a host that is gone.
        """
        known = self._hosts[claim.host_id]
        if known.host.document is None:
            raise GuardFailed(HOSTS.absent(claim.host_id))
        guards: list[Guard] = [HOSTS.guard(known.host.document)]
        after = _with(known.held(claim.host_id), claim.entity_id, claim.share)
        before = known.reservation.document
        if before is None:
            guards.append(RESERVATIONS.absent(claim.host_id))
        else:
            guards.append(RESERVATIONS.guard(before))
        changes = RESERVATIONS.put(after, before.value if before is not None else None)
        sums = after.bytes_by_datastore()
        for datastore_id in sorted(claim.placed):
            store = self._stores[datastore_id].reservation.document
            part = shared(store, datastore_id, claim.host_id, sums.get(datastore_id, 0))
            guards.extend(part.guards)
            changes.extend(part.changes)
        turn = self._separations.get(claim.project_id)
        if turn is None or turn.document is None:
            guards.append(SEPARATIONS.absent(claim.project_id))
        else:
            guards.append(SEPARATIONS.guard(turn.document))
            changes.extend(SEPARATIONS.put(_next(turn.document.value), turn.document.value))
        return guards, changes

    def committed(self, claim: Claim, revision: int) -> None:
        """The claim is a fact since ``revision``: its events will bring no news."""
        known, host_id = self._hosts[claim.host_id], claim.host_id
        after = _with(known.held(host_id), claim.entity_id, claim.share)
        _write(known.reservation, RESERVATIONS.key(host_id), after, revision)
        sums = after.bytes_by_datastore()
        for datastore_id in claim.placed:
            store = self._stores[datastore_id].reservation
            held = store.document
            was = held.value if held else DatastoreReservation(datastore_id=datastore_id)
            now = was.with_host(host_id, sums.get(datastore_id, 0))
            _write(store, DATASTORE_RESERVATIONS.key(datastore_id), now, revision)
        turn = self._separations.get(claim.project_id)
        if turn is not None and turn.document is not None:
            _write(turn, turn.document.key, _next(turn.document.value), revision)
        self.drop(claim)

    def drop(self, claim: Claim) -> None:
        """The claim is over: what it reserved stays only if it became a fact."""
        known = self._hosts[claim.host_id]
        known.claims.pop(claim.entity_id, None)
        for datastore_id in claim.placed:
            store = self._stores[datastore_id]
            store.claims.pop(claim.entity_id, None)
            self.columns.stores.set_used(datastore_id, store.total_bytes)
        self._count(claim.host_id, known)

    def lock(self, key: str) -> asyncio.Lock:
        """Held while a claim on that document is committed: the next one builds on it."""
        return self._locks.setdefault(key, asyncio.Lock())

    def store_name(self, host_id: str, datastore_id: str) -> str:
        """What the host calls one of its datastores."""
        stored = self._known(host_id).inventory.document
        wanted = written_id(datastore_id)
        places = stored.value.places if stored is not None else ()
        return next((each.name for each in places if each.datastore_id == wanted), wanted)

    def _known(self, host_id: str) -> Known:
        return self._hosts.setdefault(host_id, Known())

    def _show(self, host_id: str, known: Known) -> None:
        """Bring the host's row up to date."""
        host, inventory = known.host.document, known.inventory.document
        if host is None:
            self.columns.drop(host_id)
            return
        has = inventory.value if inventory is not None else None
        self.columns.put(host_row(host.value, has, active=known.active))

    def _count(self, host_id: str, known: Known) -> None:
        """Bring what is reserved in the host's row up to date, claims included."""
        held = known.held(host_id)
        for entity_id, share in known.claims.items():
            held = _with(held, entity_id, share)
        self.columns.reserve(held)


class Claim:
    """Space on a host that this process is about to reserve for one entity."""

    def __init__(
        self, host_id: str, entity_id: str, share: Share, changes: int, project_id: str
    ) -> None:
        self.project_id = project_id
        self.takes_turns = False
        self.host_id = host_id
        self.changes = changes
        self.entity_id = entity_id
        self.share = share
        self.placed = _bytes_of(share)

    @property
    def documents(self) -> list[str]:
        """What its commit changes, in an order that all claims share (so no two wait in a ring)."""
        stores = [f"store/{each}" for each in sorted(self.placed)]
        turn = [f"project/{self.project_id}"] if self.takes_turns else []
        return [*turn, f"host/{self.host_id}", *stores]


def _bytes_of(share: Share) -> dict[str, int]:
    if isinstance(share, VmShare):
        return share.datastores
    return {share.datastore: share.size_bytes} if share.datastore else {}


def _with(held: Reservation, entity_id: str, share: Share) -> Reservation:
    if isinstance(share, VmShare):
        return held.with_vm(entity_id, share)
    return held.with_disk(entity_id, share)


def _differences(before: Reservation, after: Reservation) -> set[str]:
    """What only one of the two reserves for."""
    return (before.vms.keys() ^ after.vms.keys()) | (before.disks.keys() ^ after.disks.keys())


def _next(turn: Separation) -> Separation:
    return Separation(project_id=turn.project_id, placements=turn.placements + 1)


def _write(seen: Seen[T], key: str, value: T, revision: int) -> None:
    created = seen.document.created if seen.document is not None else revision
    seen.take(Stored(value, key, revision, created), revision)
