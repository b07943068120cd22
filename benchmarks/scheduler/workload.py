"""A fleet and requests as large clouds have them, made from one seed.

Hosts stand in groups of a hundred that share ten datastores; each is in one of a
thousand zones and on ten of a hundred networks.  Three quarters of the requests
say where: a zone, a datastore, a type of datastore, away from a machine, away from
a label, or one of these as a preference; nearly all name a network.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from heliostat.controller.model.host import UsageTag
from heliostat.controller.model.reservation import VmShare
from heliostat.controller.scheduler.columns import HostColumns
from heliostat.controller.scheduler.decision import Decision
from heliostat.controller.scheduler.occupancy import label_key
from heliostat.controller.scheduler.placement import DiskAsk, PlacementRequest, Term, TermKind
from heliostat.controller.scheduler.rows import HostRow, StoreRow
from heliostat.core.units import GIB

TYPES = ("LOCAL_VMFS", "SHARED_VMFS", "NFS_41", "VSAN")
STORES_A_HOST, GROUP = 10, 100
NETWORKS, ZONES, PROJECTS, LABELS = 100, 1000, 500, 20
IMAGES = tuple(f"{number:064x}" for number in range(40))


@dataclass
class Workload:
    """``hosts`` machines and whatever is asked of them."""

    hosts: int
    source: random.Random = field(default_factory=lambda: random.Random(1))
    placed: int = 0

    def fleet(self) -> list[HostRow]:
        """A tenth is not READY or not reachable."""
        stores = [self._store(number) for number in range(max(STORES_A_HOST, self.hosts // 10))]
        return [self._host(number, stores) for number in range(self.hosts)]

    def columns(self) -> HostColumns:
        columns = HostColumns()
        for host in self.fleet():
            columns.put(host)
        return columns

    def request(self) -> PlacementRequest:
        source = self.source
        terms: list[Term] = []
        preferences: list[Term] = []
        tags: tuple[str, ...] = ()
        kind = source.random()
        if kind < 0.15:
            terms.append(Term(kind=TermKind.ZONE, value=self._zone()))
        elif kind < 0.30:
            number = source.randrange(max(STORES_A_HOST, self.hosts // 10))
            terms.append(Term(kind=TermKind.DATASTORE, value=f"datastore-{number}"))
        elif kind < 0.45:
            tags = (source.choice(TYPES),)
        elif kind < 0.55:
            other = source.randrange(max(1, self.placed))
            terms.append(Term(kind=TermKind.VM, value=f"vm-{other}", negative=True))
        elif kind < 0.65:
            label = f"app={source.randrange(LABELS)}"
            terms.append(Term(kind=TermKind.LABEL, value=label, negative=True))
        elif kind < 0.75:
            preferences.append(Term(kind=TermKind.ZONE, value=self._zone(), negative=True))
        if source.random() < 0.9:
            network = f"network-{source.randrange(NETWORKS)}"
            terms.append(Term(kind=TermKind.NETWORK, value=network))
        project = f"project-{source.randrange(PROJECTS)}"
        label = f"app={source.randrange(LABELS)}"
        return PlacementRequest(
            cpu_count=source.choice((1, 2, 4, 8)),
            memory_mib=source.choice((1024, 4096, 8192, 16384)),
            disks=(DiskAsk(id="boot", size_bytes=source.choice((0, 10, 100)) * GIB, tags=tags),),
            image_digest=source.choice(IMAGES),
            project_id=project,
            known_as=(f"vm:vm-{self.placed}", label_key(project, label)),
            terms=tuple(terms),
            preferences=tuple(preferences),
        )

    def reserve(self, columns: HostColumns, request: PlacementRequest, decision: Decision) -> None:
        """What a placement changes in the columns."""
        if decision.host_id is None:
            return
        datastore, size_bytes = decision.datastores["boot"], request.disk_bytes
        share = VmShare(
            cpu_count=request.cpu_count,
            memory_mib=request.memory_mib,
            disk_bytes=size_bytes,
            project_id=request.project_id,
            datastores={datastore: size_bytes} if size_bytes else {},
            labels=(request.known_as[1].rpartition(":")[2],),
        )
        columns.add_vm(columns.position[decision.host_id], request.known_as[0][3:], share)
        if size_bytes:
            columns.stores.set_used(datastore, columns.stores.used(datastore) + size_bytes)
        self.placed += 1

    def _zone(self) -> str:
        return f"zone-{self.source.randrange(min(ZONES, self.hosts // 10))}"

    def _store(self, number: int) -> StoreRow:
        size = self.source.choice((20, 40, 80)) * 1000 * GIB
        return StoreRow(
            id=f"datastore-{number}",
            total_bytes=size,
            free_bytes=int(size * self.source.uniform(0.6, 1.0)),
            tags=frozenset({TYPES[number % len(TYPES)]}),
            images=frozenset(self.source.sample(IMAGES, 10)),
        )

    def _host(self, number: int, stores: list[StoreRow]) -> HostRow:
        first = number // GROUP * STORES_A_HOST
        mine = [stores[(first + index) % len(stores)] for index in range(STORES_A_HOST)]
        cpus = self.source.choice((32, 64, 96))
        networks = self.source.sample(range(NETWORKS), 10)
        return HostRow(
            id=f"host-{number:06}",
            address=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
            ready=self.source.random() < 0.95,
            active=self.source.random() < 0.95,
            usage=frozenset({UsageTag.CLOUD}),
            zone=f"zone-{number % min(ZONES, self.hosts // 10)}",
            cpu_count=cpus,
            memory_mib=cpus * self.source.choice((4096, 8192)),
            datastores=tuple(mine),
            networks=frozenset(f"network-{each}" for each in networks),
        )
