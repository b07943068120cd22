"""Machines are told of their tenant's realm, and have a key there for as long as they stand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.identity.machines.realm_keys import KerberosServers
from heliostat.identity.options import KerberosOptions
from heliostat.testing.kerberos import KerberosSite, kerberos_site
from heliostat.testing.members import DOMAIN, NAME, OPTIONS, Key, World, joined, made_world

SERVICE = f"host/{NAME}.{DOMAIN}"
SERVED = replace(
    OPTIONS,
    other_urls=("https://[::1]:9000", "https://localhost:9443"),
    kerberos=KerberosOptions(port=88, password_port=464),
)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with made_world(options=SERVED) as made:
        yield made


async def _told(world: World, key: Key, jti: str) -> KerberosServers | None:
    return (await world.machines.refresh(key.assertion(jti=jti), "", "")).kerberos


async def _again(world: World) -> None:
    """Its realm is looked at by the policy of now."""
    world.machines = await world.directories.machines(DOMAIN)


async def test_a_member_is_told_the_realm_and_which_key_it_has(world: World) -> None:
    key = await joined(world)
    assert await _told(world, key, "number 1") is None
    with pytest.raises(HeliostatError, match="KerberosNotEnabled"):
        await world.machines.give_key(key.assertion(jti="number 2"))
    await world.directories.kerberos.enable_realm(DOMAIN)
    told = await _told(world, key, "number 3")
    assert told == KerberosServers(
        realm="ACME.EXAMPLE",
        servers=("localhost:88", "[::1]:88"),
        password_servers=("localhost:464", "[::1]:464"),
        service=SERVICE,
    )
    given = await world.machines.give_key(key.assertion(jti="number 4"))
    assert (given.computer, given.subject, given.service) == (NAME, f"{NAME}$@{DOMAIN}", SERVICE)
    assert b"web-1.acme.example" in given.keytab
    again = await _told(world, key, "number 5")
    assert again is not None
    assert again.key == given.key != ""
    new = await world.machines.give_key(key.assertion(jti="number 6"))
    assert new.key != given.key
    assert given.keytab[2:] in new.keytab, "tickets that are out still open"


async def test_a_realm_that_was_made_anew_is_another(world: World) -> None:
    key = await joined(world)
    kerberos = world.directories.kerberos
    await kerberos.enable_realm(DOMAIN)
    given = await world.machines.give_key(key.assertion(jti="number 1"))
    await kerberos.disable_realm(DOMAIN)
    assert await _told(world, key, "number 2") is None
    await world.clock.advance(1)
    await kerberos.enable_realm(DOMAIN)
    told = await _told(world, key, "number 3")
    assert told is not None
    assert told.key == ""
    assert (await world.machines.give_key(key.assertion(jti="number 4"))).key != given.key


async def test_the_policy_says_whether_machines_have_keys_and_check_passwords(
    world: World,
) -> None:
    key = await joined(world)
    await world.directories.kerberos.enable_realm(DOMAIN)
    await world.machines.give_key(key.assertion(jti="number 0"))
    settings = {"tickets.machines": False, "tickets.log_in": True}
    await world.directories.policies.change_policy(DOMAIN, settings)
    await _again(world)
    told = await _told(world, key, "number 1")
    assert told is not None
    assert (told.service, told.log_in) == ("", True)
    services = (await world.directories.realms.get(DOMAIN)).services
    assert await services.list_services() == [], "what it had counts no longer"
    await services.create_service(SERVICE)
    await _told(world, key, "number 3")
    assert await services.list_services(), "an administrator's is left alone"
    with pytest.raises(HeliostatError) as refused:
        await world.machines.give_key(key.assertion(jti="number 2"))
    assert refused.value.code == "AccessForbidden"


async def test_a_plan_makes_no_key_and_a_deleted_machine_keeps_none(world: World) -> None:
    key = await joined(world)
    await world.directories.kerberos.enable_realm(DOMAIN)
    before = world.store.revision
    planned = await world.machines.give_key(key.assertion(jti="number 1"), plan=True)
    assert (planned.service, planned.key, planned.keytab) == (SERVICE, "", b"")
    assert world.store.revision == before
    await world.machines.give_key(key.assertion(jti="number 2"))
    services = (await world.directories.realms.get(DOMAIN)).services
    assert [each.name for each in await services.list_services()] == [SERVICE]
    await world.machines.dismiss(NAME)
    assert await services.list_services() == []


async def test_a_vm_has_no_key(world: World) -> None:
    await world.directories.kerberos.enable_realm(DOMAIN)
    key = await joined(world)
    directory = await world.directories.of(DOMAIN)
    await directory.change_computer(NAME, project="p-1", vm="v-1")
    assert await _told(world, key, "number 1") is None
    with pytest.raises(HeliostatError, match="AccessForbidden"):
        await world.machines.give_key(key.assertion(jti="number 2"))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[KerberosSite]:
    async with kerberos_site(tmp_path) as served:
        yield served


async def test_a_barred_machine_gets_no_tickets_and_nobody_for_it(site: KerberosSite) -> None:
    """Neither with its key, nor with a ticket that it had."""
    realm = await site.realm()
    host = "host/web-1.heliostat.local"
    await realm.directory.create_computer(NAME)
    made = await realm.services.give_machine(host, NAME)
    path = site.folder / "host.keytab"
    path.write_bytes(made.keytab)
    await realm.services.create_service("HTTP/web.test")
    await site.run("kinit", "-k", "-t", str(path), host)
    await site.run("kvno", host)
    await realm.directory.change_computer(NAME, disabled=True)
    assert "revoked" in await site.refusal("kvno", "HTTP/web.test")
    assert "not found" in await site.refusal("kinit", "-k", "-t", str(path), host)
    await realm.directory.change_computer(NAME, disabled=False)
    await site.run("kvno", "HTTP/web.test")
