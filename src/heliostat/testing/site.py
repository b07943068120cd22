"""A whole API over TCP with a small furnished site behind it: memory store, no workers.

Everything has a name (``site.ids["vm-stopped"]``), and equal sites have equal
ids and times, so requests and answers can lie in data files.  Nothing runs in
the background: a queued task stays queued.
"""

from __future__ import annotations

import dataclasses
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from heliostat.cloudstore.memory import MemoryStore
from heliostat.content.blobs import Blobs
from heliostat.controller.api.app import make_app
from heliostat.controller.api.forwarded import networks
from heliostat.controller.api.ports import ApiSettings, AuthEndpoint
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.image_files import NormalisedImage
from heliostat.core.clock import Clock
from heliostat.core.ids import SeededIds
from heliostat.identity.directories import Directories
from heliostat.identity.directory.embedded import Directory
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.options import HashCost
from heliostat.testing.agents import CannedAgents
from heliostat.testing.clock import VirtualClock
from heliostat.testing.furniture import furnish
from heliostat.testing.signed_in import TokenIdentity
from heliostat.testing.signin import LOOPBACK

SEED = 7


class NoImageFiles:
    """No worker runs here, so nothing looks into images."""

    async def normalise(
        self,
        blobs: Blobs,  # noqa: ARG002
        upload_digest: str,  # noqa: ARG002
        max_bytes: int,  # noqa: ARG002
        progress: Callable[[float], None],  # noqa: ARG002
    ) -> NormalisedImage:
        raise AssertionError("a task ran")

    async def examine(self, blobs: Blobs, digest: str, max_bytes: int) -> NormalisedImage:  # noqa: ARG002
        raise AssertionError("a task ran")


@dataclass(slots=True)
class Site:
    """A served site; ``base`` is its URL, ``ids`` the ids of what it is furnished with."""

    base: str
    ports: Ports
    agents: CannedAgents
    directory: Directory
    directories: Directories
    ids: dict[str, str] = field(default_factory=dict)


async def _server_context(directories: Directories, folder: Path) -> ssl.SSLContext:
    files = await directories.authorities.platform.issue_server(["127.0.0.1"], folder / "tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.chain, files.key)
    return context


@asynccontextmanager
async def furnished_site(
    folder: Path,
    *,
    body_timeout_s: float = 30.0,
    trusted_proxies: Iterable[str] = (),
    tls: bool = False,
    clock: Clock | None = None,
) -> AsyncIterator[Site]:
    """Serve a furnished site on a free port of the loopback address; ``tls``: by its authority."""
    clock = clock or VirtualClock()
    listening = socket.create_server(("127.0.0.1", 0))
    base = f"{'https' if tls else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
    store, ids = MemoryStore(clock), SeededIds(SEED)
    ports = Ports(
        store=store, clock=clock, ids=ids, blobs=Blobs(folder / "blobs"), images=NoImageFiles()
    )
    options = IdentityOptions(hashing=HashCost(memory_kib=64, passes=1), reach=LOOPBACK)
    if tls:
        options = dataclasses.replace(options, base_url=base)
    directories = Directories(store, clock, ids, options, None, folder / "authority")
    agents = CannedAgents(clock.now_ms())
    settings = ApiSettings(
        auth=AuthEndpoint("auth.example", 443, "heliostat.local"),
        body_timeout_s=body_timeout_s,
        trusted_proxies=networks(trusted_proxies),
        certificate_thumbprint=lambda: "AB:CD",
    )
    app = make_app(ports, TokenIdentity(), directories, agents, settings)
    names = await furnish(ports, directories)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        context = await _server_context(directories, folder) if tls else None
        await web.SockSite(runner, listening, ssl_context=context).start()
        yield Site(base, ports, agents, directories.system, directories, {**names, "base": base})
    finally:
        await runner.cleanup()
        directories.close()
        await store.close()
