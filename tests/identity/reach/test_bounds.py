"""Where addresses may lead that tenants name, in all their spellings."""

from __future__ import annotations

import socket

import pytest
from aiohttp import ClientError, ClientSession, web
from aiohttp.test_utils import TestServer

from heliostat.core.errors import HeliostatError
from heliostat.identity.reach.bounds import refusal
from heliostat.identity.reach.gate import Gate, OutOfReach
from heliostat.identity.reach.options import ReachOptions
from heliostat.identity.reach.web import connector, out_of_reach
from heliostat.testing.signin import LOOPBACK

NOBODY: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("address", "allowed", "barred", "well"),
    [
        ("93.184.216.34", NOBODY, NOBODY, True),
        ("2606:4700::1111", NOBODY, NOBODY, True),
        ("10.1.2.3", NOBODY, NOBODY, True),
        ("100.64.0.1", NOBODY, NOBODY, True),
        ("fd00::1", NOBODY, NOBODY, True),
        ("::ffff:10.0.0.1", NOBODY, NOBODY, True),
        ("127.0.0.1", NOBODY, NOBODY, False),
        ("127.255.255.254", NOBODY, NOBODY, False),
        ("169.254.169.254", NOBODY, NOBODY, False),
        ("100.100.100.200", NOBODY, NOBODY, False),
        ("168.63.129.16", NOBODY, NOBODY, False),
        ("fd00:ec2::254", NOBODY, NOBODY, False),
        ("0.0.0.0", NOBODY, NOBODY, False),
        ("0.1.2.3", NOBODY, NOBODY, False),
        ("224.0.0.1", NOBODY, NOBODY, False),
        ("255.255.255.255", NOBODY, NOBODY, False),
        ("240.0.0.1", NOBODY, NOBODY, False),
        ("::", NOBODY, NOBODY, False),
        ("::1", NOBODY, NOBODY, False),
        ("fe80::1", NOBODY, NOBODY, False),
        ("fe80::1%eth0", NOBODY, NOBODY, False),
        ("ff02::1", NOBODY, NOBODY, False),
        ("fec0::1", NOBODY, NOBODY, False),
        ("::ffff:127.0.0.1", NOBODY, NOBODY, False),
        ("::ffff:169.254.169.254", NOBODY, NOBODY, False),
        ("::ffff:0:127.0.0.1", NOBODY, NOBODY, False),
        ("::127.0.0.1", NOBODY, NOBODY, False),
        ("2002:7f00:1::", NOBODY, NOBODY, False),
        ("64:ff9b::7f00:1", NOBODY, NOBODY, False),
        ("127.1", NOBODY, NOBODY, False),
        ("2130706433", NOBODY, NOBODY, False),
        ("0x7f.1", NOBODY, NOBODY, False),
        ("", NOBODY, NOBODY, False),
        ("127.0.0.1", ("127.0.0.0/8",), NOBODY, True),
        ("::ffff:127.0.0.1", ("127.0.0.0/8",), NOBODY, True),
        ("169.254.169.254", ("127.0.0.0/8",), NOBODY, False),
        ("127.1", ("127.0.0.0/8",), NOBODY, False),
        ("10.1.2.3", NOBODY, ("10.0.0.0/8",), False),
        ("::ffff:10.1.2.3", NOBODY, ("10.0.0.0/8",), False),
        ("10.1.2.3", ("10.1.2.0/24",), ("0.0.0.0/0", "::/0"), True),
        ("93.184.216.34", ("10.1.2.0/24",), ("0.0.0.0/0", "::/0"), False),
        ("2606:4700::1111", ("10.1.2.0/24",), ("0.0.0.0/0", "::/0"), False),
    ],
)
def test_where_an_address_may_lead(
    address: str, allowed: tuple[str, ...], barred: tuple[str, ...], well: bool
) -> None:
    assert (refusal(address, ReachOptions(allowed, barred)) == "") is well


def test_a_network_that_is_none_is_a_fault() -> None:
    faults = ReachOptions(("10.0.0.1/8",), ("nonsense", "10.0.0.0/8")).faults()
    assert [name for name, _ in faults] == ["allowed", "barred"]


def test_of_several_addresses_those_that_may_be_reached_are_left() -> None:
    gate = Gate(ReachOptions())
    both = ["127.0.0.1", "10.0.0.7", "10.0.0.7"]
    assert gate.allowed("ldap.corp.example", both) == ["10.0.0.7"]
    assert gate.allowed("nothing.corp.example", []) == []
    with pytest.raises(OutOfReach, match=r"example is out of reach: 127\.0\.0\.1 is the"):
        gate.allowed("ldap.corp.example", ["127.0.0.1"])
    assert Gate(ReachOptions(), ["127.0.0.0/8"]).allowed("here", ["127.0.0.1"]) == ["127.0.0.1"]
    gate.check("localhost")  # a name is judged when it is resolved
    for literal in ("[::1]", "169.254.169.254"):
        with pytest.raises(HeliostatError) as refused:
            gate.check(literal)
        assert refused.value.code == "AddressRefused"
        assert "identity.reach.allowed" in (refused.value.hint or "")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:7f00:1]", "0x7f.0.0.1"])
async def test_what_is_judged_is_what_is_connected_to(host: str) -> None:
    """Also for addresses that no resolver sees, and for a name that turns while it is used."""

    async def hear(_request: web.Request) -> web.Response:
        return web.Response(text="heard")

    app = web.Application()
    app.router.add_get("/", hear)
    async with TestServer(app) as server:
        url = f"http://{host}:{server.port}/"
        open_, closed = Gate(LOOPBACK), Gate(ReachOptions())
        async with ClientSession(connector=connector(closed, True)) as session:
            with pytest.raises((ClientError, OSError)) as refused:
                await session.get(url)
        far = out_of_reach(refused.value)
        assert far is not None, refused.value
        if host in ("127.0.0.1", "localhost"):
            async with ClientSession(connector=connector(open_, True)) as session:
                assert await (await session.get(url)).text() == "heard"
        turned = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", server.port))
        with pytest.raises(OutOfReach):
            closed.socket(turned)
