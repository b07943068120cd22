"""Several nodes: added, told about, lost, replaced and removed; what each promises meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ldap
import msgspec
import pytest

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.cloudstore.memory import MemoryStore
from heliostat.cloudstore.views import CheckedStore
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError
from heliostat.core.ids import SystemIds
from heliostat.identity.openldap import agreement, conflicts
from heliostat.identity.openldap import members as members_module
from heliostat.identity.openldap.agreement import differing
from heliostat.identity.openldap.bundle import unpacked
from heliostat.identity.openldap.config import LOG_SUFFIX
from heliostat.identity.openldap.dismissal import dismiss, is_dismissed
from heliostat.identity.openldap.endpoint import Endpoint
from heliostat.identity.openldap.lag import Seen, standings
from heliostat.identity.openldap.nodes import Nodes
from heliostat.identity.openldap.pool import Pool
from heliostat.identity.openldap.renewal import NodeRenewal, entry_of, read
from heliostat.identity.openldap.slapd import Folder, Slapd, prepare_node, start
from heliostat.identity.options import DirectoryOptions
from heliostat.identity.site import Identity
from heliostat.testing.clock import VirtualClock
from heliostat.testing.signin import OPTIONS, OTHER_PASSWORD, PASSWORD, code_of
from heliostat.testing.slapds import free_port, rewrite

PATIENCE_S = 300.0
"""Only what never comes takes so long: on a machine with other work replication has its time."""
SELDOM_S = 0.5


@pytest.fixture
async def identity(tmp_path: Path) -> AsyncIterator[Identity]:
    """A site whose people are in OpenLDAP from the first start, on one node."""
    clock = SystemClock()
    store = MemoryStore(clock)
    options = replace(OPTIONS, directory=DirectoryOptions(kind="openldap", port=free_port()))
    made = Identity(store, clock, SystemIds(), options, authority_folder=tmp_path / "authority")
    assert await made.start()
    yield made
    await made.stop()
    made.close()
    await store.close()


async def eventually(what: Callable[[], Awaitable[bool]]) -> None:
    """Return once it is so; asked ever more seldom, since asking keeps the nodes busy, too."""
    pause_s = 0.02
    async with asyncio.timeout(PATIENCE_S):
        while not await what():  # other processes are waited for
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, SELDOM_S)


async def joined(identity: Identity, name: str) -> bool:
    await identity.openldap.members.settle()
    return (await identity.openldap.nodes.get_node(name)).joined


async def everywhere(identity: Identity) -> bool:
    return all(
        each.standing.answers and each.standing.words == "has every change"
        for each in await identity.openldap.nodes.node_standings()
    )


async def has(identity: Identity, node: str, uid: str) -> bool:
    """Whether the node itself has the person."""
    members = identity.openldap.members
    endpoint = members.endpoint((await members.declared.stored(node)).value)
    wanted = f"uid={uid},ou=people,{identity.openldap.store.tree.suffix}"

    def look(connection: object) -> bool:
        try:
            connection.search_s(wanted, ldap.SCOPE_BASE)  # type: ignore[attr-defined]
        except ldap.NO_SUCH_OBJECT:
            return False
        return True

    return await identity.openldap.pool.run_at(endpoint, look)


def test_who_is_behind_is_told_in_words() -> None:
    def csn(second: int, number: int) -> str:
        return f"202611220000{second:02}.500000Z#000000#{number:03x}#000000"

    told = standings(
        [
            Seen("a", 1, (csn(10, 1), csn(7, 2), csn(59, 9))),  # number 9 was removed
            Seen("b", 2, (csn(4, 1), csn(7, 2))),
            Seen("c", 3, ()),
            Seen("d", 4, None, "connection refused"),
        ]
    )
    assert [each.behind_s for each in told] == [0.0, 6.0, 0.0, 0.0]
    assert told[0].words == "has every change"
    assert told[1].words == (
        "is behind: of a it has all until 2026-11-22 00:00:04.500 UTC, "
        "the last is of 2026-11-22 00:00:10.500 UTC"
    )
    assert told[1].since_ms == 1_795_305_604_500
    assert told[2].words == "is behind: of a it has nothing yet, of b it has nothing yet"
    assert told[3].words == "does not answer: connection refused"
    assert not told[3].answers


def test_copies_are_compared_with_what_decides_who_gets_in() -> None:
    def copy(csn: str, **more: bytes) -> dict[str, dict[str, tuple[bytes, ...]]]:
        same = {"uid": (b"ada",), "entryUUID": (b"1",), "createTimestamp": (csn.encode(),)}
        stamped = {**same, "entryCSN": (csn.encode(),)}
        return {"uid=ada": {**stamped, **{name: (each,) for name, each in more.items()}}}

    plain = copy("20261122000001")
    assert differing({1: plain, 2: copy("20261122000002")}, before="2027") == []
    locked = copy("20261122000000", pwdAccountLockedTime=b"x")
    (found,) = differing({1: plain, 2: locked}, before="2027")
    assert (found.winner, found.attributes) == (1, ("pwdAccountLockedTime",))
    assert not found.is_another
    other = copy("20261122000000", entryUUID=b"2")
    (found,) = differing({1: plain, 2: other, 3: plain}, before="2027")
    assert found.is_another
    told = agreement.told(found, {1: "a", 2: "b", 3: "c"}, deleted=False)
    assert told.startswith("uid=ada is one entry at a and another one at b: make that node anew")


def test_nodes_of_the_own_site_are_asked_first() -> None:
    pool = Pool(SystemClock(), "east")
    west, east = (Endpoint(each, f"ldaps://{each}:1", each) for each in ("west", "east"))
    here = Endpoint("here", "ldapi://x", "west")
    pool.set_endpoints([west, here, east])
    assert pool.preferred() == [east, here, west]


@pytest.mark.slow
@pytest.mark.takes(12)
async def test_nodes_come_fail_are_replaced_and_go(identity: Identity) -> None:
    openldap, directory = identity.openldap, identity.directory
    nodes, members = openldap.nodes, openldap.members
    await directory.create_user("early", PASSWORD)
    for name, site in (("b", "default"), ("c", "east")):
        await nodes.add_node(name, host="127.0.0.1", port=free_port(), site=site)
        await eventually(lambda name=name: joined(identity, name))  # type: ignore[misc]
        assert await has(identity, name, "early")
    assert await code_of(nodes.add_node("b", host="h", port=1)) == "NameTaken"
    assert await code_of(nodes.add_node("B!", host="h", port=1)) == "InvalidName"
    assert await code_of(nodes.add_node("d", host="h h", port=1)) == "InvalidEntity"
    await directory.create_user("later", PASSWORD)
    for name in ("first", "b", "c"):
        await eventually(lambda name=name: has(identity, name, "later"))  # type: ignore[misc]
    await eventually(lambda: everywhere(identity))
    # the node that is asked dies: signing in and changing go on with another one
    asked = openldap.pool.preferred()[0].name
    await members.local.running[asked].kill()
    assert (await directory.authenticate("later", PASSWORD)).key == "later"
    await directory.set_password("later", OTHER_PASSWORD)
    dead = next(each for each in await nodes.node_standings() if each.node.name == asked).standing
    assert not dead.answers
    await members.settle()  # it is started again, and catches up
    await eventually(lambda: everywhere(identity))
    # five wrong passwords, some at each node, lock everywhere
    suffix = openldap.store.tree.suffix
    for number in range(5):
        endpoint = openldap.pool.endpoints[number % 3]
        dn = f"uid=early,ou=people,{suffix}"
        assert not await asyncio.to_thread(openldap.pool._bind, endpoint, dn, b"wrong")
        await eventually(lambda: everywhere(identity))  # a guess counts once it has got there
    for endpoint in openldap.pool.endpoints:
        right = PASSWORD.encode()
        assert not await asyncio.to_thread(openldap.pool._bind, endpoint, dn, right)
    # replaced: another number, empty, copies everything
    before = (await nodes.get_node("c")).number
    await nodes.replace_node("c")
    await eventually(lambda: joined(identity, "c"))
    assert (await nodes.get_node("c")).number != before
    assert await has(identity, "c", "later")
    await directory.create_user("last", PASSWORD)
    for name in ("first", "b", "c"):
        await eventually(lambda name=name: has(identity, name, "last"))  # type: ignore[misc]
    for name in ("first", "b"):
        await nodes.remove_node(name)
    assert [each.name for each in await nodes.list_nodes()] == ["c"]
    assert (await directory.authenticate("last", PASSWORD)).key == "last"
    assert await code_of(nodes.remove_node("c")) == "InvalidOperation"
    assert await code_of(nodes.remove_node("b")) == "DirectoryNodeNotFound"
    assert len(members.local.running) == 1


class Beaten(CheckedStore):
    """Somebody else commits just before the first commit."""

    def __init__(self, store: CloudStore, first: Callable[[], Awaitable[object]]) -> None:
        super().__init__(store)
        self._first = [first]

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        while self._first:
            await self._first.pop()()
        return await super().commit(guards, changes)


async def test_two_nodes_agree_and_one_of_them_stays(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    openldap, directory = identity.openldap, identity.directory
    nodes, members = openldap.nodes, openldap.members
    openldap.comparing.settled_s = -PATIENCE_S
    monkeypatch.setattr(conflicts, "MOST", 1)  # a busy day: the log of it is not read whole
    assert await openldap.comparing.agree() == []
    await nodes.add_node("b", host="127.0.0.1", port=free_port())
    await eventually(lambda: joined(identity, "b"))
    for name in ("ada", "gone"):
        await directory.create_user(name, PASSWORD)
    await directory.delete_user("gone")
    await eventually(lambda: everywhere(identity))
    assert await openldap.comparing.agree() == []
    # behind the back of replication one node gets another value, and somebody who was deleted
    server = members.local.running["b"]
    node_b = members.endpoint((await members.declared.stored("b")).value)
    await server.stop()
    people = f"ou=people,{openldap.store.tree.suffix}"
    ada = f"uid=ada,{people}"
    rewritten(server, ada)
    await members.settle()
    told = await openldap.comparing.agree()
    assert len(told) == 2
    assert told[0].startswith(f"uid=ada,{people}: description, pwdAccountLockedTime differed")
    assert told[1].endswith("it had been deleted and was again.")
    await eventually(lambda: everywhere(identity))
    right = PASSWORD.encode()
    assert await asyncio.to_thread(openldap.pool._bind, node_b, ada, right)  # locked nowhere
    assert not await has(identity, "b", "gone")
    assert not await has(identity, "first", "gone")
    assert await openldap.comparing.agree() == []
    # everybody is at one of them: two people who take out one each take out one
    beaten = Beaten(openldap.store.beneath, lambda: nodes.remove_node("b"))
    racing = Nodes(beaten, SystemClock(), members, identity.options.domain)
    assert await code_of(racing.remove_node("first")) == "InvalidOperation"
    assert (await directory.authenticate("ada", PASSWORD)).key == "ada"


def rewritten(server: Slapd, ada: str) -> None:
    """One person is changed and locked, and there is one too many."""
    changed = "description: wrong\npwdAccountLockedTime: 000001010000Z\n"
    gone = (
        f"dn: {ada.replace('uid=ada', 'uid=gone')}\nobjectClass: inetOrgPerson\n"
        "uid: gone\ncn: gone\nsn: gone\ncreateTimestamp: 20260101000000Z\n"
        "entryCSN: 20260101000000.000000Z#000000#001#000000\n"
    )
    rewrite(
        server.folder, lambda copy: copy.replace(f"dn: {ada}\n", f"dn: {ada}\n{changed}") + gone
    )


async def test_nobody_moves_from_a_node_that_lacks_changes(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    openldap = identity.openldap
    await openldap.nodes.add_node("b", host="127.0.0.1", port=free_port())
    await eventually(lambda: joined(identity, "b"))
    await openldap.members.local.running["first"].kill()
    monkeypatch.setattr(members_module, "SETTLED_S", 0.0)
    assert await code_of(openldap.move("embedded")) == "DirectoryUnavailable"
    assert (await openldap.home()).place == "openldap"
    await openldap.members.settle()
    await eventually(lambda: everywhere(identity))
    await openldap.move("embedded")
    assert (await openldap.home()).place == "embedded"


async def test_a_controller_starts_when_no_node_answers(identity: Identity, tmp_path: Path) -> None:
    openldap = identity.openldap
    await identity.directory.create_user("ada", PASSWORD)
    await identity.stop()
    unreachable = "DirectoryUnavailable"
    assert await code_of(identity.directory.get_user("ada")) == unreachable
    assert await code_of(identity.directory.authenticate("ada", PASSWORD)) == unreachable
    assert await code_of(identity.directory.create_group("Ops")) == unreachable
    standing = (await openldap.nodes.node_standings())[0].standing
    assert not standing.answers
    # its port is somebody else's now, so it can't be started
    taken = socket.create_server(("127.0.0.1", identity.options.directory.port))
    again = Identity(
        openldap.store.beneath,
        SystemClock(),
        SystemIds(),
        identity.options,
        authority_folder=tmp_path / "authority",
    )
    assert await again.start() is None
    assert await code_of(again.directory.get_user("ada")) == unreachable
    taken.close()
    await again.openldap.members.settle()
    assert (await again.directory.authenticate("ada", PASSWORD)).key == "ada"
    await again.stop()
    again.close()


async def test_a_node_of_another_machine_is_made_from_its_bundle(
    identity: Identity, tmp_path: Path
) -> None:
    nodes = identity.openldap.nodes
    node, bundle = await nodes.add_node(
        "far", host="127.0.0.1", port=free_port(), site="west", local=False
    )
    assert not node.joined
    file = tmp_path / "far.node"
    file.write_text(bundle)
    command = ["-m", "heliostat.cli.main", "directory-node", str(file)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        "--folder",
        str(tmp_path / "far"),
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "HELIO_HOME": str(tmp_path / "home")},
    )
    try:
        await eventually(lambda: joined(identity, "far"))
        await identity.directory.create_user("ada", PASSWORD)
        await eventually(lambda: has(identity, "far", "ada"))
        # without a certificate of ours nobody copies, however the connection is made
        plain = ldap.initialize(node.url)
        plain.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_NEVER)
        plain.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        with pytest.raises(ldap.LDAPError):
            plain.sasl_non_interactive_bind_s("EXTERNAL")
        plain.unbind_s()
        # removed, its certificate opens nothing, also where it was shown before
        far = tmp_path / "far" / "far-2" / "tls"
        shown = await asyncio.to_thread(shown_link, identity, far)
        both = (identity.openldap.store.tree.suffix, LOG_SUFFIX)
        for base in both:
            assert shown.search_s(base, ldap.SCOPE_SUBTREE, "(objectClass=*)", ["1.1"])
        before = ldap.initialize(node.url)
        trusted(before, far)
        who = f"uid=ada,ou=people,{identity.openldap.store.tree.suffix}"
        await asyncio.to_thread(before.simple_bind_s, who, PASSWORD)
        await nodes.remove_node("far")
        again = await asyncio.to_thread(shown_link, identity, far)
        for base, connection in itertools.product(both, (shown, again)):
            with pytest.raises(ldap.NO_SUCH_OBJECT):
                connection.search_s(base, ldap.SCOPE_SUBTREE, "(objectClass=*)", ["1.1"])
        # and it serves no old copy: it refuses at once, then it ends and its files go
        with pytest.raises((ldap.UNWILLING_TO_PERFORM, ldap.SERVER_DOWN)):
            await asyncio.to_thread(before.search_s, who, ldap.SCOPE_BASE)
        assert await identity.openldap.removed() == []
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
        assert not far.exists()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        ended = await process.wait()
    assert ended == 0
    assert await has(identity, "first", "ada")


def trusted(connection: Any, tls: Path) -> None:
    """Have a connection believe in servers that a node's folder vouches for."""
    connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(tls / "ca.pem"))
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)


async def test_a_removed_node_that_is_away_is_told_when_it_is_back(
    identity: Identity, tmp_path: Path
) -> None:
    openldap = identity.openldap
    node, bundle = await openldap.nodes.add_node(
        "far", host="127.0.0.1", port=free_port(), local=False
    )
    config = unpacked(bundle.encode(), tmp_path / "far")
    await prepare_node(Folder(config.folder), config)
    server = await start(Folder(config.folder), [node.url])
    await eventually(lambda: joined(identity, "far"))
    await server.kill()
    await openldap.nodes.remove_node("far")
    (told,) = await openldap.removed()
    assert told.startswith(f"far at {node.url} was removed or replaced and does not know:")
    assert "end its process" in told
    server = await start(Folder(config.folder), [node.url])
    try:
        assert not await asyncio.to_thread(look_dismissed, server.folder)
        await openldap.members.removals.carry_out()
        assert await openldap.removed() == []
        assert await asyncio.to_thread(look_dismissed, server.folder)
    finally:
        await server.stop()
    # a node that was made anew at that address is another one, which is not meant
    first = (await openldap.members.declared.stored("first")).value
    other = msgspec.structs.replace(first, number=99)
    at = openldap.members.endpoint(first)
    assert not await openldap.pool.run_at(at, lambda connection: dismiss(connection, other))
    assert await has(identity, "first", "administrator")


async def test_a_replaced_node_elsewhere_is_not_taken_for_the_new_one(
    identity: Identity, tmp_path: Path
) -> None:
    openldap = identity.openldap
    node, bundle = await openldap.nodes.add_node(
        "far", host="127.0.0.1", port=free_port(), local=False
    )
    config = unpacked(bundle.encode(), tmp_path / "far")
    await prepare_node(Folder(config.folder), config)
    server = await start(Folder(config.folder), [node.url])
    await eventually(lambda: joined(identity, "far"))
    await server.kill()
    again, _ = await openldap.nodes.replace_node("far")
    (told,) = await openldap.removed()
    assert told.startswith(f"far at {node.url} was removed or replaced and does not know:")
    # the one before is back at that address, with every change: it is not the one that is awaited
    server = await start(Folder(config.folder), [node.url])
    try:
        assert not await joined(identity, "far")
        standing = (await openldap.nodes.node_standings())[0].standing
        assert (standing.name, standing.answers) == ("far", False)
        assert f"a server with the number {node.number}, not {again.number}" in standing.words
        await openldap.members.removals.carry_out()
        assert await openldap.removed() == []
        assert await asyncio.to_thread(look_dismissed, server.folder)
    finally:
        await server.stop()


def look_dismissed(folder: Folder) -> bool:
    """What the process of a node sees."""
    connection = ldap.initialize(folder.socket_url)
    connection.sasl_non_interactive_bind_s("EXTERNAL")
    try:
        return is_dismissed(connection)
    finally:
        connection.unbind_s()


def shown_link(identity: Identity, tls: Path) -> Any:
    """A connection to the first node with what is in a node's folder."""
    connection = ldap.initialize(f"ldaps://127.0.0.1:{identity.options.directory.port}")
    connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(tls / "ca.pem"))
    connection.set_option(ldap.OPT_X_TLS_CERTFILE, str(tls / "replicator.pem"))
    connection.set_option(ldap.OPT_X_TLS_KEYFILE, str(tls / "replicator.key"))
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    connection.sasl_non_interactive_bind_s("EXTERNAL")
    return connection


@pytest.mark.slow
@pytest.mark.takes(12)
async def test_a_node_elsewhere_gets_new_certificates_and_keeps_its_key(
    identity: Identity, tmp_path: Path
) -> None:
    members = identity.openldap.members
    _, bundle = await identity.openldap.nodes.add_node(
        "far", host="127.0.0.1", port=free_port(), local=False
    )
    config = unpacked(bundle.encode(), tmp_path / "far")
    with pytest.raises(HeliostatError):
        unpacked(b'{"node": 1}', tmp_path / "far")
    folder = Folder(config.folder)
    await prepare_node(folder, config)
    server = await start(folder, [config.node.url])
    try:
        await identity.directory.create_user("ada", PASSWORD)
        await eventually(lambda: joined(identity, "far"))
        now_ms = SystemClock().now_ms()
        assert not NodeRenewal(config, SystemClock()).look()  # nothing is due
        spoilt = [(ldap.MOD_REPLACE, "heliostatRecord", [b"no papers"])]
        entry = entry_of(config.node, config.suffix)
        await members.renew()
        await eventually(lambda: everywhere(identity))
        identity_connection(identity).modify_s(entry, spoilt)
        await eventually(lambda: everywhere(identity))
        await members.renew()
        renewal = NodeRenewal(config, VirtualClock(now_ms + 80 * 86_400_000))
        before = config.links.chain.read_bytes()
        assert not renewal.look()  # asks
        assert not renewal.look()  # asks once
        await eventually(lambda: everywhere(identity))
        await members.renew()
        await eventually(lambda: asyncio.to_thread(renewal.look))
        assert config.links.chain.read_bytes() != before
        assert "PRIVATE" not in str(read(identity_connection(identity), config.node, config.suffix))
        await server.stop()
        server = await start(folder, [config.node.url])
        await identity.directory.create_user("late", PASSWORD)
        await eventually(lambda: has(identity, "far", "late"))
    finally:
        await server.stop()


def identity_connection(identity: Identity) -> Any:
    connection = ldap.initialize(identity.openldap.pool.preferred()[0].url)
    connection.sasl_non_interactive_bind_s("EXTERNAL")
    return connection
