"""Machines created end to end: asked for over the API, until their tasks are COMPLETED.

    python -m benchmarks.vm_create.bench [--hosts N] [--no-growth]

Hosts are agents over mutual TLS in another process, whose machines are made at once;
the store is SQLite on disk.  64 clients ask, poll their task, and ask again.  After
the run the controller is killed with SIGKILL and started anew: every task that was
said to be COMPLETED has to be there.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics

from benchmarks import posting, seed
from benchmarks.controller_process import ControllerProcess, controller
from benchmarks.fleet import fleet
from benchmarks.furniture import Furniture, furnish, sign_in
from benchmarks.record import record

FEW_HOSTS, MANY_HOSTS = 1_000, 10_000
CLIENTS = 64
WARMING, COUNT, ROUNDS = 64, 600, 3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=FEW_HOSTS)
    parser.add_argument("--no-growth", action="store_true", help="leave the large fleet out")
    options = parser.parse_args()
    few = rates(options.hosts)
    record(
        "vm.create",
        statistics.median(few),
        "VMs/s",
        floor=60,
        goal=300,
        better="higher",
        samples=few,
    )
    if options.no_growth:
        return
    many = rates(MANY_HOSTS)
    record(
        "vm.create_growth",
        statistics.median(many) / statistics.median(few),
        f"of the rate at {options.hosts} hosts",
        floor=0.5,
        goal=0.9,
        better="higher",
        samples=many,
    )


def rates(hosts: int) -> list[float]:
    """Machines a second of each round on a fleet of that size."""
    with controller() as platform:
        ids = seed.add_hosts(platform.home.store, hosts)
        platform.start()
        furniture = furnish(platform)
        with fleet(platform.home.path, platform.agents_port, ids):
            _create(platform, furniture, "warm", WARMING)
            done = [_create(platform, furniture, f"r{number}", COUNT) for number in range(ROUNDS)]
            platform.kill()
        platform.start()
        token = sign_in(platform)
        for posted in done:
            asyncio.run(posting.made(platform.plain_port, token, posted.tasks))
        return [len(posted.tasks) / posted.wall_s for posted in done]


def _create(
    platform: ControllerProcess, furniture: Furniture, prefix: str, count: int
) -> posting.Posted:
    token, began_s = sign_in(platform), platform.cpu_s()
    posted = asyncio.run(
        posting.create(
            platform.plain_port,
            furniture.project_id,
            token,
            lambda number: furniture.vm(f"{prefix}-{number}"),
            clients=CLIENTS,
            count=count,
            wait=True,
        )
    )
    cpu_ms = (platform.cpu_s() - began_s) / count * 1e3
    ended_ms = statistics.median(posted.ended_s) * 1e3
    print(
        f"{prefix}: {count / posted.wall_s:.0f} VMs/s, {cpu_ms:.2f} ms of the controller's CPU "
        f"a VM, {ended_ms:.0f} ms from request to machine"
    )
    return posted


if __name__ == "__main__":
    main()
