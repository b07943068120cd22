"""Agents over real TLS against the gateway: joining, leases, frames, blobs, tunnels."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from aiohttp import WSMessage, WSMsgType, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from heliostat.agentlink import client, silence
from heliostat.agentlink.messages import (
    ControllerFrame,
    DesiredCapture,
    DesiredDisk,
    DesiredImage,
    DesiredIso,
    DesiredVm,
    DesiredVmDisk,
    DiskKind,
    Fault,
    GuestState,
    Hello,
    HostFacts,
    Power,
    Report,
    ReportedDisk,
    ReportedVm,
    Request,
    Response,
    Snapshot,
    Unwanted,
    Wanted,
)
from heliostat.agentlink.session import Session
from heliostat.agentlink.transport import agent_client_context
from heliostat.cloudstore.contract import Delete, Lease, Put
from heliostat.cloudstore.documents import encode
from heliostat.cloudstore.memory import MemoryStore
from heliostat.content.blobs import Blobs, Staging, disk_full
from heliostat.controller.gateway.gateway import Gateway
from heliostat.controller.model.desired import agent_key, desired_key, reported_key
from heliostat.controller.model.host import Host, HostState, UsageTag
from heliostat.controller.workflows.kinds import HOSTS, INVENTORIES
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.core.ids import SystemIds
from heliostat.core.join_token import decode
from heliostat.identity.authority.authorities import Authorities
from heliostat.identity.authority.join import Joins
from heliostat.identity.authority.key_files import new_key
from heliostat.identity.authority.policy import Asker
from heliostat.identity.authority.tls import agent_ssl_context
from heliostat.testing.authority import open_authorities, open_authority

FACTS = HostFacts(
    hostname="h1",
    cpu_count=4,
    memory_mib=8192,
    disk_total_bytes=1 << 40,
    disk_free_bytes=1 << 39,
    datastore="local",
    accelerator="tcg",
    hypervisor="QEMU",
    agent_version="1",
)


@dataclass
class Site:
    """A gateway that listens, and what stands behind it."""

    folder: Path
    store: MemoryStore
    blobs: Blobs
    gateway: Gateway
    authorities: Authorities
    joins: Joins
    url: str

    async def add_host(self, host_id: str) -> None:
        host = Host(
            id=host_id,
            address=host_id,
            state=HostState.NOT_PROVISIONED,
            usage_tags=(UsageTag.CLOUD,),
        )
        await self.store.commit([], HOSTS.put(host))

    async def joined(self, host_id: str) -> ssl.SSLContext:
        """Join as ``host_id`` and return the TLS context of its agent."""
        token = decode((await self.joins.issue(host_id)).token)
        folder = self.folder / host_id
        key = new_key(folder / "identity.pem")
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        csr = request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
        trusted = ssl.create_default_context(cadata=token.ca)
        answer = await client.redeem(token.url, trusted, token.secret, csr)
        with (folder / "identity.pem").open("a") as identity:
            identity.write(answer["certificate"])
        (folder / "ca.pem").write_text(answer["ca"])
        return agent_client_context(folder / "ca.pem", folder / "identity.pem")

    async def until(self, key: str, *, exists: bool = True) -> bytes | None:
        """The document at ``key`` once it exists (or is gone)."""
        async with asyncio.timeout(10):
            revision = await self.store.revision()
            found = await self.store.get(key)
            if (found is not None) == exists:
                return found.value if found is not None else None
            async for event in self.store.watch(key, revision):
                if (event.value is not None) == exists:
                    return event.value
        raise AssertionError("a watch does not end by itself")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    clock, ids = SystemClock(), SystemIds()
    store = MemoryStore(clock)
    blobs = Blobs(tmp_path / "content")
    authorities = await open_authorities(tmp_path / "ca", clock, "test.local")
    authority = authorities.platform
    joins = Joins(store, clock, ids, authority, "")
    gateway = Gateway(
        store,
        clock,
        ids,
        blobs,
        controller_id="c1",
        lease_ttl_s=0.6,
        certifier=joins,
        host_of=authority.host_of,
    )
    authority.followers.append(gateway.gate.look_again)
    runner = web.AppRunner(gateway.gate.app(), shutdown_timeout=0.1)
    await runner.setup()
    context = agent_ssl_context(await authority.issue_server(["127.0.0.1"]), authority.gate_pem)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    joins = Joins(store, clock, ids, authority, url)
    site = Site(tmp_path, store, blobs, gateway, authorities, joins, url)
    await site.add_host("h1")
    yield site
    await runner.cleanup()
    await store.close()


@asynccontextmanager
async def agent(
    site: Site, context: ssl.SSLContext
) -> AsyncIterator[tuple[client.Link, AsyncIterator[ControllerFrame]]]:
    """A connected agent that has said hello, and its frames."""
    async with client.dial(site.url, context) as link:
        await link.send(Hello(facts=FACTS))
        yield link, link.frames()


async def next_frame(frames: AsyncIterator[ControllerFrame]) -> ControllerFrame:
    async with asyncio.timeout(10):
        return await anext(frames)


async def test_a_joined_host_becomes_ready_and_active(site: Site) -> None:
    async with agent(site, await site.joined("h1")) as (_, frames):
        assert isinstance(await next_frame(frames), Snapshot)
        host, inventory = await HOSTS.get(site.store, "h1"), await INVENTORIES.get(site.store, "h1")
        assert host is not None
        assert host.value.state is HostState.READY
        assert inventory is not None
        assert inventory.value.memory_mib == 8192
        assert await site.store.get(agent_key("h1")) is not None
    await site.until(agent_key("h1"), exists=False)


async def test_desired_documents_arrive_as_they_change(site: Site) -> None:
    first = DesiredDisk(id="d1", capacity_bytes=1 << 30)
    await site.store.commit([], [Put(desired_key("h1", "disk", "d1"), msgspec.json.encode(first))])
    async with agent(site, await site.joined("h1")) as (_, frames):
        snapshot = await next_frame(frames)
        assert isinstance(snapshot, Snapshot)
        (item,) = snapshot.items
        assert isinstance(item, DesiredDisk)
        assert (item.id, item.revision > 0) == ("d1", True)
        more = msgspec.json.encode(DesiredDisk(id="d2", capacity_bytes=5))
        put = await site.store.commit([], [Put(desired_key("h1", "disk", "d2"), more)])
        assert await next_frame(frames) == Wanted(
            item=DesiredDisk(id="d2", capacity_bytes=5, revision=put)
        )
        gone = await site.store.commit([], [Delete(desired_key("h1", "disk", "d1"))])
        assert await next_frame(frames) == Unwanted(key="disk/d1", revision=gone)


async def test_reports_become_documents_and_repeating_them_costs_nothing(site: Site) -> None:
    vm = ReportedVm(id="v1", revision=7, settled=True, state=GuestState.RUNNING)
    disk = ReportedDisk(id="d1", revision=3, settled=True)
    async with agent(site, await site.joined("h1")) as (link, frames):
        await next_frame(frames)
        await link.send(Report(items=(vm, disk), full=True))
        value = await site.until(reported_key("h1", "vm", "v1"))
        assert msgspec.json.decode(value or b"", type=ReportedVm) == vm
        revision = await site.store.revision()
        await link.send(Report(items=(vm, disk)))
        await link.send(Report(gone=("disk/d1",)))
        await site.until(reported_key("h1", "disk", "d1"), exists=False)
        assert await site.store.revision() == revision + 1
        await link.send(Report(full=True))
        await site.until(reported_key("h1", "vm", "v1"), exists=False)


async def test_requests_are_answered_and_faults_are_raised(site: Site) -> None:
    with pytest.raises(HeliostatError, match="not connected"):
        await site.gateway.request("h1", "vm.log", {})
    async with agent(site, await site.joined("h1")) as (link, frames):
        await next_frame(frames)
        asked = asyncio.create_task(site.gateway.request("h1", "vm.log", {"vm": "v1"}))
        frame = await next_frame(frames)
        assert isinstance(frame, Request)
        assert (frame.method, frame.params) == ("vm.log", {"vm": "v1"})
        await link.send(Response(id=frame.id, result={"text": "hi"}))
        assert await asked == {"text": "hi"}
        asked = asyncio.create_task(site.gateway.request("h1", "vm.log", {"vm": "v2"}))
        frame = await next_frame(frames)
        assert isinstance(frame, Request)
        fault = Fault(code="VmNotFound", message="There is no VM v2.", permanent=True)
        await link.send(Response(id=frame.id, fault=fault))
        with pytest.raises(HeliostatError) as raised:
            await asked
        assert raised.value.code == "VmNotFound"


async def test_a_request_under_way_fails_when_the_link_is_cut(site: Site) -> None:
    async with agent(site, await site.joined("h1")) as (_, frames):
        await next_frame(frames)
        asked = asyncio.create_task(site.gateway.request("h1", "host.stats", {}))
        await next_frame(frames)
    with pytest.raises(HeliostatError) as raised:
        await asked
    assert raised.value.code == "AgentUnavailable"


async def test_blobs_are_fetched_whole_and_from_an_offset(site: Site) -> None:
    content = bytes(range(256)) * 9000
    with site.blobs.stage() as staging:
        staging.write(content)
        blob = staging.commit()
    await want_image(site, "h1", blob.digest)
    async with agent(site, await site.joined("h1")) as (link, _):
        assert b"".join([part async for part in link.fetch_blob(blob.digest, 0)]) == content
        tail = b"".join([part async for part in link.fetch_blob(blob.digest, 1_500_000)])
        assert tail == content[1_500_000:]
        with pytest.raises(HeliostatError) as raised:
            [part async for part in link.fetch_blob("0" * 64, 0)]
        assert raised.value.code == "BlobNotFound"


async def want_image(site: Site, host_id: str, digest: str) -> None:
    wanted = DesiredImage(digest=digest, size_bytes=1)
    await site.store.commit([], [Put(desired_key(host_id, "image", digest), encode(wanted))])


@pytest.mark.parametrize("kind", ["image", "vm", "iso"])
async def test_a_host_reads_only_what_it_is_to_have(site: Site, kind: str) -> None:
    with site.blobs.stage() as staging:
        staging.write(b"private")
        digest = staging.commit().digest
    disk = DesiredVmDisk(id="d", kind=DiskKind.EPHEMERAL, capacity_bytes=1, image_digest=digest)
    vm = DesiredVm(id="v1", name="v", power=Power.OFF, cpu_count=1, memory_mib=1, disks=())
    wanted = {
        "image": DesiredImage(digest=digest, size_bytes=7),
        "vm": msgspec.structs.replace(vm, disks=(disk,)),
        "iso": msgspec.structs.replace(vm, iso=DesiredIso(digest=digest, size_bytes=7)),
    }[kind]
    key = "image" if kind == "image" else "vm"
    await site.store.commit([], [Put(desired_key("h2", key, "x"), encode(wanted))])
    async with agent(site, await site.joined("h1")) as (link, _):
        with pytest.raises(HeliostatError) as raised:
            [part async for part in link.fetch_blob(digest, 0)]
        assert raised.value.code == "BlobNotFound"
    async with agent(site, await site.joined("h2")) as (link, _):
        assert [part async for part in link.fetch_blob(digest, 0)] == [b"private"]


async def want_capture(site: Site, host_id: str, image_id: str) -> None:
    wanted = DesiredCapture(id=image_id, vm_id="v1")
    await site.store.commit([], [Put(desired_key(host_id, "capture", image_id), encode(wanted))])


async def test_content_is_taken_only_where_it_is_wanted_and_what_it_says_it_is(
    site: Site, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 9000
    path = tmp_path / "golden.qcow2"
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    async with agent(site, await site.joined("h1")) as (link, _):
        for image_id in ("nobody", "others"):
            await want_capture(site, "h2", "others")
            with pytest.raises(HeliostatError) as raised:
                await link.send_capture(image_id, digest, path)
            assert raised.value.code == "ImageNotFound"
        await want_capture(site, "h1", "golden")
        with pytest.raises(HeliostatError) as raised:
            await link.send_capture("golden", "ab" * 32, path)
        assert raised.value.code == "ImageCorrupt"
        assert list(site.blobs.stored()) == []
        await link.send_capture("golden", digest, path)
        await link.send_capture("golden", digest, path)  # its answer was lost
        assert [each.digest for each in site.blobs.stored()] == [digest]


async def test_a_full_disk_is_told_to_the_host(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_staging: Staging, _data: bytes) -> None:
        raise disk_full(tmp_path, 0)

    monkeypatch.setattr(Staging, "write", full)
    path = tmp_path / "golden.qcow2"
    path.write_bytes(b"content")
    await want_capture(site, "h1", "golden")
    async with agent(site, await site.joined("h1")) as (link, _):
        with pytest.raises(HeliostatError) as raised:
            await link.send_capture("golden", hashlib.sha256(b"content").hexdigest(), path)
        assert (raised.value.code, isinstance(raised.value, TemporaryError)) == ("DiskFull", False)


async def test_a_tunnel_carries_bytes_both_ways_until_it_is_closed(site: Site) -> None:
    async with agent(site, await site.joined("h1")) as (link, frames):
        await next_frame(frames)
        opening = asyncio.create_task(site.gateway.open_tunnel("h1", "v1", "port", 22))
        frame = await next_frame(frames)
        assert isinstance(frame, Request)
        assert frame.params["port"] == 22
        far = await link.dial_tunnel(str(frame.params["ticket"]))
        await link.send(Response(id=frame.id, result={}))
        near = await opening
        await near.write(b"ping" * 10_000)
        got = b""
        while len(got) < 40_000:
            got += await far.read()
        await far.write(b"pong")
        assert await near.read() == b"pong"
        closing = asyncio.create_task(near.close())
        assert await far.read() == b""
        await far.close()
        await closing


async def test_the_newer_of_two_sessions_wins(site: Site) -> None:
    context = await site.joined("h1")
    async with agent(site, context) as (_, old_frames):
        await next_frame(old_frames)
        async with agent(site, context) as (new, new_frames):
            await next_frame(new_frames)
            async with asyncio.timeout(10):
                assert [frame async for frame in old_frames] == []
            vm = ReportedVm(id="v1", revision=1, settled=True, state=GuestState.STOPPED)
            await new.send(Report(items=(vm,)))
            await site.until(reported_key("h1", "vm", "v1"))


class NoSocket:
    """A connection of which nothing comes."""

    async def send_str(self, data: str) -> None:
        """Nobody reads it."""

    async def receive(self) -> WSMessage:
        return WSMessage(WSMsgType.CLOSED, None, None)

    async def close(self) -> None:
        """There is nothing to close."""


async def test_a_session_that_was_cut_while_it_waited_takes_no_lease(site: Site) -> None:
    elsewhere = await site.store.acquire("agent/h1", "c2", 60)  # another controller's session
    assert elsewhere is not None
    session = Session("h1", NoSocket())
    greeting = asyncio.create_task(site.gateway.greeted(session, Hello(facts=FACTS)))
    await asyncio.sleep(0.1)
    await session.cut()  # a newer one of the same host is there
    await site.store.release(elsewhere)
    with pytest.raises(TemporaryError):
        await greeting
    assert await site.store.get(agent_key("h1")) is None


async def test_one_renewal_that_fails_costs_no_other_host_its_lease(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew, failures = (
        site.store.renew,
        iter([OSError("a defect"), HeliostatError("InternalError", "Odd.")]),
    )

    async def sometimes(lease: Lease) -> None:
        if (failure := next(failures, None)) is not None:
            raise failure
        await renew(lease)

    monkeypatch.setattr(site.store, "renew", sometimes)
    async with agent(site, await site.joined("h1")) as (_, frames):
        await next_frame(frames)
        held = await site.store.get(agent_key("h1"))
        await asyncio.sleep(0.3)
        monkeypatch.setattr(site.store, "renew", renew)
        await asyncio.sleep(1.0)
        assert await site.store.get(agent_key("h1")) == held


async def test_a_stranger_gets_nothing(site: Site) -> None:
    authority = await open_authority(site.folder / "other", SystemClock(), "other.local")
    trusting = ssl.create_default_context(cafile=str(site.folder / "ca" / "ca.pem"))
    with pytest.raises(HeliostatError):
        async with client.dial(site.url, trusting):
            pass
    distrusting = ssl.create_default_context(cadata=authority.ca_pem)
    with pytest.raises(HeliostatError) as raised:
        async with client.dial(site.url, distrusting):
            pass
    assert raised.value.code == "Unreachable"
    with pytest.raises(HeliostatError) as raised:
        await client.redeem(site.url, trusting, "wrong", "no request")
    assert raised.value.code == "InvalidToken"


async def test_an_agent_of_a_deleted_host_is_turned_away(site: Site) -> None:
    context = await site.joined("h2")
    async with agent(site, context) as (_, frames):
        async with asyncio.timeout(10):
            assert [frame async for frame in frames] == []


async def test_what_a_revoked_agent_has_open_ends(site: Site) -> None:
    await site.add_host("h2")
    stays = await site.joined("h2")
    async with (
        agent(site, await site.joined("h1")) as (link, frames),
        agent(site, stays) as (_, on),
    ):
        assert isinstance(await next_frame(frames), Snapshot)
        assert isinstance(await next_frame(on), Snapshot)

        opening = asyncio.create_task(site.gateway.open_tunnel("h1", "v1", "serial", None))
        asked = await next_frame(frames)
        assert isinstance(asked, Request)
        far = await link.dial_tunnel(str(asked.params["ticket"]))
        await link.send(Response(id=asked.id, result={}))
        near = await opening
        certificates = site.authorities.system.certificates
        (shown,) = (await certificates.page(limit=9, after=None, revision=None,
                                            name="uri:heliostat:host:h1")).items  # fmt: skip
        admin = Asker("administrator@test.local", administers=True)
        await certificates.revoke(shown[1].id, "keyCompromise", admin)
        await site.authorities.platform.refresh()  # as the minute does, and whoever revokes
        async with asyncio.timeout(10):
            assert await far.read() == await near.read() == b""
            await near.close()
            assert [frame async for frame in frames] == []
        assert not site.gateway.gate.session("h2").ended


async def test_a_silent_link_is_dropped(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "SILENT_S", 0.2)
    monkeypatch.setattr(silence, "LOOK_S", 0.05)
    async with agent(site, await site.joined("h1")) as (_, frames):
        assert isinstance(await next_frame(frames), Snapshot)
        async with asyncio.timeout(10):
            async for _frame in frames:  # ends when the controller has dropped the link
                pass


async def test_an_agent_that_only_pings_stays_connected(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(silence, "SILENT_S", 1.0)
    monkeypatch.setattr(silence, "LOOK_S", 0.05)
    async with agent(site, await site.joined("h1")) as (_, frames):
        assert isinstance(await next_frame(frames), Snapshot)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await anext(frames)
        assert site.gateway.gate.session("h1") is not None
