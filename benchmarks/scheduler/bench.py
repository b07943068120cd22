"""How many placements are decided a second, at 10,000 hosts and mixed constraints.

Each decision is the exact best, is recorded with its explanation as a task would
keep it, and is reserved, so that the next one finds the fleet changed.  A sample is
checked against a plain loop over all hosts.

    python -m benchmarks.scheduler.bench [--hosts N]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import msgspec
from benchmarks.record import record
from benchmarks.scheduler.workload import Workload

from heliostat.controller.scheduler.placement import choose

WARM, ROUND, ROUNDS = 2000, 2000, 7
SPREAD = 2654435761
"""Turns consecutive numbers into unlike tie breaks."""


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=10_000)
    arguments = parser.parse_args()
    rates = decisions_a_second(arguments.hosts)
    result = record(
        "scheduler.decisions",
        statistics.median(rates),
        "decisions/s",
        floor=5_000,
        goal=15_000,
        better="higher",
        samples=rates,
    )
    return 0 if result.reaches(result.floor) else 1


if __name__ == "__main__":
    sys.exit(main())
