"""What a controller with a full store needs: time until it serves, and memory.

    python -m benchmarks.controller.bench

``controller.start`` is the time from starting the process with 100,000 documents (and
twice as many index entries) until a machine was read over the API.  ``controller.memory``
is resident memory with 1,000 agents connected, whose 10,000 machines they have reported,
after every machine was read once and listed.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import posting, seed, wrk
from benchmarks.controller_process import ControllerProcess, controller
from benchmarks.fleet import fleet
from benchmarks.furniture import Furniture, furnish, sign_in
from benchmarks.record import record

HOSTS = 1_000
DOCUMENTS_A_VM = 4
"""The machine, what its host shall do, what it says, and the task."""
DOCUMENTS, VMS = 100_000, 10_000
STARTS = 3
SETTLING_S = 5.0


def main() -> None:
    with _full(DOCUMENTS // DOCUMENTS_A_VM // HOSTS) as (platform, furniture, vms):
        seconds = [_start(platform, furniture, vms[0]) for _ in range(STARTS)]
        print(f"{platform.home.store.stat().st_size >> 20} MiB of store")
    record(
        "controller.start",
        statistics.median(seconds),
        "s",
        floor=10,
        goal=3,
        better="lower",
        samples=seconds,
    )
    with _full(VMS // HOSTS) as (platform, furniture, vms):
        mib = _memory(platform, vms)
    record("controller.memory", max(mib), "MiB", floor=300, goal=150, better="lower", samples=mib)


@contextmanager
def _full(vms_a_host: int) -> Iterator[tuple[ControllerProcess, Furniture, list[str]]]:
    """A stopped controller whose store is full, and its machines."""
    with controller() as platform:
        hosts = seed.add_hosts(platform.home.store, HOSTS)
        platform.start()
        furniture = furnish(platform)
        with fleet(platform.home.path, platform.agents_port, hosts):
            model = asyncio.run(
                posting.create_one(
                    platform.plain_port,
                    furniture.project_id,
                    furniture.token,
                    furniture.vm("model"),
                )
            )
        platform.stop()
        vms = seed.multiply_vm(platform.home.store, model, hosts, vms_a_host)
        platform.hosts = hosts
        yield platform, furniture, vms


def _start(platform: ControllerProcess, furniture: Furniture, vm_id: str) -> float:
    """Seconds from the start of the process to the first machine read."""
    token = furniture.token

    async def read() -> None:
        connection = await posting.Connection.open(platform.plain_port)
        status, body = await connection.ask(posting.get(f"/v1/vms/{vm_id}", token))
        assert status == 200, body
        await connection.close()

    began_s = time.perf_counter()
    platform.start()
    asyncio.run(read())
    took_s = time.perf_counter() - began_s
    platform.stop()
    return took_s


def _memory(platform: ControllerProcess, vms: list[str]) -> list[float]:
    """Resident memory, in MiB, at several moments of a working controller."""
    platform.start()
    mib = [platform.memory_mib()]
    with fleet(platform.home.path, platform.agents_port, platform.hosts):
        time.sleep(SETTLING_S)
        mib.append(platform.memory_mib())
        paths = [f"/v1/vms/{vm_id}" for vm_id in vms]
        wrk.get(platform.plain_url, paths, sign_in(platform), clients=16, seconds=5)
        mib.append(platform.memory_mib())
        with platform.owner() as owner:
            assert sum(host.agent_state == "ACTIVE" for host in owner.hosts.list()) == HOSTS
        mib.append(platform.memory_mib())
    print("MiB: " + ", ".join(f"{each:.0f}" for each in mib))
    return mib


if __name__ == "__main__":
    main()
