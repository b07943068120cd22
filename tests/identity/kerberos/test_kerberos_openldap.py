"""Kerberos for people whose home is OpenLDAP: keys on their entries, one lockout, a node killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from heliostat.identity.openldap.homes import Place
from heliostat.testing.kerberos import TYPED, KerberosSite, kerberos_site
from heliostat.testing.signin import code_of
from heliostat.testing.slapds import free_port

NEW = "quite another staple"
ADA = "uid=ada,ou=people,dc=heliostat,dc=local"
NODES = ("one", "two")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[KerberosSite]:
    async with kerberos_site(tmp_path) as served:
        openldap = served.kit.identity.openldap
        try:
            for name in NODES:
                await openldap.nodes.add_node(name, host="127.0.0.1", port=free_port())
            await _until_joined(served)
            await openldap.mover.move(Place.OPENLDAP)
            yield served
        finally:
            for name in NODES:
                await _kill(served, name)
            await openldap.stop()


async def _until_joined(site: KerberosSite) -> None:
    """Until each node has what the others have."""
    openldap = site.kit.identity.openldap
    for _ in range(300):
        await openldap.members.settle()
        nodes = await openldap.nodes.list_nodes()
        if all(each.joined for each in nodes):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(await openldap.nodes.node_standings())


async def _kill(site: KerberosSite, name: str) -> None:
    """End a node as a power failure would."""
    members = site.kit.identity.openldap.members
    (node,) = [each for each in await members.declared.nodes() if each.name == name]
    pid_file = members.local.folder(node).path / "slapd.pid"
    if pid_file.exists():
        os.kill(int(pid_file.read_text()), signal.SIGKILL)
        pid_file.unlink()


async def test_keys_lockout_and_a_killed_node(site: KerberosSite) -> None:
    directory, members = (await site.realm()).directory, site.kit.identity.openldap.members
    first, second = [members.endpoint(each).url for each in await members.declared.nodes()]

    async def ldap(url: str, password: str) -> str:
        bound = ("ldapwhoami", "-x", "-H", url, "-D", ADA, "-w", password)
        return await (site.run(*bound) if password in (TYPED, NEW) else site.refusal(*bound))

    # one change sets the hash, userPassword and the keys: they are of one entry
    await site.kinit("ada", TYPED)
    await directory.change_password("ada", TYPED, NEW)
    assert "Password incorrect" in await site.refused("ada", TYPED)
    await site.kinit("ada", NEW)
    assert "uid=ada" in await ldap(first, NEW)
    kept = ("ldapsearch", "-LLL", "-Q", "-Y", "EXTERNAL", "-H", first, "-b", ADA, "heliostatRecord")
    assert "heliostatRecord" in await site.run(*kept)
    assert "No such" in await site.refusal("ldapsearch", "-x", "-H", first, "-b", ADA)

    # a ticket opens a node, as whom it is of; of the disabled it does not
    urls = [each.url for each in await site.kit.identity.openldap.nodes.list_nodes()]
    ca = site.folder / "ca.pem"
    await asyncio.to_thread(ca.write_text, site.kit.identity.authority.ca_pem)
    shown = ("env", f"LDAPTLS_CACERT={ca}", "ldapwhoami", "-Q", "-N", "-Y", "GSSAPI", "-H")
    for url in urls:
        assert f"dn:{ADA}" in await site.run(*shown, url)
    await directory.set_disabled("ada", True)
    assert ADA not in await site.run(*shown, urls[0])
    await directory.set_disabled("ada", False)

    # wrong ones at LDAP, at Kerberos and for tokens are one count, on both nodes
    for url in (first, first):
        assert "Invalid credentials" in await ldap(url, "wrong")
    for _ in range(2):
        assert "Password incorrect" in await site.refused("ada", "wrong")
    assert await code_of(directory.authenticate("ada", "wrong")) == "InvalidLoginCredentials"
    assert "revoked" in await site.refused("ada", NEW)
    assert await code_of(directory.authenticate("ada", NEW)) == "InvalidLoginCredentials"
    assert "Invalid credentials" in await site.refusal(
        "ldapwhoami", "-x", "-H", first, "-D", ADA, "-w", NEW
    )
    await directory.unlock_user("ada")
    await site.kinit("ada", NEW)

    # a password that an LDAP program sets on the entry ends the keys of the one before
    other = "set by an LDAP program"
    own = ("ldappasswd", "-x", "-H", first, "-D", ADA, "-w", NEW, "-s", other)
    assert "Insufficient access" in await site.refusal(*own)
    await site.run("ldappasswd", "-Q", "-Y", "EXTERNAL", "-H", first, "-s", other, ADA)
    assert "not found" in await site.refused("ada", NEW)
    await directory.authenticate("ada", other)
    await site.kinit("ada", other)
    await directory.set_password("ada", NEW)

    # one of the two is gone: tickets and changes go on
    await _kill(site, "one")
    await site.kinit("ada", NEW)
    done = await site.run("kpasswd", "ada", stdin=f"{NEW}\n{TYPED}\n{TYPED}\n")
    assert "Password changed" in done
    await site.kinit("ada", TYPED)
    assert "uid=ada" in await ldap(second, TYPED)
