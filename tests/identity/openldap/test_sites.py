"""Two sites with a line between them: it is cut and comes back; a node is killed under writes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import ldap
import pytest

from heliostat.core.clock import SystemClock
from heliostat.identity.openldap import agreement, conflicts
from heliostat.identity.openldap.domains import Domain, make_domain
from heliostat.identity.openldap.entries import state_of
from heliostat.identity.openldap.node import Node
from heliostat.testing.cut_line import CutLine, cut_line
from heliostat.testing.slapds import Slapds, add, free_port, rewrite, slapds

PATIENCE_S = 300.0
NAMES = {1: "west", 2: "east"}


class Two:
    """A node at each of two sites, and the two directions of the line between them."""

    def __init__(self, site: Slapds, lines: tuple[CutLine, CutLine], nodes: list[Node]) -> None:
        self.site, self.lines, self.nodes = site, lines, nodes
        self.people = f"ou=people,{site.suffix}"
        self.groups = f"ou=groups,{site.suffix}"

    async def start(self, name: str) -> None:
        node = next(each for each in self.nodes if each.name == name)
        # others reach a node over the line
        others = [
            Node(name=each.name, number=each.number, host="127.0.0.1", port=line.port)
            for each, line in zip(self.nodes, self.lines, strict=True)
        ]
        await self.site.start(await self.site.config(node, others))

    def person(self, name: str, at: Any) -> str:
        dn = f"uid={name},{self.people}"
        classes = ["inetOrgPerson", "heliostatEntry"]
        add(at, dn, objectClass=classes, uid=[name], cn=[name], sn=[name], heliostatKey=[name])
        return dn

    async def agreed(self, *connections: Any) -> None:
        await until(lambda: len({state_of(each, self.site.suffix) for each in connections}) == 1)


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    async with slapds(tmp_path) as site, AsyncExitStack() as stack:
        nodes = [
            Node(name=name, number=number, host="127.0.0.1", port=free_port())
            for number, name in NAMES.items()
        ]
        lines = [
            await stack.enter_async_context(cut_line(free_port(), node.port)) for node in nodes
        ]
        made = Two(site, (lines[0], lines[1]), nodes)
        for node in nodes:
            await made.start(node.name)
        west, east = site.connect("west"), site.connect("east")
        make_domain(west, Domain(site.suffix, "lab.test", system=True))
        await made.agreed(west, east)
        yield made


def copies(two: Two, west: Any, east: Any) -> dict[int, agreement.Copy]:
    """What each of them holds."""
    return {n: agreement.read(each, two.site.suffix) for n, each in ((1, west), (2, east))}


async def until(what: Callable[[], bool]) -> None:
    """Until another process has come so far."""
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(what):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


def values(connection: Any, dn: str, attribute: str) -> list[bytes]:
    found = connection.search_s(dn, ldap.SCOPE_BASE, "(objectClass=*)", [attribute])
    return sorted(found[0][1].get(attribute, []))


def put(connection: Any, dn: str, attribute: str, value: str, how: int = ldap.MOD_REPLACE) -> None:
    connection.modify_s(dn, [(how, attribute, [value.encode()])])


async def test_both_sides_of_a_cut_line_are_written_and_agree_again(two: Two) -> None:
    west, east = two.site.connect("west"), two.site.connect("east")
    alice, bob, carol = (two.person(name, west) for name in ("alice", "bob", "carol"))
    ops = f"cn=ops,{two.groups}"
    add(west, ops, objectClass=["groupOfNames"], cn=["ops"], member=[carol])
    await two.agreed(west, east)
    for line in two.lines:
        await line.cut()
    put(west, alice, "description", "of the west")
    put(west, alice, "mail", "alice@west.test")
    put(west, ops, "member", alice, ldap.MOD_ADD)
    west.delete_s(bob)
    two.person("western", west)
    two.person("both", west)
    put(east, alice, "description", "of the east")
    put(east, alice, "title", "Dr")
    put(east, ops, "member", bob, ldap.MOD_ADD)
    put(east, bob, "description", "still here")
    two.person("eastern", east)
    two.person("both", east)
    before = (state_of(west, two.site.suffix), state_of(east, two.site.suffix))
    assert before[0] != before[1]
    for line in two.lines:
        await line.mend()
    await two.agreed(west, east)
    now_ms = SystemClock().now_ms()
    logs = {1: conflicts.read(west, now_ms), 2: conflicts.read(east, now_ms)}
    # a change of what the other side deleted can bring it back to one of them: the comparison
    # of copies ends that
    for each in agreement.differing(copies(two, west, east), before="3"):
        assert each.dn == bob
        assert agreement.was_deleted(each, [*logs[1], *logs[2]])
        agreement.mended((west, east)[each.winner - 1], each, deleted=True)
    await until(lambda: not agreement.differing(copies(two, west, east), before="3"))
    for side in (west, east):
        # of the same attribute the later change stays; of different ones both do
        assert values(side, alice, "description") == [b"of the east"]
        assert values(side, alice, "mail") == [b"alice@west.test"]
        assert values(side, alice, "title") == [b"Dr"]
        assert values(side, ops, "member") == sorted(each.encode() for each in (alice, bob, carol))
        for name in ("western", "eastern", "both"):
            assert values(side, f"uid={name},{two.people}", "uid") == [name.encode()]
        with pytest.raises(ldap.NO_SUCH_OBJECT):
            values(side, bob, "uid")
    named = conflicts.conflicts(logs, NAMES)
    assert len(named) == 3, named
    of_alice = next(each for each in named if each.startswith(alice))
    assert "description was changed at west" in of_alice
    assert of_alice.endswith("what east wrote stays.")
    assert {each.partition(":")[0] for each in named} == {
        alice,
        bob,
        f"uid=both,{two.people}",
    }


async def test_a_node_killed_under_writes_loses_nothing_that_the_other_said(two: Two) -> None:
    west, east = two.site.connect("west"), two.site.connect("east")
    said: dict[str, list[str]] = {"west": [], "east": []}
    stop = threading.Event()

    def write(name: str) -> None:
        connection = two.site.connect(name)
        for number in range(100_000):
            if stop.is_set():
                return
            try:
                said[name].append(two.person(f"{name}-{number}", connection))
            except ldap.LDAPError:
                return  # it was killed

    writers = [asyncio.create_task(asyncio.to_thread(write, name)) for name in said]
    await until(lambda: min(map(len, said.values())) >= 40)
    await two.site.running["west"].kill()
    at_death = len(said["east"])
    await until(lambda: len(said["east"]) >= at_death + 20)
    stop.set()
    await asyncio.gather(*writers)
    # at once, and without the other: all that the running node said
    for dn in said["east"]:
        assert values(east, dn, "sn")
    await two.start("west")
    west = two.site.connect("west")

    # and when the killed one is back: also what it alone had said
    all_said = {dn.casefold() for each in said.values() for dn in each}
    await until(lambda: all(all_said <= copy.keys() for copy in copies(two, west, east).values()))
    # what it had written and not said is at it alone, until the copies are compared
    for each in agreement.differing(copies(two, west, east), before="3"):
        agreement.mended(west, each, deleted=False)
    await until(lambda: not agreement.differing(copies(two, west, east), before="3"))


async def test_copies_that_differ_are_found_and_mended(two: Two) -> None:
    west, east = two.site.connect("west"), two.site.connect("east")
    ada = two.person("ada", west)
    put(west, ada, "description", "right")
    await two.agreed(west, east)
    # behind the back of replication: the file is changed while no server runs on it
    await two.site.running["east"].stop()
    folder = two.site.running["east"].folder
    rewrite(folder, lambda copy: copy.replace("description: right", "description: wrong"))
    await two.start("east")
    east = two.site.connect("east")
    put(west, ada, "title", "later")  # so that west's version is the later one
    await two.agreed(west, east)
    held = copies(two, west, east)
    found = agreement.differing(held, before="3")
    assert [(each.dn, each.winner, each.attributes) for each in found] == [
        (ada.casefold(), 1, ("description",))
    ]
    assert agreement.told(found[0], NAMES, deleted=False).endswith(
        "what west has was written again."
    )
    assert agreement.differing(held, before="2") == []  # it might be on its way
    agreement.mended(west, found[0], deleted=False)
    await until(lambda: values(east, ada, "description") == [b"right"])
