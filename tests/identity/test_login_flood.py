"""A flood of sign-ins, through every door and to many tenants: as many hashes as to one.

Both workers are kept busy by work that waits, so that nobody of the flood can be served:
whoever got past the bound would come to an end, and be seen.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from heliostat.identity.ldap_face.binds import SIMPLE, bind
from heliostat.identity.ldap_face.messages import Request, Verb
from heliostat.identity.passwords.options import HashCost
from heliostat.identity.tokens.token_messages import TokenRequest
from heliostat.testing.signin import OPTIONS, PASSWORD, IdentityKit, code_of, start_identity

AT_ONCE, LINE = 2, 6
COST = HashCost(memory_kib=64, passes=1, lanes=1, concurrency=AT_ONCE, queue=LINE)
DOMAINS = ("heliostat.local", "a.example", "b.example", "c.example")


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[IdentityKit]:
    """Alice in each of four tenants, each with a Kerberos realm."""
    made = await start_identity(tmp_path / "authority", replace(OPTIONS, hashing=COST))
    for domain in DOMAINS:
        if domain != DOMAINS[0]:
            await made.identity.tenants.create_tenant(domain)
        realm = await made.identity.realms.get(domain)
        await realm.kerberos.enable()
        await realm.directory.create_user("alice", PASSWORD)
    yield made
    made.identity.close()
    await made.store.close()


async def by_token(kit: IdentityKit, domain: str, user: str) -> None:
    realm = await kit.identity.realms.get(domain)
    asked = TokenRequest(
        grant_type="password", username=user, password=PASSWORD, scope="rs_heliostat"
    )
    await realm.grants.answer(asked)


async def by_ldap(kit: IdentityKit, domain: str, user: str) -> None:
    dn = f"uid={user},{','.join(f'dc={each}' for each in domain.split('.'))}"
    fields = {"method": SIMPLE, "ssf": "256", "peername": "IP=192.0.2.1:1"}
    asked = Request(Verb.BIND, fields, (f"dn: {dn}",), PASSWORD.encode())
    await bind(kit.identity.realms, asked)


async def by_kerberos(kit: IdentityKit, domain: str, user: str) -> None:
    realm = await kit.identity.realms.get(domain)
    assert await realm.kerberos.keys_of(user, PASSWORD)


Door = Callable[[IdentityKit, str, str], Awaitable[None]]
DOORS: tuple[Door, ...] = (by_token, by_ldap, by_kerberos)


async def test_one_bound_for_every_door_and_tenant(kit: IdentityKit) -> None:
    hashing = kit.identity.directories.hashing
    let_go = threading.Event()
    holding = [asyncio.create_task(hashing.beside(let_go.wait)) for _ in range(AT_ONCE)]
    try:
        flood = [
            asyncio.create_task(code_of(door(kit, domain, user)))
            for _ in range(3)
            for domain in DOMAINS
            for door in DOORS
            for user in ("alice", "nobody")
        ]
        async with asyncio.timeout(20):
            waiting = set(flood)
            while len(waiting) > LINE:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert hashing.under_way == AT_ONCE + LINE
        assert {each.result() for each in flood if each.done()} == {"TooManyRequests"}
    finally:
        let_go.set()
    assert set(await asyncio.gather(*waiting)) <= {"", "InvalidLoginCredentials"}
    await asyncio.gather(*holding)
    assert hashing.under_way == 0


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("user", ["alice", "nobody"])
async def test_every_door_waits_in_the_line(kit: IdentityKit, door: Door, user: str) -> None:
    """None has a way of its own: with the line full, each of them is refused."""
    hashing = kit.identity.directories.hashing
    let_go = threading.Event()
    holding = [asyncio.create_task(hashing.beside(let_go.wait)) for _ in range(AT_ONCE + LINE)]
    await asyncio.sleep(0)
    try:
        for domain in DOMAINS:
            assert await code_of(door(kit, domain, user)) == "TooManyRequests"
    finally:
        let_go.set()
    await asyncio.gather(*holding)
