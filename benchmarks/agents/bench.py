"""What it costs to keep in touch with 10,000 agents.

    python -m benchmarks.agents.bench [--agents N]

All agents are connected over mutual TLS, each with its own certificate, and sign of
life goes over every link each 10 s.  The value is the controller's CPU time over wall
time while nothing else happens; its leases are kept too.
"""

from __future__ import annotations

import argparse
import statistics
import time

from benchmarks import seed
from benchmarks.controller_process import controller
from benchmarks.fleet import fleet
from benchmarks.record import record

AGENTS = 10_000
ROUNDS, SECONDS = 3, 20.0
SETTLING_S = 15.0
"""Until every link has been through its first heartbeat."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--agents", type=int, default=AGENTS)
    options = parser.parse_args()
    with controller() as platform:
        hosts = seed.add_hosts(platform.home.store, options.agents)
        platform.start()
        began_s = time.perf_counter()
        with fleet(platform.home.path, platform.agents_port, hosts):
            print(f"{options.agents} agents connected in {time.perf_counter() - began_s:.0f} s")
            time.sleep(SETTLING_S)
            cores = []
            for _ in range(ROUNDS):
                began_s, cpu_s = time.perf_counter(), platform.cpu_s()
                time.sleep(SECONDS)
                cores.append((platform.cpu_s() - cpu_s) / (time.perf_counter() - began_s))
            with platform.owner() as owner:
                active = sum(host.agent_state == "ACTIVE" for host in owner.hosts.list())
            assert active == options.agents, f"only {active} hosts are ACTIVE"
            print(f"{platform.memory_mib():.0f} MiB")
    record(
        "agents.heartbeats",
        statistics.median(cores),
        "cores",
        floor=0.3,
        goal=0.12,
        better="lower",
        samples=cores,
    )


if __name__ == "__main__":
    main()
