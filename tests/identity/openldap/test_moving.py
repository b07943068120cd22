"""Everybody moves into OpenLDAP and back: nothing is lost, wherever it is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import ldap
import msgspec
import pytest

from heliostat.cloudstore.contract import Change, Document, Guard, Put
from heliostat.cloudstore.documents import walk
from heliostat.cloudstore.memory import MemoryStore
from heliostat.cloudstore.views import CheckedStore
from heliostat.core.errors import HeliostatError
from heliostat.core.ids import SeededIds
from heliostat.identity.openldap.endpoint import Endpoint
from heliostat.identity.openldap.entries import find
from heliostat.identity.openldap.homes import Phase, Place
from heliostat.identity.openldap.moving import CLEAR_AFTER_S, Mover
from heliostat.identity.openldap.node import Node
from heliostat.identity.openldap.pending import PENDING, Pending, Step
from heliostat.identity.openldap.pool import Pool
from heliostat.identity.openldap.store import DirectoryStore
from heliostat.identity.openldap.tree import Tree
from heliostat.identity.options import DirectoryOptions
from heliostat.testing.account_keys import certificate, p256, pem_of, public_pem
from heliostat.testing.clock import VirtualClock
from heliostat.testing.signin import (
    KINDS,
    OPTIONS,
    OTHER_PASSWORD,
    PASSWORD,
    IdentityKit,
    code_of,
    new_key_pair,
    refresh,
    sign_in,
    start_identity,
)
from heliostat.testing.slapds import Slapds, free_port, slapds

TENANT, ALIKE = "acme.example", "acme-example"
DEAR = "{ARGON2}$argon2id$v=19$m=4194304,t=9,p=1$c29tZXNhbHQ$cGFzc3dvcmRwYXNzd29yZA"
"""A hash that takes gigabytes to compare with."""


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[IdentityKit]:
    made = await start_identity(
        tmp_path / "authority", replace(OPTIONS, directory=DirectoryOptions(port=free_port()))
    )
    yield made
    await made.identity.stop()
    made.identity.close()
    await made.store.close()


async def populate(kit: IdentityKit) -> None:
    """People of two tenants, with everything that a directory holds."""
    _, public = new_key_pair()
    await kit.identity.tenants.create_tenant(TENANT)
    for directory in (kit.identity.directory, await kit.identity.directories.of(TENANT)):
        await directory.create_unit("R & D")
        await directory.create_user(
            "Zoe",
            PASSWORD,
            given_name="  Zoë ",
            family_name='de "la" <Cruz>; ',
            email="zoe@example.org",
            unit="R & D",
        )
        await directory.create_user("alan", PASSWORD)
        await directory.set_disabled("alan", True)
        await directory.create_group("Ops", description=" # odd: \\")
        await directory.create_group("Inner")
        await directory.create_service_account("robot", public, ["Inner"], description="Builds")
        await directory.add_account_key("robot", public_pem(p256()), days=30, title="laptop")
        shown = certificate(p256(), now_ms=kit.clock.now_ms())
        await directory.add_account_certificate("robot", pem_of(shown))
        await directory.change_service_account("robot", disabled=True)
        await directory.add_member("Inner", "zoe")
        await directory.add_member("Ops", "Inner")
        await directory.create_computer("host-1", description="rack 3")


async def content(kit: IdentityKit) -> dict[str, bytes]:
    """All documents of people and groups, as the directory reads them."""
    store = kit.identity.openldap.store
    store.look_again()
    tenants = ["system", *await kit.identity.tenants.ids()]
    kinds = ("user", "group", "client", "unit", "computer")
    prefixes = [f"/v1/{kind}/{tenant}/" for tenant in tenants for kind in kinds]
    return {each.key: each.value for prefix in prefixes async for each in walk(store, prefix)}


async def test_nothing_is_lost_there_and_back(kit: IdentityKit) -> None:
    await populate(kit)
    openldap, directory = kit.identity.openldap, kit.identity.directory
    before, session = await content(kit), await sign_in(kit)
    assert await code_of(openldap.move("openldap")) == "InvalidOperation"  # no node yet
    assert await code_of(openldap.move("elsewhere")) == "InvalidEntity"
    await openldap.nodes.add_node("a", host="127.0.0.1", port=free_port())
    await openldap.move("openldap", plan=True)
    assert (await openldap.home()).place == "embedded"
    await openldap.move("openldap")
    home = await openldap.home()
    assert (home.place, home.moving_to) == ("openldap", "")
    assert sum(each.count for each in home.counts if each.kind == "user") == 6
    assert await content(kit) == before
    # who was signed in still is, passwords are the same, and the disabled stay out
    assert session.refresh_token is not None
    assert (await refresh(kit, session.refresh_token)).access_token
    assert (await directory.authenticate("zoe", PASSWORD)).groups == (
        "heliostat.local\\Inner",
        "heliostat.local\\Ops",
    )
    assert await code_of(directory.authenticate("alan", PASSWORD)) == "InvalidLoginCredentials"
    tenant = await kit.identity.directories.of(TENANT)
    assert (await tenant.authenticate("zoe", PASSWORD)).subject == f"zoe@{TENANT}"
    # what is not people stayed in the store; the old copy goes some minutes later
    assert await kit.store.get(KINDS.directory.clients.key("helio")) is not None
    assert await kit.store.get(KINDS.directory.users.key("zoe")) is not None
    await kit.clock.advance(CLEAR_AFTER_S + 1)
    assert await openldap.maintain() > 0
    assert await kit.store.get(KINDS.directory.users.key("zoe")) is None
    await directory.set_password("zoe", OTHER_PASSWORD)
    await directory.delete_user("alan")
    assert (await directory.authenticate("zoe", OTHER_PASSWORD)).key == "zoe"
    changed = await content(kit)
    await openldap.move("embedded")
    assert await content(kit) == changed
    assert (await directory.authenticate("zoe", OTHER_PASSWORD)).groups
    await kit.clock.advance(CLEAR_AFTER_S + 1)
    assert await openldap.maintain() > 0
    assert await content(kit) == changed
    # a tenant's end takes its subtree away
    await openldap.move("openldap")
    await kit.identity.tenants.delete_tenant(TENANT)
    assert await openldap.store.tree.domains() == []
    # nor does one that ends just after a move leave anybody where they were
    for target in ("embedded", "openldap"):
        await kit.identity.tenants.create_tenant(ALIKE)
        (tenant_id,) = await kit.identity.tenants.ids()
        await openldap.move(target)
        await kit.identity.tenants.delete_tenant(ALIKE)
        await kit.clock.advance(CLEAR_AFTER_S + 1)
        assert await openldap.maintain() > 0
        assert await openldap.store.tree.domains() == []
        assert not [
            each.key async for each in walk(kit.store, "/v1/user/") if tenant_id in each.key
        ]


async def test_people_see_their_own_tenant_and_no_secrets(kit: IdentityKit) -> None:
    await populate(kit)
    openldap = kit.identity.openldap
    await openldap.nodes.add_node("a", host="127.0.0.1", port=free_port())
    await openldap.move("openldap")
    suffix = openldap.store.tree.suffix
    inside = f"o={TENANT},ou=tenants,{suffix}"
    socket = openldap.pool.endpoints[0].url

    def seen(dn: str, base: str = suffix) -> dict[str, dict[str, list[bytes]]]:
        connection = ldap.initialize(socket)
        connection.simple_bind_s(dn, PASSWORD if dn else "")
        try:
            found = connection.search_s(base, ldap.SCOPE_SUBTREE, "(uid=*)", ["*", "memberOf"])
        except ldap.NO_SUCH_OBJECT:
            found = []
        finally:
            connection.unbind_s()
        return dict(found)

    assert await asyncio.to_thread(seen, f"uid=zoe,ou=people,{inside}") == {}
    own = await asyncio.to_thread(seen, f"uid=zoe,ou=people,{inside}", inside)
    assert own.keys() == {
        f"uid={name},ou={unit},{inside}"
        for unit, names in (
            ("people", ("administrator", "alan", "zoe")),
            ("services", ("robot",)),
        )
        for name in names
    }
    site = await asyncio.to_thread(seen, f"uid=zoe,ou=people,{suffix}")
    assert site
    assert not [dn for dn in site if TENANT in dn]
    assert site[f"uid=zoe,ou=people,{suffix}"]["memberOf"] == [
        f"cn=inner,ou=groups,{suffix}".encode(),
        f"cn=ops,ou=groups,{suffix}".encode(),
    ]
    secret = {"userPassword", "heliostatRecord", "pwdHistory"}
    assert not [dn for dn, each in {**own, **site}.items() if secret & each.keys()]
    assert await asyncio.to_thread(seen, "") == {}  # strangers
    assert await asyncio.to_thread(seen, "", inside) == {}
    assert await asyncio.to_thread(seen, f"uid=zoe,ou=people,{suffix}", inside) == {}

    # nor does a tenant whose domain is the same but for a dot
    await kit.identity.tenants.create_tenant(ALIKE)
    await (await kit.identity.directories.of(ALIKE)).create_user("eve", PASSWORD)
    alike = f"o={ALIKE},ou=tenants,{suffix}"
    assert await asyncio.to_thread(seen, f"uid=eve,ou=people,{alike}", alike)
    assert await asyncio.to_thread(seen, f"uid=eve,ou=people,{alike}", inside) == {}

    # nobody writes, not even their own password: the rules for it are not the servers'
    zoe = f"uid=zoe,ou=people,{suffix}"

    def spoil(dn: str, *change: object) -> None:
        connection = ldap.initialize(socket)
        connection.simple_bind_s(zoe, PASSWORD)
        connection.modify_s(dn, [change])

    for dn, change in (
        (f"cn=administrators,ou=groups,{suffix}", (ldap.MOD_ADD, "member", [zoe.encode()])),
        (zoe, (ldap.MOD_REPLACE, "userPassword", [b"a"])),
        (zoe, (ldap.MOD_REPLACE, "userPassword", [DEAR.encode()])),
    ):
        with pytest.raises(ldap.INSUFFICIENT_ACCESS):
            await asyncio.to_thread(spoil, dn, *change)


async def test_people_sign_in_while_everybody_moves(kit: IdentityKit) -> None:
    await populate(kit)
    openldap, directory = kit.identity.openldap, kit.identity.directory
    await openldap.nodes.add_node("a", host="127.0.0.1", port=free_port())
    refused: set[str] = set()
    for target in ("openldap", "embedded"):
        moving = asyncio.create_task(openldap.move(target))
        rounds = 0
        while not moving.done():
            assert (await directory.authenticate("zoe", PASSWORD)).key == "zoe"
            if rounds < 20:
                refused.add(await code_of(directory.create_group(f"During-{target}-{rounds}")))
            rounds += 1
        await moving
        assert rounds > 1
        known = {each.name for each in (await directory.page_groups(limit=200)).items}
        assert sum(each.startswith(f"During-{target}") for each in known) > 0
    assert refused <= {"", "DirectoryMoving"}


async def test_wrong_passwords_count_once_for_all_ways_in(kit: IdentityKit) -> None:
    openldap, directory = kit.identity.openldap, kit.identity.directory
    await openldap.nodes.add_node("a", host="127.0.0.1", port=free_port())
    await openldap.move("openldap")
    await directory.create_user("ada", PASSWORD)
    pool, dn = openldap.pool, f"uid=ada,ou=people,{openldap.store.tree.suffix}"
    refused = "InvalidLoginCredentials"
    assert await code_of(directory.authenticate("ada", "wrong")) == refused
    await directory.password_failed("ada")  # what Kerberos tells
    for _ in range(3):
        assert not await asyncio.to_thread(pool.bind, dn, b"wrong")  # at an LDAP port
    assert not await asyncio.to_thread(pool.bind, dn, PASSWORD.encode())
    assert await code_of(directory.authenticate("ada", PASSWORD)) == refused
    assert not await directory.password_proven("ada")
    await directory.unlock_user("ada")
    assert (await directory.authenticate("ada", PASSWORD)).key == "ada"
    # another LDAP program sets a password: the sessions of before end
    stamp = (await directory.authenticate("ada", PASSWORD)).stamp

    def by_themselves(connection: object) -> None:
        connection.passwd_s(dn, None, OTHER_PASSWORD)  # type: ignore[attr-defined]

    await pool.run(by_themselves)
    person = await directory.authenticate("ada", OTHER_PASSWORD)
    assert person.stamp != stamp


async def test_nodes_lock_by_the_policy_also_where_nobody_asks_for_tokens(kit: IdentityKit) -> None:
    openldap, directory = kit.identity.openldap, kit.identity.directory
    domain = directory.options.domain
    await openldap.nodes.add_node("a", host="127.0.0.1", port=free_port())
    for name in ("ada", "bob"):
        await directory.create_user(name, PASSWORD)
    await kit.identity.policies.change_policy(domain, {"lockout.failures": 3})
    await openldap.move("openldap")
    await kit.identity.forget()  # as every minute
    assert await _guessed(kit, "ada") == 3
    # a change counts there at once
    await kit.identity.policies.change_policy(domain, {"lockout.failures": 2})
    assert await _guessed(kit, "bob") == 2


async def _guessed(kit: IdentityKit, name: str) -> int:
    """How many wrong passwords a node takes until it locks."""
    openldap, locked = kit.identity.openldap, "pwdAccountLockedTime"
    dn = f"uid={name},ou=people,{openldap.store.tree.suffix}"
    for number in range(1, 10):
        assert not await asyncio.to_thread(openldap.pool.bind, dn, b"wrong")
        found = await openldap.pool.run(lambda at: find(at, dn, locked))
        if found is not None and found.is_locked:
            assert not await asyncio.to_thread(openldap.pool.bind, dn, PASSWORD.encode())
            return number
    return 0


class Died(BaseException):
    """The process ended here."""


class Life:
    """A process that ends at its n-th change, before it or after it."""

    def __init__(self, ends_at: int, *, done: bool) -> None:
        self._left, self._done = ends_at, done
        self.ended = False

    def begins(self) -> None:
        if self.ended:
            raise Died
        self._left -= 1
        if self._left == 0 and not self._done:
            self.ended = True
            raise Died

    def is_done(self) -> None:
        if self._left == 0:
            self.ended = True
            raise Died


class DyingStore(CheckedStore):
    def __init__(self, store: MemoryStore, life: Life) -> None:
        super().__init__(store)
        self.life = life

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        self.life.begins()
        revision = await super().commit(guards, changes)
        self.life.is_done()
        return revision


class DyingTree(Tree):
    life: Life

    async def apply(self, steps: Sequence[Step], only_at: str = "") -> bool:
        self.life.begins()
        applied = await super().apply(steps, only_at)
        self.life.is_done()
        return applied


async def _emptied(site: Slapds) -> None:
    connection = site.connect("a")
    try:
        found = connection.search_s(site.suffix, ldap.SCOPE_SUBTREE, "(objectClass=*)", ["1.1"])
    except ldap.NO_SUCH_OBJECT:
        found = []
    for dn in sorted((dn for dn, _ in found), key=lambda dn: -dn.count(",")):
        connection.delete_s(dn)
    connection.unbind_s()


@pytest.mark.slow
@pytest.mark.takes(25)
async def test_a_move_that_is_cut_off_goes_on_or_is_undone(tmp_path: Path) -> None:
    async with slapds(tmp_path / "s", "heliostat.local") as site:
        node = Node(name="a", number=1, host="127.0.0.1", port=free_port())
        server = await site.start(await site.config(node))
        kit = await start_identity(tmp_path / "authority")
        await populate(kit)
        original = await content(kit)
        at_first = [each async for each in walk(kit.store, "/")]
        await kit.identity.stop()
        kit.identity.close()
        endpoint = Endpoint("a", server.folder.socket_url, "default")
        rounds = 0
        for source in (Place.EMBEDDED, Place.OPENLDAP):
            for done in (False, True):
                for ends_at in range(1, 100):
                    await _emptied(site)
                    rounds += 1
                    if not await _round(at_first, original, endpoint, source, ends_at, done):
                        break
        assert rounds > 30


async def _round(
    at_first: Sequence[Document],
    original: dict[str, bytes],
    endpoint: Endpoint,
    source: Place,
    ends_at: int,
    done: bool,
) -> bool:
    """A move out of ``source`` that dies once; whether it did."""
    clock = VirtualClock()
    beneath = MemoryStore(clock)
    target = Place.OPENLDAP if source is Place.EMBEDDED else Place.EMBEDDED
    life = Life(10_000, done=done)
    pool = Pool(clock, "default")
    pool.set_endpoints([endpoint])
    tree = DyingTree(pool, "dc=heliostat,dc=local")
    tree.life = life
    store = DirectoryStore(DyingStore(beneath, life), clock, SeededIds(2), tree)
    for each in at_first:
        await _put(beneath, each)
    if source is Place.OPENLDAP:
        await Mover(store, clock).move(Place.OPENLDAP)
    tree.life = store.beneath.life = mortal = Life(ends_at, done=done)  # type: ignore[attr-defined]
    died = False
    try:
        await Mover(store, clock).move(target)
    except Died:
        died = True
    assert died == mortal.ended
    # the next process of this controller
    again = DirectoryStore(beneath, clock, SeededIds(3), Tree(pool, tree.suffix))
    mover = Mover(again, clock)
    await mover.open_again()
    home = await mover.home()
    assert home.phase is not Phase.CLOSED
    goal = target if ends_at % 2 else source
    await mover.move(goal)
    home = await mover.home()
    assert (home.place, home.phase) == (goal, None)
    found: dict[str, bytes] = {}
    for prefix in {key.rpartition("/")[0] + "/" for key in original}:
        found |= {each.key: each.value async for each in walk(again, prefix)}
    assert found == original
    user = await KINDS.directory.users.get(again, "zoe")
    assert user is not None
    await again.commit(
        [KINDS.directory.users.guard(user)], KINDS.directory.users.put(user.value, user.value)
    )
    pool.close()
    await beneath.close()
    return died


async def _put(store: MemoryStore, document: Document) -> None:
    if not document.key.startswith("/lease/"):
        await store.commit([], [Put(document.key, document.value)])


async def test_a_change_that_is_cut_off_is_carried_out_by_the_next(tmp_path: Path) -> None:
    async with slapds(tmp_path / "s", "heliostat.local") as site:
        node = Node(name="a", number=1, host="127.0.0.1", port=free_port())
        server = await site.start(await site.config(node))
        kit = await start_identity(tmp_path / "authority")
        clock, pool = kit.clock, Pool(kit.clock, "default")
        pool.set_endpoints([Endpoint("a", server.folder.socket_url, "default")])
        tree = DyingTree(pool, site.suffix)
        tree.life = Life(10_000, done=False)
        store = DirectoryStore(kit.store, clock, SeededIds(2), tree)
        await Mover(store, clock).move(Place.OPENLDAP)
        user = await KINDS.directory.users.get(store, "administrator")
        assert user is not None
        tree.life = Life(1, done=False)
        renamed = msgspec.structs.replace(user.value, given_name="Later")
        with pytest.raises(Died):
            await store.commit(
                [KINDS.directory.users.guard(user)], KINDS.directory.users.put(renamed, user.value)
            )
        left = await PENDING.get(kit.store, Pending.ID)
        assert left is not None
        assert left.value.steps
        again = DirectoryStore(kit.store, clock, SeededIds(3), Tree(pool, site.suffix))
        await again.recover()
        seen = await KINDS.directory.users.get(again, "administrator")
        assert seen is not None
        assert seen.value.given_name == "Later"
        # two writers that read the same: one of them is told so
        changes = [KINDS.directory.users.put(renamed, seen.value) for _ in range(2)]
        done = await asyncio.gather(
            *(again.commit([KINDS.directory.users.guard(seen)], each) for each in changes),
            return_exceptions=True,
        )
        assert sum(isinstance(each, HeliostatError) for each in done) <= 1
        with pytest.raises(HeliostatError):
            await again.commit([KINDS.directory.users.absent("administrator")], changes[0])
        # programs' clients are documents beside entries of the same kind, and as well guarded
        client = await KINDS.directory.clients.get(again, "helio")
        assert client is not None
        titled = [msgspec.structs.replace(client.value, title=each) for each in ("One", "Two")]
        for each, expected in zip(titled, ("", "GuardFailed"), strict=True):
            put = KINDS.directory.clients.put(each, client.value)
            assert (
                await code_of(again.commit([KINDS.directory.clients.guard(client)], put))
                == expected
            )
        raced = await KINDS.directory.clients.get(again, "helio")
        assert raced is not None
        guard = KINDS.directory.clients.guard(raced)
        assert await again._lies_beneath(guard)
        # while the end of a move is made, nothing changes
        mover = Mover(again, clock)
        await mover._to_phase(Place.EMBEDDED, Phase.CLOSED)
        assert await code_of(again.commit([], changes[0])) == "DirectoryMoving"
        assert await KINDS.directory.users.get(again, "administrator") is not None
        await mover.open_again()
        # what was decided and not carried out moves, too
        seen = await KINDS.directory.users.get(store, "administrator")
        assert seen is not None
        last = msgspec.structs.replace(seen.value, given_name="Last")
        tree.life = Life(1, done=False)
        with pytest.raises(Died):
            await store.commit(
                [KINDS.directory.users.guard(seen)], KINDS.directory.users.put(last, seen.value)
            )
        tree.life = Life(10_000, done=False)
        await Mover(store, clock).move(Place.EMBEDDED)
        moved = await KINDS.directory.users.get(kit.store, "administrator")
        assert moved is not None
        assert moved.value == last
        pool.close()
        kit.identity.close()
        await kit.store.close()
