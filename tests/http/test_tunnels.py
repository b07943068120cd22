"""Consoles and ports: bytes both ways, and an end on one side ends the other."""

from __future__ import annotations

import asyncio

import aiohttp

from heliostat.testing.site import Site

HEADERS = {"Authorization": "Bearer project-user"}


def console(site: Site, vm: str = "vm-started") -> str:
    return f"{site.base}/v1/vms/{site.ids[vm]}/console"


async def test_bytes_travel_unchanged(site: Site, session: aiohttp.ClientSession) -> None:
    every = bytes(range(256)) * 300
    async with session.ws_connect(console(site), headers=HEADERS) as socket:
        await socket.send_bytes(every)
        assert await socket.receive_bytes(timeout=10) == every
        await socket.send_str("text is bytes, too")
        assert await socket.receive_bytes(timeout=10) == b"text is bytes, too"
    asked = [each for each in site.agents.asked if each[1] == "tunnel"]
    assert asked == [
        (
            site.ids["host"],
            "tunnel",
            {"vm": site.ids["vm-started"], "kind": "serial", "port": None},
        )
    ]


async def test_guest_ends_it(site: Site, session: aiohttp.ClientSession) -> None:
    async with session.ws_connect(console(site), headers=HEADERS) as socket:
        await socket.send_bytes(b"bye")
        message = await socket.receive(timeout=10)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    async with asyncio.timeout(10):
        await site.agents.streams[0].closed.wait()


async def test_client_ends_it(site: Site, session: aiohttp.ClientSession) -> None:
    async with session.ws_connect(console(site), headers=HEADERS) as socket:
        await socket.send_bytes(b"x")
        await socket.receive_bytes(timeout=10)
    async with asyncio.timeout(10):
        await site.agents.streams[0].closed.wait()


async def test_failures_are_ordinary_errors(site: Site, session: aiohttp.ClientSession) -> None:
    """What keeps a console from opening is told before the WebSocket begins."""
    async with session.get(console(site), headers=HEADERS) as answer:
        assert (answer.status, (await answer.json())["code"]) == (426, "UpgradeRequired")
    site.agents.away.add(site.ids["host"])
    upgrade = {
        **HEADERS,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with session.get(console(site), headers=upgrade) as answer:
        assert (answer.status, (await answer.json())["code"]) == (503, "AgentUnavailable")
    async with session.get(console(site, "vm-stopped"), headers=upgrade) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, "InvalidVmState")
