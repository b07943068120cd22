"""A site from before changes its root while an agent is connected: it is never turned away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from heliostat.agent.join import join
from heliostat.agent.renewal import CHECK_S, Renewal
from heliostat.cloudstore.memory import MemoryStore
from heliostat.content.blobs import Blobs
from heliostat.controller.gateway.gateway import Gateway
from heliostat.controller.model.host import Host, HostState, UsageTag
from heliostat.controller.workflows.kinds import HOSTS
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError
from heliostat.core.ids import SystemIds
from heliostat.identity.authority.authorities import Authorities
from heliostat.identity.authority.join import Joins
from heliostat.identity.authority.moves import Move
from heliostat.identity.authority.policy import Asker
from heliostat.identity.authority.tls import agent_ssl_context, renew
from heliostat.identity.options import IdentityOptions
from heliostat.identity.sealing import Sealing
from heliostat.testing.authority import open_authorities
from heliostat.testing.clock import VirtualClock
from heliostat.testing.legacy_authority import legacy_authority
from heliostat.testing.signin import signing_request

NAMES = ["127.0.0.1"]


class Knocking(SystemClock):
    """The machine's time; whoever sleeps an hour wakes when the test says so."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.slept = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        assert seconds == CHECK_S
        self.slept.set()
        await self.woken.wait()
        self.woken.clear()

    async def wake(self) -> None:
        """Return when the sleeper has looked, and sleeps again."""
        self.slept.clear()
        self.woken.set()
        async with asyncio.timeout(10):
            await self.slept.wait()


async def test_an_agent_is_served_from_the_old_root_to_the_new(tmp_path: Path) -> None:
    folder, clock = tmp_path / "authority", SystemClock()
    old = legacy_authority(folder, "test.local")
    store = MemoryStore(clock)
    host = Host(
        id="h1", address="h1", state=HostState.NOT_PROVISIONED, usage_tags=(UsageTag.CLOUD,)
    )
    await store.commit([], HOSTS.put(host))

    async def hosts() -> list[str]:
        return ["h1"]

    options = IdentityOptions(domain="test.local")
    both = Authorities(store, clock, options, Sealing.open(folder), folder, hosts)
    authority = both.platform
    await authority.refresh()
    gateway = Gateway(
        store, clock, SystemIds(), Blobs(tmp_path / "content"), controller_id="c1",
        lease_ttl_s=5, certifier=Joins(store, clock, SystemIds(), authority, ""),
        host_of=authority.host_of,
    )  # fmt: skip
    context = agent_ssl_context(await authority.issue_server(NAMES), authority.gate_pem)
    runner = web.AppRunner(gateway.gate.app(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    token = await Joins(store, clock, SystemIds(), authority, url).issue("h1")
    files = await join(token.token, tmp_path / "agent")
    files.certificate().verify_directly_issued_by(old)
    knocking = Knocking()
    agent = Renewal(files, knocking)

    async with agent.dial() as link:
        async with asyncio.timeout(10):
            await knocking.slept.wait()
        assert (await both.rotation.step()).move is Move.WAIT
        with pytest.raises(HeliostatError, match="0 of 1 host"):
            await both.rotation.step()
        await knocking.wake()  # the agent asks what to trust
        assert files.ca.read_text().count("BEGIN") == 2
        assert (await both.rotation.step()).move is Move.DRAIN
        both.system.issuers.forget()
        await renew(authority, NAMES, [context])
        knocking.woken.set()  # the agent sees that another authority certifies hosts
        async with asyncio.timeout(10):
            async for _ in link.frames():
                pass
    issuer = await both.system.issuers.current()
    files.certificate().verify_directly_issued_by(issuer.certificate)
    assert (await both.rotation.look())[1].move is Move.RETIRE
    await both.maintain()
    await renew(authority, NAMES, [context])
    assert old not in x509.load_pem_x509_certificates((folder / "ca.pem").read_bytes())
    knocking.slept.clear()
    async with agent.dial() as link:
        async with asyncio.timeout(10):
            await knocking.slept.wait()
        assert files.ca.read_text().count("BEGIN") == 1
        await link.close()
    await runner.cleanup()
    await store.close()


async def test_a_revoked_host_is_turned_away(tmp_path: Path) -> None:
    both = await open_authorities(tmp_path, VirtualClock())
    csr = signing_request(ec.generate_private_key(ec.SECP256R1()))
    certified = await both.platform.sign_csr(csr, host_id="h1")
    leaf = x509.load_pem_x509_certificate(certified.encode())
    shown = {
        "subjectAltName": (("URI", "heliostat:host:h1"),),
        "serialNumber": f"{leaf.serial_number:X}",
        "issuer": ((("commonName", leaf.issuer.rfc4514_string().removeprefix("CN=")),),),
    }
    await both.platform.refresh()
    assert both.platform.host_of(shown) == "h1"
    assert both.platform.host_of({**shown, "issuer": ((("commonName", "acme CA"),),)}) is None
    assert both.platform.host_of({**shown, "serialNumber": "?"}) is None
    await both.system.certificates.revoke(
        f"{leaf.serial_number:032x}", "keyCompromise", Asker("a", administers=True)
    )
    await both.platform.refresh()
    assert both.platform.host_of(shown) is None
