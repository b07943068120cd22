"""Certificates of agents are renewed over real TLS, before they end, and only for hosts that exist.

OpenSSL judges certificates by the machine's own time; so the authority's clock starts in the past.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from heliostat.agent.credentials import Credentials, new_key, signing_request
from heliostat.agent.join import join
from heliostat.agent.renewal import CHECK_S, Renewal
from heliostat.agentlink import client
from heliostat.cloudstore.memory import MemoryStore
from heliostat.content.blobs import Blobs
from heliostat.controller.gateway.gateway import Gateway
from heliostat.controller.model.host import Host, HostState, UsageTag
from heliostat.controller.workflows.kinds import HOSTS
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError
from heliostat.core.ids import SystemIds
from heliostat.identity.authority.join import Joins
from heliostat.identity.authority.tls import agent_ssl_context
from heliostat.testing.authority import open_authority

DAY_S = 86_400


class SetClock:
    """A clock that stands where it is set; its sleepers wake when it is."""

    def __init__(self, days: float) -> None:
        self._moved, self._slept = asyncio.Event(), asyncio.Event()
        self.slept: list[float] = []
        self.set(days)

    def set(self, days: float) -> None:
        """``days`` from the machine's own time on (negative: before it)."""
        self._now_ms = int((time.time() + days * DAY_S) * 1000)
        self._moved.set()
        self._moved = asyncio.Event()

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_s(self) -> float:
        return self._now_ms / 1000

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._slept.set()
        await self._moved.wait()

    async def idle(self) -> None:
        """Return once somebody has gone to sleep."""
        async with asyncio.timeout(10):
            await self._slept.wait()


@dataclass
class Site:
    """A gate that listens, the authority's clock, and a host that has joined 70 days ago."""

    store: MemoryStore
    issued: SetClock
    files: Credentials

    def serial(self) -> int:
        return self.files.certificate().serial_number

    async def remove_host(self) -> None:
        stored = await HOSTS.get(self.store, "h1")
        assert stored is not None
        await self.store.commit([], HOSTS.delete(stored.value))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    issued, ids = SetClock(-70), SystemIds()
    store = MemoryStore(SystemClock())
    host = Host(
        id="h1", address="h1", state=HostState.NOT_PROVISIONED, usage_tags=(UsageTag.CLOUD,)
    )
    await store.commit([], HOSTS.put(host))
    authority = await open_authority(tmp_path / "ca", issued, "test.local")
    gateway = Gateway(
        store,
        SystemClock(),
        ids,
        Blobs(tmp_path / "content"),
        controller_id="c1",
        lease_ttl_s=5,
        certifier=Joins(store, issued, ids, authority, ""),
        host_of=authority.host_of,
    )
    runner = web.AppRunner(gateway.gate.app(), shutdown_timeout=0.1)
    await runner.setup()
    context = agent_ssl_context(await authority.issue_server(["127.0.0.1"]), authority.gate_pem)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    token = await Joins(store, issued, ids, authority, url).issue("h1")
    files = await join(token.token, tmp_path / "agent")
    issued.set(0)
    yield Site(store, issued, files)
    await runner.cleanup()
    await store.close()


async def ended(link: client.Link) -> None:
    """Return once the link is closed."""
    async with asyncio.timeout(10):
        async for _ in link.frames():
            pass


async def test_a_certificate_is_renewed_when_a_third_of_its_life_is_left(site: Site) -> None:
    clock, old = SetClock(-15), site.serial()
    renewal = Renewal(site.files, clock)
    async with renewal.dial() as link:
        await clock.idle()  # the next look is an hour away
        assert (clock.slept, site.serial()) == ([CHECK_S], old)
        clock.set(0)
        await ended(link)
    assert site.serial() != old
    assert site.files.identity.stat().st_mode & 0o777 == 0o600
    async with renewal.dial() as link:
        await link.close()


async def test_a_removed_host_keeps_what_it_has_until_it_ends(site: Site) -> None:
    clock, old = SetClock(0), site.serial()
    await site.remove_host()
    with pytest.raises(HeliostatError) as refused:
        await client.renew(
            site.files.url, site.files.context(clock.now_ms()), signing_request(new_key(), "h1")
        )
    assert refused.value.code == "HostNotFound"
    async with Renewal(site.files, clock).dial():
        await clock.idle()  # the next look is an hour away
    assert site.serial() == old


async def test_nobody_renews_without_a_certificate(site: Site) -> None:
    stranger = ssl.create_default_context(cafile=str(site.files.ca))
    with pytest.raises(HeliostatError) as refused:
        await client.renew(site.files.url, stranger, signing_request(new_key(), "h1"))
    assert refused.value.code == "AccessForbidden"


@pytest.mark.parametrize("request_", ["", "no request"])
async def test_a_bad_request_is_refused(site: Site, request_: str) -> None:
    context = site.files.context(SystemClock().now_ms())
    with pytest.raises(HeliostatError) as refused:
        await client.renew(site.files.url, context, request_)
    assert refused.value.code == "InvalidEntity"


async def test_an_expired_certificate_says_what_to_do(site: Site) -> None:
    with pytest.raises(HeliostatError) as refused:
        async with Renewal(site.files, SetClock(21)).dial():
            pass
    assert refused.value.code == "CertificateInvalid"
    assert "expired" in refused.value.message
    assert "join-token" in refused.value.hint


async def test_a_certificate_for_another_key_is_not_kept(site: Site) -> None:
    before = site.files.identity.read_bytes()
    with pytest.raises(HeliostatError) as refused:
        site.files.replace(new_key(), before.decode())
    assert refused.value.code == "CertificateInvalid"
    assert site.files.identity.read_bytes() == before
