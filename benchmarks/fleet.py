"""Hosts' agents for measurements: the real wire, and nothing behind it.

    python -m benchmarks.fleet HOME PORT HOSTS_FILE [--heartbeat-s 10]

Each agent is one WebSocket over mutual TLS with a certificate of the platform's
authority.  It greets, reports its inventory, and answers every wish as a real agent
with a quick hypervisor does: one report that it is at it, one that it is done.
Written on bare asyncio, because the controller is measured and not its peers.

Says ``connected N`` when all are, then runs until its standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from ssl import SSLContext

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from heliostat.agentlink.client import redeem
from heliostat.agentlink.messages import (
    ControllerFrame,
    Desired,
    DesiredDisk,
    DesiredImage,
    DesiredVm,
    GuestState,
    Hello,
    HostDatastore,
    HostFacts,
    Power,
    Report,
    Reported,
    ReportedDisk,
    ReportedImage,
    ReportedVm,
    Request,
    Response,
    Snapshot,
    Unwanted,
    Wanted,
)
from heliostat.agentlink.transport import HEARTBEAT_S, agent_client_context
from heliostat.client.client import Client
from heliostat.core.join_token import decode
from heliostat.core.units import GIB
from heliostat.identity.authority.key_files import new_key

CONNECTING_AT_ONCE = 16
REDIAL_S = 1.0
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
UPGRADE = (
    b"GET /agent/link HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
_decoder = msgspec.json.Decoder(ControllerFrame)
_encoder = msgspec.json.Encoder()
_GUESTS = {
    Power.ON: GuestState.RUNNING,
    Power.OFF: GuestState.STOPPED,
    Power.SUSPENDED: GuestState.SUSPENDED,
}


def frame(opcode: int, payload: bytes = b"") -> bytes:
    """One masked frame (RFC 6455, 5.2); the mask is zeros, which leaves the payload as it is."""
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | opcode, 0x80 | length))
    elif length < 1 << 16:
        head = bytes((0x80 | opcode, 0x80 | 126)) + length.to_bytes(2)
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + length.to_bytes(8)
    return head + bytes(4) + payload


class LightAgent(asyncio.Protocol):
    """One host's agent; ``ready`` is done once it has its snapshot."""

    def __init__(self, number: int, images: tuple[str, ...]) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = asyncio.Event()
        self._number = number
        self._images = images
        self._upgraded = False
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        transport.write(UPGRADE)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.lost.set()
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("the controller hung up"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._upgraded:
            head, found, rest = self._received.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.splitlines()[0]:
                self.ready.set_exception(ConnectionError(self._received.decode(errors="replace")))
                return
            self._upgraded, self._received = True, rest
            self._say(Hello(facts=self._facts()))
        while (found_frame := self._next_frame()) is not None:
            self._heard(*found_frame)

    def beat(self) -> None:
        """Ask the controller whether it is there."""
        if self._transport is not None:
            self._transport.write(frame(PING))

    def _next_frame(self) -> tuple[int, bytes] | None:
        data = self._received
        if len(data) < 2:
            return None
        length, start = data[1] & 0x7F, 2
        if length >= 126:
            start = 4 if length == 126 else 10
            if len(data) < start:
                return None
            length = int.from_bytes(data[2:start])
        if len(data) < start + length:
            return None
        self._received = data[start + length :]
        return data[0] & 0xF, data[start : start + length]

    def _heard(self, opcode: int, payload: bytes) -> None:
        if opcode == PING and self._transport is not None:
            self._transport.write(frame(PONG, payload))
        elif opcode == CLOSE and self._transport is not None:
            self._transport.close()
        elif opcode == TEXT:
            self._told(_decoder.decode(payload))

    def _told(self, told: ControllerFrame) -> None:
        if isinstance(told, Snapshot):
            done = tuple(_done(item) for item in told.items)
            self._say(Report(items=done, full=True, facts=self._facts()))
            if not self.ready.done():
                self.ready.set_result(None)
        elif isinstance(told, Wanted):
            if isinstance(told.item, DesiredVm):
                self._say(Report(items=(_at_it(told.item),)))
            self._say(Report(items=(_done(told.item),)))
        elif isinstance(told, Unwanted):
            self._say(Report(gone=(told.key,)))
        elif isinstance(told, Request):
            self._say(Response(id=told.id, result={"samples": []}))

    def _say(self, said: Hello | Report | Response) -> None:
        if self._transport is not None:
            self._transport.write(frame(TEXT, _encoder.encode(said)))

    def _facts(self) -> HostFacts:
        return HostFacts(
            hostname=f"host-{self._number}",
            cpu_count=64,
            memory_mib=512 << 10,
            disk_total_bytes=10_000 * GIB,
            disk_free_bytes=10_000 * GIB,
            datastore="local",
            accelerator="kvm",
            hypervisor="simulated",
            agent_version="0",
            images=self._images,
            datastores=(
                HostDatastore(
                    datastore_id=f"local-{self._number}",
                    name="local",
                    total_bytes=10_000 * GIB,
                    free_bytes=10_000 * GIB,
                    images=self._images,
                ),
            ),
        )


def _at_it(item: DesiredVm) -> ReportedVm:
    return ReportedVm(id=item.id, revision=0, settled=False, state=GuestState.PREPARING)


def _done(item: Desired) -> Reported:
    if isinstance(item, DesiredVm):
        state = _GUESTS[item.power]
        return ReportedVm(
            id=item.id, revision=item.revision, settled=True, state=state, restart=item.restart
        )
    if isinstance(item, DesiredDisk):
        return ReportedDisk(id=item.id, revision=item.revision, settled=True)
    assert isinstance(item, DesiredImage)
    return ReportedImage(digest=item.digest, revision=item.revision, settled=True)


class Wardrobe:
    """Client certificates of hosts, all over one key, each got by joining as agents do."""

    def __init__(self, home: Path, folder: Path) -> None:
        self._owner = Client(f"unix:{home / 'run' / 'controller.sock'}")
        self._ca = home / "authority" / "ca.pem"
        self._folder = folder
        key = new_key(folder / "agent.key")
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        signed = request.sign(key, hashes.SHA256())
        self._request = signed.public_bytes(Encoding.PEM).decode()

    async def context(self, host_id: str) -> SSLContext:
        """A context that shows the host's certificate."""
        issue = self._owner.hosts.join_token(host_id).submit
        token = decode((await asyncio.to_thread(issue)).token)
        trust = ssl.create_default_context(cadata=token.ca)
        joined = await redeem(token.url, trust, token.secret, self._request)
        identity = self._folder / f"{host_id}.pem"
        identity.write_text(joined["certificate"] + (self._folder / "agent.key").read_text())
        try:
            return agent_client_context(self._ca, identity)
        finally:
            identity.unlink()


class Fleet:
    """All agents; one whose link is cut dials again a second later, as real ones do."""

    def __init__(
        self, wardrobe: Wardrobe, port: int, hosts: list[str], images: tuple[str, ...]
    ) -> None:
        self.agents: dict[str, LightAgent] = {}
        self._wardrobe = wardrobe
        self._port = port
        self._hosts = hosts
        self._images = images
        self._gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def connect(self) -> None:
        """Return when every agent has its snapshot."""
        ready = [asyncio.Event() for _ in self._hosts]
        self._keeping = [
            asyncio.create_task(self._keep(number, host_id, ready[number]))
            for number, host_id in enumerate(self._hosts)
        ]
        for each in ready:
            await each.wait()

    async def _keep(self, number: int, host_id: str, ready: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with self._gate:
                    _, agent = await loop.create_connection(
                        lambda: LightAgent(number, self._images),
                        "127.0.0.1",
                        self._port,
                        ssl=await self._wardrobe.context(host_id),
                    )
                    self.agents[host_id] = agent
                    await agent.ready
                ready.set()
                await agent.lost.wait()
                print(f"the link of {host_id} was cut", file=sys.stderr, flush=True)
            except OSError as error:
                print(f"{host_id}: {error}", file=sys.stderr, flush=True)
            await asyncio.sleep(REDIAL_S)


async def beat(agents: dict[str, LightAgent], every_s: float) -> None:
    """Each agent's heartbeat in its turn, spread evenly over time; never returns."""
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    while True:
        for agent in list(agents.values()):
            due_s = max(due_s + every_s / len(agents), loop.time() - every_s)
            if (wait_s := due_s - loop.time()) > 0.005:
                await asyncio.sleep(wait_s)
            agent.beat()
        await asyncio.sleep(0.01)


async def _run(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    hosts = options.hosts.read_text().split()
    with tempfile.TemporaryDirectory() as folder:
        wardrobe = Wardrobe(options.home, Path(folder))
        fleet = Fleet(wardrobe, options.port, hosts, tuple(options.image))
        beating = asyncio.create_task(beat(fleet.agents, options.heartbeat_s))
        await fleet.connect()
        print(f"connected {len(fleet.agents)}", flush=True)
        await loop.run_in_executor(None, sys.stdin.read)
        beating.cancel()


@contextmanager
def fleet(
    home: Path, port: int, hosts: list[str], *, images: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[str]]:
    """Agents of ``hosts`` in a process of their own, all connected."""
    with tempfile.NamedTemporaryFile("w", suffix=".hosts") as listed:
        listed.write("\n".join(hosts))
        listed.flush()
        named = [argument for digest in images for argument in ("--image", digest)]
        command = [sys.executable, "-m", "benchmarks.fleet", str(home), str(port), listed.name]
        process = subprocess.Popen(
            [*command, *named], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            told = process.stdout.readline()
            assert told == f"connected {len(hosts)}\n", told
            yield process
        finally:
            process.stdin.close()
            process.wait(60)
            process.stdout.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("hosts", type=Path, help="a file of host ids")
    parser.add_argument("--image", action="append", default=[], help="digest in every cache")
    parser.add_argument("--heartbeat-s", type=float, default=HEARTBEAT_S)
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
