"""A check-up of identity tells what is wrong, and only that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from heliostat.cloudstore.contract import Delete, Put
from heliostat.identity.checkup.checkup import Watched
from heliostat.identity.checkup.finding import Area, Finding
from heliostat.identity.checkup.nodes import conflicting, lagging, under_way
from heliostat.identity.openldap.lag import Standing
from heliostat.identity.openldap.node import Node
from heliostat.identity.openldap.nodes import NodeStanding, NodeView
from heliostat.identity.openldap.removals import REMOVED, Removed
from heliostat.identity.tokens.records import Algorithm
from heliostat.testing.members import DOMAIN, NAME, World, joined, made_world
from heliostat.testing.signin import KINDS, PASSWORD, IdentityKit

DAY_S = 86_400


async def findings(kit: IdentityKit) -> list[Finding]:
    return await kit.identity.directories.checkups.findings()


async def test_a_site_in_order_has_no_findings(kit: IdentityKit) -> None:
    own = kit.identity.directory
    await own.create_user("ada", PASSWORD)
    unit = await own.create_unit("engineering")
    await own.create_group("Devs", unit=unit.path)
    await own.add_member("Devs", "ada")
    await kit.identity.tenants.create_tenant("acme.example")
    assert await findings(kit) == []


async def test_a_group_that_names_nobody_is_told(kit: IdentityKit) -> None:
    own = kit.identity.directory
    await own.create_user("ada", PASSWORD)
    await own.create_group("Devs")
    await own.add_member("Devs", "ada")
    await kit.store.commit([], [Delete(KINDS.directory.users.key("ada"))])
    (found,) = await findings(kit)
    assert (found.area, found.message) == (
        Area.DIRECTORY,
        "The group Devs of heliostat.local names user:ada, which is not there.",
    )
    await own.create_user("ada", PASSWORD)
    await own.delete_user("ada")  # as the hint says
    assert await findings(kit) == []


async def test_what_lies_in_a_unit_that_is_gone_is_told(kit: IdentityKit) -> None:
    own = kit.identity.directory
    outer = await own.create_unit("engineering")
    await own.create_unit("engineering/emea")
    await own.create_group("Devs", unit=outer.path)
    (stored,) = [
        each
        for each in await KINDS.directory.units.all(kit.store)
        if each.value.name == "engineering"
    ]
    await kit.store.commit([], [Delete(KINDS.directory.units.key(stored.value.id))])
    assert sorted(each.message for each in await findings(kit)) == [
        "The group Devs of heliostat.local lies in a unit that is not there.",
        "The unit emea of heliostat.local lies in a unit that is not there.",
    ]


async def test_a_document_that_can_not_be_read_hides_nothing_of_other_tenants(
    kit: IdentityKit,
) -> None:
    await kit.identity.tenants.create_tenant("acme.example")
    await kit.store.commit([], [Put(KINDS.directory.users.key("eve"), b"{")])
    sealed, document = await findings(kit)
    assert document.area is Area.STORE
    assert "user/system/eve" in document.message
    assert sealed.message == f"Can't look into what is sealed: {document.message}"


async def test_a_root_that_ends_is_told_half_a_year_before(kit: IdentityKit) -> None:
    (root,) = await kit.identity.authorities.roots.all(0.0)
    left_s = root.certificate.not_valid_after_utc.timestamp() - kit.clock.now_ms() / 1000
    await kit.clock.advance(left_s - 181 * DAY_S)
    assert [each for each in await findings(kit) if each.area is Area.CERTIFICATES] == []
    await kit.clock.advance(2 * DAY_S)
    (found,) = [each for each in await findings(kit) if each.area is Area.CERTIFICATES]
    assert "ends in 179 days" in found.message
    await kit.clock.advance(180 * DAY_S)
    (found,) = [each for each in await findings(kit) if each.area is Area.CERTIFICATES]
    assert "has ended" in found.message


async def test_keys_under_another_seal_are_told(kit: IdentityKit, tmp_path: Path) -> None:
    await kit.identity.keys.signer(Algorithm.ES256)
    (stored,) = await KINDS.tokens.signing_keys.all(kit.store)
    broken = replace(stored.value, sealed=stored.value.sealed[:-8] + "AAAAAAAA")
    await kit.store.commit([], KINDS.tokens.signing_keys.put(broken, stored.value))
    other = kit.restarted(tmp_path / "authority")
    (found,) = [
        each for each in await other.directories.checkups.findings() if each.area is Area.SIGN_IN
    ]
    assert found.message == (
        f"No sealing key here opens what is kept in {KINDS.tokens.signing_keys.key(broken.kid)}."
    )


async def test_sources_and_providers_that_do_not_answer_are_told(kit: IdentityKit) -> None:
    realm = kit.identity.realms.system
    await realm.sources.create_source(
        "corp.example",
        {
            "urls": ["ldaps://127.0.0.1:1"],
            "people_base": "dc=corp,dc=example",
            "groups_base": "dc=corp,dc=example",
            "bind_dn": "cn=reader,dc=corp,dc=example",
            "bind_password": "secret",
        },
    )
    (found,) = await findings(kit)
    assert found.area is Area.DIRECTORY
    assert found.message.startswith(
        "The identity source corp.example of heliostat.local does not work: "
    )
    assert found.hint == (
        "See all steps: `helio identity source probe corp.example --domain heliostat.local`."
    )


async def test_servers_beside_us_tell_their_trouble(kit: IdentityKit) -> None:
    trouble = ["The LDAP server does not run: the port is taken."]
    kit.identity.directories.checkups.watched.append(Watched(lambda: "".join(trouble), "Look."))
    assert await findings(kit) == [Finding(Area.SIGN_IN, trouble[0], "Look.")]
    trouble.clear()
    assert await findings(kit) == []


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with made_world() as made:
        yield made


async def test_a_machine_that_asks_no_more_is_told(world: World) -> None:
    await joined(world)
    checkups = world.directories.checkups
    assert await checkups.findings() == []
    await world.clock.advance(31 * DAY_S)
    (found,) = await checkups.findings()
    assert found.message.startswith(f"The machine {NAME} of {DOMAIN} has not asked for 31 days")
    await (await world.directories.of(DOMAIN)).change_computer(NAME, disabled=True)
    assert await checkups.findings() == []


def _node(*, answers: bool = True, behind_s: float = 0.0, joined: bool = True) -> NodeStanding:
    view = NodeView(
        name="b",
        site="west",
        url="ldaps://b:9636",
        local=False,
        joined=joined,
        created_ms=0,
        number=2,
    )
    return NodeStanding(view, Standing("b", answers, behind_s, 0, "says so"))


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (_node(), []),
        (_node(behind_s=59.0), []),
        (_node(behind_s=61.0), ["The node b says so."]),
        (_node(answers=False), ["The node b says so."]),
        (_node(joined=False), ["The node b is not asked yet: it lacks changes."]),
    ],
)
def test_nodes_are_told_once_they_lag(node: NodeStanding, told: list[str]) -> None:
    assert [each.message for each in lagging([node])] == told


def test_moves_and_conflicts_are_told() -> None:
    assert [*conflicting([]), *under_way("embedded", "", "")] == []
    (conflict,) = conflicting(["uid=ada met", "uid=bob met"])
    assert conflict.message.startswith("2 changes of the last day met another")
    (move,) = under_way("embedded", "openldap", "copying")
    assert move.message == (
        "Everybody moves from embedded to openldap (copying); changes go on meanwhile."
    )
    (move,) = under_way("embedded", "openldap", "closed")
    assert move.message.endswith("nothing can be changed for a moment.")
    assert "`helio identity migrate --to embedded` goes back" in move.hint


async def test_a_removed_server_that_was_not_told_is_a_finding(kit: IdentityKit) -> None:
    left = Removed(node=Node(name="far", number=7, host="far", port=636), removed_ms=1)
    await kit.store.commit([], REMOVED.put(left))
    (found,) = await findings(kit)
    assert found.message.startswith("far at ldaps://far:636 was removed or replaced and does not")
    assert "answers programs from its old copy" in found.message
