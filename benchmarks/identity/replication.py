"""``identity.replication``: an entry written at one node of the directory, seen at another.

Two slapds as a site configures them (each its own log on disk, TLS between them).  A person is
added at one, and the other is asked until it has the entry; both directions in turn.  The
samples are milliseconds from before the write was asked for to the answer of the other; the
figure is their median.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ldap
from benchmarks.record import record

from heliostat.identity.openldap.domains import Domain, make_domain
from heliostat.identity.openldap.node import Node
from heliostat.testing.slapds import Slapds, add, free_port, slapds

FLOOR_MS, GOAL_MS = 50, 10
ROUNDS = 200
WARM = 20
PATIENCE_S = 10.0


def measure() -> None:
    with TemporaryDirectory(prefix="identity-bench-") as name:
        samples = asyncio.run(_measured(Path(name)))
    record(
        "identity.replication",
        statistics.median(samples),
        "ms",
        floor=FLOOR_MS,
        goal=GOAL_MS,
        better="lower",
        samples=samples,
    )


async def _measured(folder: Path) -> list[float]:
    async with slapds(folder) as site:
        nodes = [
            Node(name=name, number=number, host="127.0.0.1", port=free_port())
            for number, name in enumerate(("a", "b"), 1)
        ]
        for node in nodes:
            await site.start(await site.config(node, nodes))
        a, b = (site.connect(node.name) for node in nodes)
        make_domain(a, Domain(site.suffix, "lab.test", system=True))
        _await(b, f"cn=default,ou=policies,{site.suffix}")
        rounds = range(WARM + ROUNDS)
        samples = [_seen(site, n, *((a, b) if n % 2 else (b, a))) for n in rounds]
    return samples[WARM:]


def _seen(site: Slapds, number: int, here: Any, there: Any) -> float:
    name = f"person-{number}"
    dn = f"uid={name},ou=people,{site.suffix}"
    began = time.perf_counter()
    classes = ["inetOrgPerson", "heliostatEntry"]
    add(here, dn, objectClass=classes, uid=[name], cn=[name], sn=[name], heliostatKey=[name])
    _await(there, dn)
    return (time.perf_counter() - began) * 1000


def _await(connection: Any, dn: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            connection.search_s(dn, ldap.SCOPE_BASE, "(objectClass=*)", ["1.1"])
        except ldap.NO_SUCH_OBJECT:
            continue
        return
    raise TimeoutError(f"{dn} was not copied within {PATIENCE_S:g} s")
