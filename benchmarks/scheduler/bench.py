"""Placement decisions over 10,000 hosts: numpy columns beside a plain Python loop.

Both sides decide the same requests on the same fleet in one run, and must agree.

    python -m benchmarks.scheduler.bench [--hosts N]
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time

from benchmarks.record import record

from heliostat.controller.model.host import Host, HostInventory, HostState, UsageTag
from heliostat.controller.model.reservation import Reservation, VmShare
from heliostat.controller.scheduler.columns import HostRow, build
from heliostat.controller.scheduler.placement import PlacementRequest, choose
from heliostat.controller.scheduler.settings import SchedulerSettings
from heliostat.core.units import GIB
from heliostat.testing.placement import best_by_loop

IMAGES = tuple(f"{number:064x}" for number in range(20))
PROJECTS = tuple(f"project-{number}" for number in range(50))
ZONES = ("a", "b", "c")
DECISIONS, LOOPS = 2000, 20


def fleet(count: int, source: random.Random) -> list[HostRow]:
    """A fleet in use: a tenth is not READY or not reachable, the rest is partly full."""
    return [_host(f"host-{number:06}", source) for number in range(count)]


def _host(id_: str, source: random.Random) -> HostRow:
    cpus = source.choice((16, 32, 64))
    memory_mib = cpus * 4096
    disk_bytes = source.choice((1000, 2000, 4000)) * GIB
    share = VmShare(
        cpu_count=source.randrange(cpus * 16),
        memory_mib=source.randrange(memory_mib),
        disk_bytes=source.randrange(disk_bytes),
    )
    inventory = HostInventory(
        id=id_,
        hostname=id_,
        cpu_count=cpus,
        memory_mib=memory_mib,
        disk_total_bytes=disk_bytes,
        disk_free_bytes=disk_bytes - share.disk_bytes // 2,
        datastore="local",
        accelerator="kvm",
        hypervisor="qemu",
        agent_version="0",
        images=tuple(source.sample(IMAGES, 3)),
    )
    state = HostState.READY if source.random() < 0.95 else HostState.SUSPENDED
    return HostRow(
        host=Host(
            id=id_,
            address=id_,
            state=state,
            usage_tags=(UsageTag.CLOUD,),
            zone=source.choice(ZONES),
        ),
        inventory=inventory,
        agent_active=source.random() < 0.95,
        reservation=Reservation(host_id=id_, vms={"all": share}),
        project_vms={source.choice(PROJECTS): source.randrange(1, 5) for _ in range(3)},
    )


def request(source: random.Random) -> PlacementRequest:
    return PlacementRequest(
        cpu_count=source.choice((1, 2, 4, 8)),
        memory_mib=source.choice((1024, 4096, 8192)),
        disk_bytes=source.choice((0, 10, 100)) * GIB,
        zone=source.choice(("", "", *ZONES)),
        image_digest=source.choice(IMAGES),
        project_id=source.choice(PROJECTS),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=10_000)
    arguments = parser.parse_args()
    source, settings = random.Random(1), SchedulerSettings()
    rows = fleet(arguments.hosts, source)
    began = time.perf_counter()
    columns = build(rows)
    build_ms = (time.perf_counter() - began) * 1000
    requests = [request(source) for _ in range(DECISIONS)]
    for each in requests[:50]:
        choose(columns, each, settings=settings)
    ours: list[float] = []
    for number, each in enumerate(requests):
        began = time.perf_counter()
        choose(columns, each, tie_break=number, settings=settings)
        ours.append((time.perf_counter() - began) * 1000)
    peer: list[float] = []
    for each in requests[:LOOPS]:
        began = time.perf_counter()
        loop = best_by_loop(rows, each, settings)
        peer.append((time.perf_counter() - began) * 1000)
        best = 100 * max(loop.scores.values())
        if abs(choose(columns, each, settings=settings).score - best) > 0.001:
            print(f"the sides disagree on {each}", file=sys.stderr)
            return 2
    print(f"{arguments.hosts} hosts; columns built in {build_ms:.1f} ms")
    record(
        "scheduler.decisions",
        1000 * len(ours) / sum(ours),
        "decisions/s",
        floor=5_000,
        goal=15_000,
        better="higher",
        samples=ours,
        peer="a plain loop",
        peer_value=1000 / statistics.median(peer),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
