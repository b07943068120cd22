"""An authority for tests: on a store of its own unless one is given, its copy in ``folder``."""

from __future__ import annotations

from pathlib import Path

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.memory import MemoryStore
from heliostat.core.clock import Clock
from heliostat.identity.authority.authorities import Authorities, no_hosts
from heliostat.identity.authority.issuer import Authority
from heliostat.identity.authority.overlap import Hosts
from heliostat.identity.options import IdentityOptions
from heliostat.identity.sealing import Sealing


async def open_authority(
    folder: Path, clock: Clock, domain: str = "heliostat.local", store: CloudStore | None = None
) -> Authority:
    """What certifies agents and servers, ready; for a store that is empty the folder's copy."""
    return (await open_authorities(folder, clock, domain, store)).platform


async def open_authorities(
    folder: Path,
    clock: Clock,
    domain: str = "heliostat.local",
    store: CloudStore | None = None,
    options: IdentityOptions | None = None,
    hosts: Hosts = no_hosts,
) -> Authorities:
    """All of a site, ready."""
    made = Authorities(
        store or MemoryStore(clock),
        clock,
        options or IdentityOptions(domain=domain),
        Sealing.open(folder),
        folder,
        hosts,
    )
    await made.platform.refresh()
    return made
