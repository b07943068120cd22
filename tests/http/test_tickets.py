"""Tickets to a VM's screen: no token, one use, one VM, one minute."""

from __future__ import annotations

import aiohttp
import pytest

from heliostat.controller.workflows.vm_ticket import PREFIX, redeem
from heliostat.core.errors import HeliostatError
from heliostat.testing.clock import VirtualClock
from heliostat.testing.site import Site

HEADERS = {"Authorization": "Bearer project-user"}


async def ticket_of(site: Site, session: aiohttp.ClientSession) -> dict[str, str]:
    url = f"{site.base}/v1/vms/{site.ids['vm-started']}/mks_ticket"
    async with session.get(url, headers=HEADERS) as answer:
        assert answer.status == 200
        properties: dict[str, str] = (await answer.json())["resourceProperties"]
        return properties


async def opens(site: Site, session: aiohttp.ClientSession, path: str, ticket: str) -> int:
    """The status that opening a WebSocket with a ticket and no token answers."""
    try:
        async with session.ws_connect(
            f"{site.base}{path}?ticket={ticket}", protocols=("binary",)
        ) as socket:
            assert socket.protocol == "binary"
            await socket.send_bytes(b"RFB")
            assert await socket.receive_bytes(timeout=10) == b"RFB"
            return 101
    except aiohttp.WSServerHandshakeError as error:
        return error.status


async def test_a_ticket_opens_the_screen_once(site: Site, session: aiohttp.ClientSession) -> None:
    told = await ticket_of(site, session)
    assert await opens(site, session, told["cfg_file"], told["ticket"]) == 101
    assert await opens(site, session, told["cfg_file"], told["ticket"]) == 401
    assert ("screen", site.ids["vm-started"]) in [
        (params["kind"], params["vm"])
        for _, method, params in site.agents.asked
        if method == "tunnel"
    ]


async def test_a_ticket_opens_the_console_too(site: Site, session: aiohttp.ClientSession) -> None:
    told = await ticket_of(site, session)
    console = f"/v1/vms/{site.ids['vm-started']}/console"
    assert await opens(site, session, console, told["ticket"]) == 101


async def test_a_ticket_is_of_one_vm_and_opens_no_port(
    site: Site, session: aiohttp.ClientSession
) -> None:
    told = await ticket_of(site, session)
    other = f"/v1/vms/{site.ids['vm-suspended']}/vnc"
    assert await opens(site, session, other, told["ticket"]) == 401
    port = f"/v1/vms/{site.ids['vm-started']}/ports/22"
    assert await opens(site, session, port, told["ticket"]) == 401
    async with session.get(f"{site.base}/v1/vms?ticket={told['ticket']}") as answer:
        assert answer.status in (401, 404)
    assert await opens(site, session, told["cfg_file"], told["ticket"]) == 101


async def test_a_ticket_expires(site: Site, session: aiohttp.ClientSession) -> None:
    told = await ticket_of(site, session)
    clock = site.ports.clock
    assert isinstance(clock, VirtualClock)
    await clock.advance(61)
    with pytest.raises(HeliostatError, match="expired"):
        await redeem(site.ports.store, clock, site.ids["vm-started"], told["ticket"])


async def test_expired_tickets_go_with_the_next(site: Site, session: aiohttp.ClientSession) -> None:
    first = await ticket_of(site, session)
    clock = site.ports.clock
    assert isinstance(clock, VirtualClock)
    await clock.advance(61)
    await ticket_of(site, session)
    page = await site.ports.store.list(PREFIX)
    assert len(page.items) == 1
    assert first["ticket"] not in page.items[0].key, "only a digest is a key"
