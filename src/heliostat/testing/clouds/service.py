"""Puts a cloud on a private network: HTTP at its addresses, DNS for its names.

Every request is kept, so that a test can see what a guest asked for.  DNS answers at the
name server of this host's own configuration, because that is where QEMU's user networking
sends a guest's questions; the address exists a second time, inside of the private network.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from aiohttp import web

from heliostat.testing.clouds.contract import Asked, Cloud, Endpoint
from heliostat.testing.private_net import PrivateNet, private_net

_LOOPBACK = "127."
_NAME_ERROR, _ANSWERED = 3, 0
_ADDRESS_RECORD = 1
_GOODBYE_S = 1.0
"""How long the end of a cloud waits for requests that are still kept waiting."""


@dataclass(frozen=True, slots=True)
class Site:
    """A cloud that answers."""

    cloud: Cloud
    net: PrivateNet
    asked: list[Asked] = field(default_factory=list)


@asynccontextmanager
async def serving(cloud: Cloud) -> AsyncIterator[Site]:
    """A private network in which this cloud is."""
    addresses = {each.address for each in cloud.endpoints} | set(_name_servers())
    outside = sorted(each for each in addresses if not each.startswith(_LOOPBACK))
    async with AsyncExitStack() as stack:
        site = Site(cloud, stack.enter_context(private_net(outside)))
        for endpoint in cloud.endpoints:
            await stack.enter_async_context(_http(site, endpoint))
        for address in _name_servers():
            await stack.enter_async_context(_dns(site, address))
        yield site


@asynccontextmanager
async def _http(site: Site, endpoint: Endpoint) -> AsyncIterator[None]:
    async def handle(request: web.BaseRequest) -> web.Response:
        asked = Asked(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.text(),
        )
        site.asked.append(asked)
        answer = endpoint.answer(asked)
        if answer.after_s:
            await asyncio.sleep(answer.after_s)
        return web.Response(
            text=answer.body,
            status=answer.status,
            content_type=answer.content_type,
            headers=answer.headers,
        )

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=_GOODBYE_S)
    await runner.setup()
    try:
        listener = site.net.listen(endpoint.address, endpoint.port)
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _dns(site: Site, address: str) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    listener = site.net.receive(address, 53)
    names = site.cloud.names
    transport, _ = await loop.create_datagram_endpoint(lambda: _Dns(names), sock=listener)
    try:
        yield
    finally:
        transport.close()


class _Dns(asyncio.DatagramProtocol):
    """Answers questions for addresses; every other name does not exist."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(dns_answer(data, self._names), addr)


def dns_answer(question: bytes, names: Mapping[str, str]) -> bytes:
    """The reply to a packet with one question (RFC 1035, section 4)."""
    labels, at = [], 12
    while (length := question[at]) != 0:
        labels.append(question[at + 1 : at + 1 + length].decode(errors="replace"))
        at += 1 + length
    asked = question[12 : at + 5]
    kind = int.from_bytes(question[at + 1 : at + 3], "big")
    found = names.get(".".join(labels).lower())
    record = b""
    if found is not None and kind == _ADDRESS_RECORD:
        packed = ipaddress.IPv4Address(found).packed
        record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + packed
    code = _NAME_ERROR if found is None else _ANSWERED
    counts = (1).to_bytes(2, "big") + (1 if record else 0).to_bytes(2, "big") + bytes(4)
    flags = bytes([0x81 if question[2] & 1 else 0x80, 0x80 | code])
    return question[:2] + flags + counts + asked + record


def _name_servers() -> list[str]:
    """The IPv4 name servers that this host's programs ask."""
    lines = (each.split() for each in Path("/etc/resolv.conf").read_text().splitlines())
    told = [each[1] for each in lines if len(each) > 1 and each[0] == "nameserver"]
    return [each for each in told if "." in each]
