"""How much ACME a domain may have, and that a refusal says when to come again."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heliostat.identity.acme.bounds import wait_of
from heliostat.identity.acme.problems import PREFIX
from heliostat.identity.acme.records import HOUR_MS, AcmeKinds
from heliostat.identity.authority.options import AcmeOptions
from heliostat.testing.acme import DOMAIN, served_acme
from heliostat.testing.acme_client import Client

COUNTS = st.integers(0, 40)


@given(COUNTS, COUNTS, st.integers(1, 20), st.integers(0, 3 * HOUR_MS))
@example(12, 0, 12, HOUR_MS)
def test_who_waits_as_told_is_let_in(before: int, now: int, most: int, now_ms: int) -> None:
    wait_s = wait_of(before, now, most, now_ms)
    assert 0 <= wait_s <= 2 * HOUR_MS // 1000 + 1
    if not wait_s:
        assert now < most
        return
    hours = (now_ms + wait_s * 1000) // HOUR_MS - now_ms // HOUR_MS
    counted = {0: (before, now), 1: (now, 0)}.get(hours, (0, 0))
    assert wait_of(*counted, most, now_ms + wait_s * 1000) == 0


@asynccontextmanager
async def bounded(folder: Path, bounds: AcmeOptions) -> AsyncIterator[Client]:
    async with served_acme(folder, bounds) as served:
        authority = await served.identity.directories.authority(DOMAIN)
        policy = await authority.certificates.policy()
        acme = msgspec.structs.replace(policy.acme, binding=False, orders_an_hour=1000)
        await authority.certificates.set_policy(msgspec.structs.replace(policy, acme=acme))
        trust = ssl.create_default_context(cafile=str(served.ca))
        connector = aiohttp.TCPConnector(ssl=trust)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Client(session, served)


def refused(client: Client, told: dict[str, Any]) -> str:
    """The sentence of a refusal by a bound, which says when to come again."""
    assert told["type"] == f"{PREFIX}rateLimited"
    assert client.last.status == 429
    assert 1 <= int(client.last.headers["Retry-After"]) <= 7201
    return str(told["detail"])


async def test_accounts(tmp_path: Path) -> None:
    async with bounded(tmp_path, AcmeOptions(accounts=2)) as first:
        second, third = [Client(first.session, first.served) for _ in range(2)]
        await first.register()
        await second.register()
        assert "2 accounts" in refused(third, await third.post("new-account", {}))
        told = await first.post("new-account", {}, kid=None, jwk=first.jwk)
        assert told["status"] == "valid", "who has one finds it"
        await second.post(second.kid, {"status": "deactivated"})
        await third.register()
        assert third.last.status == 201


@pytest.mark.parametrize(
    ("bounds", "sentence"),
    [
        (AcmeOptions(orders_an_hour=3), "A domain orders 3 times an hour"),
        (AcmeOptions(orders=3), "3 orders a week"),
    ],
)
async def test_orders(tmp_path: Path, bounds: AcmeOptions, sentence: str) -> None:
    async with bounded(tmp_path, bounds) as client:
        await client.register()
        for number in range(3):
            assert (await client.order(f"n{number}.{DOMAIN}"))["status"] == "pending"
        assert sentence in refused(client, await client.order(f"more.{DOMAIN}"))


async def test_names_that_wait_for_their_proof(tmp_path: Path) -> None:
    async with bounded(tmp_path, AcmeOptions(pending=100)) as client:
        await client.register()
        first = await client.order(*(f"n{number}.{DOMAIN}" for number in range(90)))
        assert first["status"] == "pending"
        assert "100 names" in refused(client, await client.order(*names("m", 11)))
        last = await client.order(*names("m", 10))
        assert last["status"] == "pending"
        await fulfilled(client, last["url"].rpartition("/")[2])
        assert (await client.order(*names("o", 10)))["status"] == "pending"


def names(letter: str, count: int) -> list[str]:
    return [f"{letter}{number}.{DOMAIN}" for number in range(count)]


async def fulfilled(client: Client, order: str) -> None:
    """As if its certificate had been issued."""
    authority = await client.served.identity.directories.authority(DOMAIN)
    kind = AcmeKinds.of(authority.options.tenant).orders
    stored = await kind.get(authority.roots.store, order)
    assert stored is not None
    done = msgspec.structs.replace(stored.value, status="valid")
    await authority.roots.store.commit([kind.guard(stored)], kind.put(done, stored.value))


async def test_a_list_of_orders_has_pages(tmp_path: Path) -> None:
    async with bounded(tmp_path, AcmeOptions()) as client:
        account = await client.register()
        made = {(await client.order(f"n{number}.{DOMAIN}"))["url"] for number in range(203)}
        place, seen, pages = account["orders"], [], 0
        while place:
            seen += (await client.post(place))["orders"]
            pages += 1
            links = client.last.headers.getall("Link")
            nexts = [_target(each) for each in links if each.endswith('rel="next"')]
            place = nexts[0] if nexts else ""
        assert (pages, len(seen), set(seen)) == (3, 203, made)
        told = await client.post(account["orders"] + "?cursor=a.b")
        assert told["type"] == f"{PREFIX}malformed"
        other = Client(client.session, client.served)
        await other.register()
        assert (await other.post(account["orders"]))["type"] == f"{PREFIX}unauthorized"


def _target(link: str) -> str:
    return link.partition(">")[0].removeprefix("<")
