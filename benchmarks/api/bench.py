"""How fast the API answers: documents read with authorisation, and machines asked for.

    python -m benchmarks.api.bench

``api.vm_get`` reads 100 machines in turn as a member of a project's group: token
checked, owner looked up, machine and host read, over 16 connections.  The load comes
from another process.  ``api.vm_post`` is what 16 clients wait for the answer to a
creation, each of them one after the other, while 50 hosts make the machines.
"""

from __future__ import annotations

import asyncio
import statistics

from benchmarks import posting, seed, wrk
from benchmarks.controller_process import ControllerProcess, controller
from benchmarks.fleet import fleet
from benchmarks.furniture import Furniture, furnish, sign_in
from benchmarks.record import record

HOSTS, MACHINES, POSTS = 50, 100, 1_600
CLIENTS = 16
ROUNDS, SECONDS = 3, 5


def main() -> None:
    with controller() as platform:
        hosts = seed.add_hosts(platform.home.store, HOSTS)
        platform.start()
        furniture = furnish(platform)
        with fleet(platform.home.path, platform.agents_port, hosts):
            vms = asyncio.run(_machines(platform, furniture))
            paths = [f"/v1/vms/{vm_id}" for vm_id in vms]
            _reading(platform, "api.vm_get", platform.plain_url, paths, (5_000, 12_000))
            _reading(platform, "api.vm_get_tls", platform.tls_url, paths, (3_000, 6_000))
            _posting(platform, furniture)


def _reading(
    platform: ControllerProcess, name: str, url: str, paths: list[str], marks: tuple[float, float]
) -> None:
    token, rates, cpu_us = sign_in(platform), [], []
    for _ in range(ROUNDS):
        began_s = platform.cpu_s()
        load = wrk.get(url, paths, token, clients=CLIENTS, seconds=SECONDS)
        cpu_us.append((platform.cpu_s() - began_s) / load.requests * 1e6)
        rates.append(load.per_s)
    print(f"{name}: {statistics.median(cpu_us):.0f} us of the controller's CPU a request")
    floor, goal = marks
    record(
        name,
        statistics.median(rates),
        "requests/s",
        floor=floor,
        goal=goal,
        better="higher",
        samples=rates,
    )


def _posting(platform: ControllerProcess, furniture: Furniture) -> None:
    token, began_s = sign_in(platform), platform.cpu_s()
    posted = asyncio.run(
        posting.create(
            platform.plain_port,
            furniture.project_id,
            token,
            lambda number: furniture.vm(f"post-{number}"),
            clients=CLIENTS,
            count=POSTS,
            wait=True,
        )
    )
    cpu_ms = (platform.cpu_s() - began_s) / POSTS * 1e3
    print(f"api.vm_post: {cpu_ms:.2f} ms of the controller's CPU a machine, its creation included")
    samples = sorted(each * 1e3 for each in posted.answered_s)
    for name, share, floor, goal in (
        ("api.vm_post.p50", 0.50, 12, 4),
        ("api.vm_post.p99", 0.99, 60, 20),
    ):
        value = samples[int(len(samples) * share)]
        record(name, value, "ms", floor=floor, goal=goal, better="lower", samples=samples)


async def _machines(platform: ControllerProcess, furniture: Furniture) -> list[str]:
    """Ids of machines to read."""
    token = sign_in(platform)
    posted = await posting.create(
        platform.plain_port,
        furniture.project_id,
        token,
        lambda number: furniture.vm(f"get-{number}"),
        clients=CLIENTS,
        count=MACHINES,
        wait=True,
    )
    return await posting.made(platform.plain_port, token, posted.tasks)


if __name__ == "__main__":
    main()
