"""How many placements are decided a second, and how that compares with others' schedulers.

``scheduler.decisions``: 10,000 hosts and mixed constraints.  Each decision is the exact
best, is recorded with its explanation as a task would keep it, and is reserved, so that
the next one finds the fleet changed.

``scheduler.peer``: the same machines asked of the same 1,000 hosts (CPUs, memory, one
disk) from Ganeti's hail and from OpenStack placement, each as its users call it: hail as a
program for each request, placement over HTTP with nova's limit, ours in the
controller's process, where it runs.  The figure is the ratio of our median to the faster peer's.

    python -m benchmarks.scheduler.bench [--hosts N] [--without-peers]
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from benchmarks.record import record
from benchmarks.scheduler import hail
from benchmarks.scheduler.openstack import Placement, Size
from benchmarks.scheduler.workload import Workload

from heliostat.controller.model.host import UsageTag
from heliostat.controller.scheduler.columns import HostColumns
from heliostat.controller.scheduler.placement import DiskAsk, PlacementRequest, choose
from heliostat.controller.scheduler.rows import HostRow, StoreRow
from heliostat.core.units import GIB

WARM, ROUND, ROUNDS = 2000, 2000, 7
SPREAD = 2654435761
"""Turns consecutive numbers into unlike tie breaks."""

PEER_HOSTS, HAIL_RUNS, PLACEMENT_RUNS, OUR_RUNS = 1000, 3, 30, 3000


def decisions_a_second(hosts: int) -> list[float]:
    """The rate of each round of decisions."""
    work = Workload(hosts)
    columns = work.columns()
    encoder = msgspec.json.Encoder()
    explanations: list[bytes] = []
    rates = []
    for number in range(ROUNDS + 1):
        requests = [work.request() for _ in range(ROUND if number else WARM)]
        began = time.perf_counter()
        for each in requests:
            decision = choose(columns, each, tie_break=work.placed * SPREAD)
            explanations.append(encoder.encode(decision))
            work.reserve(columns, each, decision)
        if number:
            rates.append(len(requests) / (time.perf_counter() - began))
        explanations.clear()
    return rates


def seconds_of(runs: int, decide: Callable[[], object]) -> list[float]:
    """How long each run took."""
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        decide()
        taken.append(time.perf_counter() - began)
    return taken


def plain_columns(hosts: list[Size]) -> HostColumns:
    """The peers' hosts as columns."""
    columns = HostColumns()
    for number, host in enumerate(hosts):
        store = StoreRow(
            id=f"local-{number}", total_bytes=host.disk_gib * GIB, free_bytes=host.disk_gib * GIB
        )
        columns.put(
            HostRow(
                id=f"host-{number}",
                address=f"10.0.{number >> 8}.{number & 255}",
                ready=True,
                active=True,
                usage=frozenset({UsageTag.CLOUD}),
                cpu_count=host.cpus,
                memory_mib=host.memory_mib,
                datastores=(store,),
            )
        )
    return columns


def beside_peers() -> None:
    """Measure all three in one run."""
    source = random.Random(1)
    hosts = [
        Size(cpus, cpus * source.choice((4096, 8192)), source.choice((2000, 4000)))
        for cpus in source.choices((32, 64, 96), k=PEER_HOSTS)
    ]
    asked = Size(2, 4096, 10)
    columns, encoder = plain_columns(hosts), msgspec.json.Encoder()
    request = PlacementRequest(
        cpu_count=asked.cpus,
        memory_mib=asked.memory_mib,
        disks=(DiskAsk(id="boot", size_bytes=asked.disk_gib * GIB),),
    )
    with tempfile.TemporaryDirectory() as name, Placement(Path(name), hosts) as placement:
        folder = Path(name)
        placement.decide(asked)
        theirs = {
            "OpenStack placement": seconds_of(PLACEMENT_RUNS, lambda: placement.decide(asked)),
            "Ganeti hail": seconds_of(HAIL_RUNS, lambda: hail.decide(folder, hosts, asked)),
        }
        ours = seconds_of(OUR_RUNS, lambda: encoder.encode(choose(columns, request)))
    medians = {name: statistics.median(taken) for name, taken in theirs.items()}
    for name, median in medians.items():
        print(f"{name}: {median * 1000:.1f} ms a decision at {PEER_HOSTS} hosts")
    mine = statistics.median(ours)
    print(f"Heliostat: {mine * 1000:.3f} ms a decision at {PEER_HOSTS} hosts")
    best = min(medians, key=lambda name: medians[name])
    ratio = medians[best] / mine
    record(
        "scheduler.peer",
        ratio,
        "times",
        floor=100,
        goal=1000,
        better="higher",
        samples=[medians[best] / each for each in ours[::30]],
        peer=best,
        peer_value=1.0,
        ratio=ratio,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--without-peers", action="store_true")
    arguments = parser.parse_args()
    rates = decisions_a_second(arguments.hosts)
    record(
        "scheduler.decisions",
        statistics.median(rates),
        "decisions/s",
        floor=5_000,
        goal=15_000,
        better="higher",
        samples=rates,
    )
    if not arguments.without_peers:
        beside_peers()
    return 0


if __name__ == "__main__":
    sys.exit(main())
