"""A small controller served over TCP, with a task worker and agents that pretend.

For commands and clients that run a whole job: virtual time passes by itself
while they wait in real time, and nobody else may move it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from heliostat.controller.api.app import make_app
from heliostat.controller.api.ports import ApiSettings, AuthEndpoint
from heliostat.identity.directories import Directories
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.options import HashCost
from heliostat.testing.agents import CannedAgents
from heliostat.testing.cloud import SmallCloud
from heliostat.testing.signed_in import TokenIdentity
from heliostat.testing.signin import LOOPBACK

TICK_S = 0.1
REAL_TICK_S = 0.005


@dataclass(frozen=True, slots=True)
class Served:
    """The cloud and where it answers; the token ``admin`` may do everything."""

    cloud: SmallCloud
    url: str


@asynccontextmanager
async def served_cloud(folder: Path) -> AsyncIterator[Served]:
    """A cloud with one host, on a free port of the loopback address."""
    options = IdentityOptions(hashing=HashCost(memory_kib=64, passes=1), reach=LOOPBACK)
    async with SmallCloud(folder) as cloud:
        ports = cloud.ports
        directories = Directories(
            ports.store, ports.clock, ports.ids, options, None, folder / "authority"
        )
        await directories.authorities.platform.refresh()
        settings = ApiSettings(auth=AuthEndpoint("auth.example", 443, "heliostat.local"))
        agents = CannedAgents(ports.clock.now_ms())
        runner = web.AppRunner(make_app(ports, TokenIdentity(), directories, agents, settings))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await cloud.add_host()
        ticking = asyncio.create_task(_tick(cloud))
        try:
            yield Served(cloud, f"http://127.0.0.1:{runner.addresses[0][1]}")
        finally:
            ticking.cancel()
            await runner.cleanup()
            await directories.openldap.stop()
            directories.close()


async def _tick(cloud: SmallCloud) -> None:
    while True:
        await cloud.clock.advance(TICK_S)
        await asyncio.sleep(REAL_TICK_S)
