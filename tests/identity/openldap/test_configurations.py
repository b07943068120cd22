"""Nodes that an earlier version prepared are configured as this one does, or stay as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import ldap
import pytest

from heliostat.cloudstore.memory import MemoryStore
from heliostat.core.clock import SystemClock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import SystemIds
from heliostat.identity.openldap.config import DATA, DISABLED
from heliostat.identity.openldap.configurations import CURRENT, UNKNOWN, ToldUpdate
from heliostat.identity.openldap.configuring import carry_out
from heliostat.identity.openldap.drift import Drift, drift
from heliostat.identity.openldap.ldif import Entry
from heliostat.identity.options import DirectoryOptions
from heliostat.identity.passwords.options import HashCost
from heliostat.identity.site import Identity
from heliostat.testing.signin import OPTIONS, PASSWORD
from heliostat.testing.slapds import free_port

SCHEMA = "cn={5}heliostat,cn=schema,cn=config"
EARLIER = [b"{0}to attrs=userPassword by anonymous auth by * none", b"{1}to * by * read"]


@pytest.fixture
async def identity(tmp_path: Path) -> AsyncIterator[Identity]:
    clock = SystemClock()
    store = MemoryStore(clock)
    options = replace(OPTIONS, directory=DirectoryOptions(kind="openldap", port=free_port()))
    made = Identity(store, clock, SystemIds(), options, authority_folder=tmp_path / "authority")
    assert await made.start()
    yield made
    await made.stop()
    made.close()
    await store.close()


async def configured(identity: Identity, work: Any) -> Any:
    """Something done to the first node's configuration, as its owner."""
    openldap = identity.openldap
    node = (await openldap.members.declared.stored("first")).value
    return await openldap.pool.run_at(openldap.members.endpoint(node), work)


def values(dn: str, attribute: str) -> Any:
    return lambda connection: connection.search_s(dn, ldap.SCOPE_BASE)[0][1].get(attribute)


def earlier(connection: Any) -> None:
    """As a version wrote it that knew fewer rules, no memberOf and no SSH keys."""
    index = (ldap.MOD_REPLACE, "olcDbIndex", [b"objectClass eq", b"title eq"])
    rules = (ldap.MOD_REPLACE, "olcAccess", EARLIER)
    connection.modify_s(DATA, [rules, index, (ldap.MOD_DELETE, "olcLimits", None)])
    connection.modify_s("cn=config", [(ldap.MOD_REPLACE, "olcIdleTimeout", [b"5"])])
    connection.delete_s(f"olcOverlay={{3}}dynlist,{DATA}")
    classes = connection.search_s(SCHEMA, ldap.SCOPE_BASE)[0][1]["olcObjectClasses"]
    connection.modify_s(SCHEMA, [(ldap.MOD_DELETE, "olcObjectClasses", [classes[1]])])


def test_only_what_we_write_is_compared() -> None:
    wanted = [
        Entry("cn=config", {"olcThreads": ["8"], "olcServerID": ["1"]}),
        Entry("olcDatabase={1}mdb,cn=config", {"olcDbIndex": ["uid eq"], "olcAccess": ["{0}a"]}),
        Entry("olcOverlay={0}sync,olcDatabase={1}mdb,cn=config", {"olcX": ["b", "a"]}),
        Entry("cn=module,cn=config", {"olcModuleLoad": ["back_mdb", "argon2 m=2"]}),
    ]
    there = {
        "cn=config": {"olcThreads": [b"8"], "olcServerID": [b"7"], "olcOther": [b"x"]},
        "olcDatabase={1}mdb,cn=config": {
            "olcDbIndex": [b"title eq", b"uid eq"],
            "olcAccess": [b"{0}a"],
        },
        "olcOverlay={4}sync,olcDatabase={1}mdb,cn=config": {"olcX": [b"a", b"b"]},
        "cn=module{0},cn=config": {"olcModuleLoad": [b"{0}back_mdb", b"{1}argon2 m=2"]},
    }
    assert drift(there, wanted) == []
    there["olcDatabase={1}mdb,cn=config"]["olcAccess"] = [b"{0}b", b"{1}a"]
    there["cn=module{0},cn=config"]["olcModuleLoad"] = [b"{0}argon2 m=1"]
    del there["olcOverlay={4}sync,olcDatabase={1}mdb,cn=config"]
    found = drift(there, wanted)
    assert [(each.words, each.anew) for each in found] == [
        ("olcAccess of olcDatabase={1}mdb", False),
        ("all of olcOverlay={0}sync,olcDatabase={1}mdb", False),
        ("olcModuleLoad of cn=module{0}", False),
        ("olcModuleLoad of cn=module{0}", True),
    ]
    assert found[2].new == (b"back_mdb",)


async def test_an_earlier_node_is_brought_up_to_date(identity: Identity) -> None:
    openldap, told = identity.openldap, list[ToldUpdate]()
    configurations = openldap.configurations

    async def tell(each: ToldUpdate) -> None:
        told.append(each)

    configurations.tell = tell
    assert (await openldap.nodes.get_node("first")).configuration == UNKNOWN
    assert await configurations.plan() == {"first": []}
    await configurations.update()
    assert told == []  # what this version made is as this version makes it
    assert (await openldap.nodes.list_nodes())[0].configuration == CURRENT

    await configured(identity, earlier)
    await identity.directory.create_user("ada", PASSWORD)
    planned = (await configurations.plan())["first"]
    assert await configured(identity, values(DATA, "olcAccess")) == EARLIER  # planned, not done
    await configurations.update()
    assert list(told[0].changed) == planned
    assert {each.partition(" ")[0] for each in planned} == {
        "olcIdleTimeout", "olcObjectClasses", "olcDbIndex", "olcLimits", "olcAccess", "all",
    }  # fmt: skip
    assert await configurations.plan() == {"first": []}
    rules = await configured(identity, values(DATA, "olcAccess"))
    assert any(DISABLED.encode() in each for each in rules)
    assert b"title eq" in await configured(identity, values(DATA, "olcDbIndex"))  # others' stays
    await configurations.update()
    assert len(told) == 1
    # and it works so: who is disabled is let in nowhere
    dn = f"uid=ada,ou=people,{openldap.store.tree.suffix}"
    assert await asyncio.to_thread(openldap.pool.bind, dn, PASSWORD.encode())
    await identity.directory.set_disabled("ada", True)
    assert not await asyncio.to_thread(openldap.pool.bind, dn, PASSWORD.encode())


async def test_a_node_that_refuses_has_what_it_had(identity: Identity) -> None:
    openldap, told = identity.openldap, list[ToldUpdate]()
    configurations = openldap.configurations

    async def tell(each: ToldUpdate) -> None:
        told.append(each)

    def spoilt(connection: Any) -> None:
        """Somebody's own attribute has the name of ours."""
        connection.modify_s("cn=config", [(ldap.MOD_REPLACE, "olcIdleTimeout", [b"5"])])
        held = connection.search_s(SCHEMA, ldap.SCOPE_BASE)[0][1]["olcObjectClasses"]
        connection.modify_s(SCHEMA, [(ldap.MOD_DELETE, "olcObjectClasses", [held[1]])])
        held = connection.search_s(SCHEMA, ldap.SCOPE_BASE)[0][1]["olcAttributeTypes"]
        connection.modify_s(SCHEMA, [(ldap.MOD_DELETE, "olcAttributeTypes", [held[3]])])
        other = b"( 2.5.4.999 NAME 'sshPublicKey' SUP name )"
        connection.modify_s(SCHEMA, [(ldap.MOD_ADD, "olcAttributeTypes", [other])])

    configurations.tell = tell
    await configured(identity, spoilt)
    await configurations.update()
    assert [each.error.code for each in told if each.error] == ["DirectoryNodeFailed"]
    assert await configured(identity, values("cn=config", "olcIdleTimeout")) == [b"5"]
    shown = (await openldap.nodes.get_node("first")).configuration
    assert shown.startswith("of an earlier version: first does not take the schema")
    await configurations.update()
    assert len(told) == 1  # nor is it asked again and again


async def test_what_was_changed_before_a_refusal_is_changed_back(identity: Identity) -> None:
    node = (await identity.openldap.members.declared.stored("first")).value
    rules = await configured(identity, values(DATA, "olcAccess"))
    overlay = f"olcOverlay={{4}}dynlist,{DATA}"
    asked = [
        Drift("cn=config", "olcIdleTimeout", (b"600",), (b"7",)),
        Drift(DATA, "olcAccess", tuple(rules), tuple(EARLIER)),
        Drift(DATA, "olcDbIndex", (), (b"title eq",)),
        Drift(overlay, entry=Entry(overlay, {"objectClass": ["olcNothing"]})),
    ]

    def refused(connection: Any) -> str:
        with pytest.raises(PermanentError) as caught:
            carry_out(connection, node, asked)
        return caught.value.code

    assert await configured(identity, refused) == "DirectoryNodeFailed"
    assert await configured(identity, values(DATA, "olcAccess")) == rules
    assert await identity.openldap.configurations.plan() == {"first": []}


async def test_what_a_running_server_can_not_take_is_said(identity: Identity) -> None:
    configurations = identity.openldap.configurations
    configurations._hashing = HashCost(memory_kib=65, passes=1, lanes=1)
    await configurations.update()
    assert "made anew" in (await identity.openldap.nodes.get_node("first")).configuration
