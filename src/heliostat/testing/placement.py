"""Placement as a plain loop over hosts: what the columns are checked and measured against.

Nothing is kept and nothing is vectorised: every host is judged by itself, from
its row and all reservations.  Only requests whose disks all ask for the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from heliostat.controller.model.reservation import Avoided, Reservation, Scope
from heliostat.controller.scheduler.columns import HostColumns
from heliostat.controller.scheduler.occupancy import label_key
from heliostat.controller.scheduler.placement import PlacementRequest, Reason, Term, TermKind
from heliostat.controller.scheduler.rows import HostRow, StoreRow
from heliostat.controller.scheduler.settings import SchedulerSettings


@dataclass(frozen=True, slots=True)
class Loop:
    """The score (0..1) of each host that fits, and how many each reason ruled out."""

    scores: dict[str, float]
    ruled_out: dict[str, int]


@dataclass(frozen=True)
class Fleet:
    """Hosts and what is reserved on them."""

    hosts: Sequence[HostRow]
    reservations: Mapping[str, Reservation]
    settings: SchedulerSettings = field(default_factory=SchedulerSettings)

    def columns(self) -> HostColumns:
        """The same as columns."""
        columns = HostColumns(self.settings)
        for host in self.hosts:
            columns.put(host)
        for reservation in self.reservations.values():
            columns.reserve(reservation)
        for datastore_id, size_bytes in self.promised().items():
            columns.stores.set_used(datastore_id, size_bytes)
        return columns

    def held(self, host: HostRow) -> Reservation:
        return self.reservations.get(host.id, Reservation(host_id=host.id))

    def promised(self) -> Counter[str]:
        """Bytes by datastore that reservations name."""
        found: Counter[str] = Counter()
        for reservation in self.reservations.values():
            found.update(reservation.bytes_by_datastore())
        del found[""]
        return found

    def used(self, datastore_id: str) -> int:
        """Everything on a datastore, what lies there as the first of its host included."""
        first = [host for host in self.hosts if host.datastores[:1]]
        unnamed = sum(
            self.held(host).bytes_by_datastore().get("", 0)
            for host in first
            if host.datastores[0].id == datastore_id
        )
        return self.promised()[datastore_id] + unnamed


def best_by_loop(fleet: Fleet, request: PlacementRequest) -> Loop:
    """Judge every host by itself."""
    scores: dict[str, float] = {}
    ruled_out: Counter[str] = Counter()
    for host in fleet.hosts:
        reason = rule_out(fleet, host, request)
        if reason is None:
            scores[host.id] = score(fleet, host, request)
        else:
            ruled_out[str(reason)] += 1
    return Loop(scores, dict(ruled_out))


def rule_out(fleet: Fleet, host: HostRow, request: PlacementRequest) -> Reason | None:
    """The first thing that the host fails."""
    settings, held = fleet.settings, fleet.held(host)
    terms = [term for term in request.terms if not term.kind.is_about_datastores]
    allowed = _allowed(host, request)
    narrowed = len(terms) < len(request.terms) or any(disk.tags for disk in request.disks)

    def there(*kinds: TermKind) -> bool:
        wanted = [term for term in terms if not term.negative and term.kind in kinds]
        return all(_is_there(fleet, host, request, term) for term in wanted)

    memory = host.memory_mib * settings.memory_overcommit * settings.fill_limit
    room = max((_room(fleet, store) for store in allowed), default=float("-inf"))
    checks: tuple[tuple[Reason, Callable[[], bool]], ...] = (
        (Reason.STATE, lambda: host.ready),
        (Reason.AGENT, lambda: host.active),
        (Reason.USAGE, lambda: request.usage in host.usage),
        (Reason.HOST, lambda: there(TermKind.HOST)),
        (Reason.ZONE, lambda: there(TermKind.ZONE)),
        (Reason.DATASTORE, lambda: bool(allowed) or not narrowed),
        (Reason.NETWORK, lambda: there(TermKind.NETWORK)),
        (Reason.COMPANY, lambda: there(TermKind.VM, TermKind.DISK, TermKind.LABEL)),
        (
            Reason.KEEPS_AWAY,
            lambda: (
                not any(_is_there(fleet, host, request, term) for term in terms if term.negative)
            ),
        ),
        (Reason.KEPT_AWAY, lambda: not _is_kept_away(fleet, host, request)),
        (
            Reason.CPU,
            lambda: (
                not request.cpu_count
                or held.cpu_count + request.cpu_count <= host.cpu_count * settings.cpu_overcommit
            ),
        ),
        (
            Reason.MEMORY,
            lambda: not request.memory_mib or request.memory_mib <= memory - held.memory_mib,
        ),
        (Reason.DISK, lambda: request.disk_bytes <= room),
    )
    return next((reason for reason, passed in checks if not passed()), None)


def score(fleet: Fleet, host: HostRow, request: PlacementRequest) -> float:
    """The weighted mean of what would be left and what is preferred.

    With preferences for datastores, the better of two datastores: the roomiest, and the
    roomiest of those that are preferred.
    """
    allowed = _allowed(host, request)
    wishes = [term for term in request.preferences if term.kind.is_about_datastores]
    liked = [store for store in allowed if all(_likes(store, term) for term in wishes)]
    fitting = [store for store in liked if request.disk_bytes <= _room(fleet, store)]
    places = [_roomiest(fleet, allowed)]
    if wishes and fitting:
        places.append(_roomiest(fleet, fitting))
    return max(_score_on(fleet, host, request, store) for store in places)


def _score_on(fleet: Fleet, host: HostRow, request: PlacementRequest, store: StoreRow) -> float:
    settings, held = fleet.settings, fleet.held(host)
    memory = max(host.memory_mib * settings.memory_overcommit, 1)
    cpus = max(host.cpu_count * settings.cpu_overcommit, 1)
    capacity = max(_least(fleet, store)[0] * settings.disk_overcommit, 1)
    machines = sum(share.project_id == request.project_id for share in held.vms.values())
    siblings = machines if request.project_id else 0
    parts = [
        (settings.weight_memory, 1 - (held.memory_mib + request.memory_mib) / memory),
        (settings.weight_cpu, 1 - (held.cpu_count + request.cpu_count) / cpus),
        (settings.weight_disk, (_room(fleet, store) - request.disk_bytes) / capacity),
        (settings.weight_spread, 1 / (1 + siblings)),
    ]
    if request.image_digest:
        holds = any(
            request.image_digest in each.images
            for other in fleet.hosts
            for each in other.datastores
            if each.id == store.id
        )
        parts.append((settings.weight_image, float(holds)))
    if request.preferences:
        met = [
            _likes(store, term)
            if term.kind.is_about_datastores
            else _is_there(fleet, host, request, term) is not term.negative
            for term in request.preferences
        ]
        parts.append((settings.weight_preference, sum(met) / len(met)))
    return sum(weight * part for weight, part in parts) / sum(weight for weight, _ in parts)


def _roomiest(fleet: Fleet, stores: Iterable[StoreRow]) -> StoreRow:
    return max(stores, key=lambda store: _room(fleet, store))


def _room(fleet: Fleet, store: StoreRow) -> float:
    """What may still be promised, by the least that any host says of the datastore."""
    settings = fleet.settings
    total, free = _least(fleet, store)
    promised = total * settings.disk_overcommit * settings.fill_limit - fleet.used(store.id)
    return min(promised, free * settings.disk_overcommit)


def _least(fleet: Fleet, store: StoreRow) -> tuple[int, int]:
    """The least total and free bytes that any host says of a datastore."""
    said = [each for host in fleet.hosts for each in host.datastores if each.id == store.id]
    return min(each.total_bytes for each in said), min(each.free_bytes for each in said)


def _allowed(host: HostRow, request: PlacementRequest) -> list[StoreRow]:
    tags = {tag for disk in request.disks for tag in disk.tags}
    terms = [term for term in request.terms if term.kind.is_about_datastores]
    return [
        store
        for store in host.datastores
        if tags <= store.tags and all(_likes(store, term) for term in terms)
    ]


def _likes(store: StoreRow, term: Term) -> bool:
    if term.kind is TermKind.DATASTORE:
        return (store.id == term.value) is not term.negative
    return (term.value in store.tags) is not term.negative


def _is_there(fleet: Fleet, host: HostRow, request: PlacementRequest, term: Term) -> bool:
    if term.kind is TermKind.HOST:
        return host.id == term.value
    if term.kind is TermKind.ZONE:
        return host.zone == term.value
    if term.kind is TermKind.NETWORK:
        return term.value in host.networks
    if term.kind is TermKind.LABEL:
        key = label_key(request.project_id, term.value)
    else:
        key = f"{term.kind}:{term.value}"
    return any(key in _names(each) for each in _near(fleet, host, term.scope))


def _is_kept_away(fleet: Fleet, host: HostRow, request: PlacementRequest) -> bool:
    return any(
        avoided.key in request.known_as
        for scope in Scope
        for reservation in _near(fleet, host, scope)
        for avoided in _avoided(reservation)
        if avoided.scope is scope
    )


def _avoided(reservation: Reservation) -> Iterable[Avoided]:
    for vm in reservation.vms.values():
        yield from vm.avoids
    for disk in reservation.placed.values():
        yield from disk.avoids


def _near(fleet: Fleet, host: HostRow, scope: Scope) -> list[Reservation]:
    if scope is Scope.HOST:
        return [fleet.held(host)]
    return [fleet.held(each) for each in fleet.hosts if each.zone == host.zone]


def _names(reservation: Reservation) -> set[str]:
    """Everything that is on a host, by the keys that affinities use."""
    names = {f"disk:{disk_id}" for disk_id in reservation.disks}
    for vm_id, share in reservation.vms.items():
        names.add(f"vm:{vm_id}")
        names.update(label_key(share.project_id, label) for label in share.labels)
    return names
