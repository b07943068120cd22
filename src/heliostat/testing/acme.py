"""A served ACME for tests: HTTPS on loopback, and the name server of its domain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
from aiohttp import web

from heliostat.cloudstore.memory import MemoryStore
from heliostat.core.clock import SystemClock
from heliostat.core.ids import SystemIds
from heliostat.identity.acme.server import Server
from heliostat.identity.acme.site import AcmeSite
from heliostat.identity.authority.options import AcmeOptions, AuthorityOptions, ValidationOptions
from heliostat.identity.authority.publication import Publication
from heliostat.identity.authority.tls import server_ssl_context
from heliostat.identity.options import IdentityOptions
from heliostat.identity.site import Identity
from heliostat.testing.signin import CHEAP
from heliostat.testing.slapds import free_port

DOMAIN = "acme.example"


class Names(asyncio.DatagramProtocol):
    """A name server: every name is on loopback; TXT records as they are put there."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.addresses: dict[str, str] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = dns.message.from_wire(data)
        answer = dns.message.make_response(asked)
        answer.flags |= dns.flags.AA
        name, kind = asked.question[0].name, asked.question[0].rdtype
        text = name.to_text(omit_final_dot=True).lower()
        if kind == dns.rdatatype.A:
            address = self.addresses.get(text, "127.0.0.1")
            answer.answer.append(dns.rrset.from_text(name, 1, "IN", "A", address))
        for each in self.texts.get(text, []) if kind == dns.rdatatype.TXT else ():
            answer.answer.append(dns.rrset.from_text(name, 1, "IN", "TXT", f'"{each}"'))
        assert self._transport is not None
        self._transport.sendto(answer.to_wire(), addr)


@dataclass
class ServedAcme:
    """Where it is; ``ca`` is the file with its root, ``told`` what was recorded."""

    identity: Identity
    base: str
    ca: Path
    names: Names
    http_port: int
    tls_port: int
    folder: Path
    told: list[tuple[str, str, int]]
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def directory(self) -> str:
        return f"{self.base}/acme/{DOMAIN}/directory"


@asynccontextmanager
async def served_acme(folder: Path, bounds: AcmeOptions | None = None) -> AsyncIterator[ServedAcme]:
    """A site with the tenant ``acme.example``; validation reaches loopback, on free ports.

    ``bounds``: others than by default.
    """
    port, http_port, tls_port = free_port(), free_port(), free_port()
    loop = asyncio.get_running_loop()
    transport, names = await loop.create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    dns_port = transport.get_extra_info("sockname")[1]
    clock = SystemClock()
    validation = ValidationOptions(
        http_port=http_port,
        tls_port=tls_port,
        nameservers=(f"127.0.0.1:{dns_port}",),
        reachable=("127.0.0.0/8",),
        timeout_s=5.0,
    )
    base = f"https://127.0.0.1:{port}"
    options = IdentityOptions(
        base_url=base,
        hashing=CHEAP,
        authority=AuthorityOptions(validation=validation, acme=bounds or AcmeOptions()),
    )
    store = MemoryStore(clock)
    identity = Identity(store, clock, SystemIds(), options, authority_folder=folder / "authority")
    await identity.start()
    await identity.tenants.create_tenant(DOMAIN)
    told: list[tuple[str, str, int]] = []

    async def tell(_request: web.Request, what: str, by: str, status: int) -> None:
        told.append((what, by, status))

    app = web.Application()
    acme = AcmeSite(identity.directories, identity.ids, identity.verify)
    app.add_routes(Server(acme.find, tell).routes())
    app.add_routes(Publication(identity.directories).routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    files = await identity.authority.issue_server(["127.0.0.1", "localhost"])
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=server_ssl_context(files))
    await site.start()
    ca = folder / "authority" / "ca.pem"
    try:
        yield ServedAcme(identity, base, ca, names, http_port, tls_port, folder, told)
    finally:
        await runner.cleanup()
        transport.close()
        identity.close()
        await store.close()
