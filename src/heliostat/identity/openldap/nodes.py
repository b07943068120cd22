"""The verbs on nodes: add, list, replace, remove.  Each is one commit; ``Members`` follows it.

A node of another machine is made there from the ``bundle`` that adding it answers: its
configuration with its keys, shown once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from heliostat.cloudstore.contract import CloudStore, Guard
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.openldap.bundle import bundled
from heliostat.identity.openldap.declared import NODES
from heliostat.identity.openldap.homes import Place, read_home
from heliostat.identity.openldap.lag import Standing
from heliostat.identity.openldap.members import Members
from heliostat.identity.openldap.node import Node

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,253}", re.ASCII)


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node as it is told."""

    name: str
    site: str
    url: str
    local: bool
    joined: bool
    number: int
    created_ms: int
    configuration: str = ""
    """Whether it is configured as this version does it, in words."""


@dataclass(frozen=True, slots=True)
class NodeStanding:
    """A node, and how far it is."""

    node: NodeView
    standing: Standing


def _unknown(_: Node) -> str:
    return ""


class Nodes:
    """Administration of the directory's nodes."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        members: Members,
        domain: str,
        configured: Callable[[Node], str] = _unknown,
    ) -> None:
        self._store = store
        self._clock = clock
        self._members = members
        self._domain = domain
        self._configured = configured

    async def add_node(
        self,
        name: str,
        *,
        host: str,
        port: int,
        site: str = "default",
        local: bool = True,
        plan: bool = False,
    ) -> tuple[NodeView, str]:
        """A new member, and (for another machine) what it is made from there.

        Raises ``InvalidName``, ``NameTaken``, ``InvalidEntity``.
        """
        _check(name, host, port, site)

        async def decide() -> Decided[Node]:
            nodes = await self._members.declared.nodes()
            if name in {each.name for each in nodes}:
                raise PermanentError("NameTaken", f"There is a node {name} already.")
            for each in nodes:
                if (each.host, each.port) == (host, port):
                    raise PermanentError("NameTaken", f"{each.name} listens at {each.url}.")
            number, guard, changes = await self._members.declared.numbered()
            node = Node(
                name=name,
                number=number,
                host=host,
                port=port,
                site=site,
                local=local,
                created_ms=self._clock.now_ms(),
            )
            return Decided(node, [guard, NODES.absent(name)], [*changes, *NODES.put(node)])

        node = await settle(self._store, decide, plan=plan)
        return await self._made(node, plan=plan)

    async def replace_node(self, name: str, *, plan: bool = False) -> tuple[NodeView, str]:
        """Make a node anew, empty, under its name: it copies everything from the others.

        One elsewhere that still runs as it was is told that it is no node any more.
        Raises ``DirectoryNodeNotFound``, and ``InvalidOperation`` when it is the last.
        """

        async def decide() -> Decided[Node]:
            stored = await self._members.declared.stored(name)
            others = await self._refuse_last(name)
            number, guard, changes = await self._members.declared.numbered()
            new = msgspec.structs.replace(stored.value, number=number, joined=False)
            guards = [guard, NODES.guard(stored), *others]
            changes += self._members.removals.decided(stored.value)
            return Decided(new, guards, [*changes, *NODES.put(new, stored.value)])

        node = await settle(self._store, decide, plan=plan)
        return await self._made(node, plan=plan)

    async def remove_node(self, name: str, *, plan: bool = False) -> NodeView:
        """Take a node out; one of this machine ends, its files go; one elsewhere is told.

        Raises ``DirectoryNodeNotFound``, and ``InvalidOperation`` when it is the last.
        """

        async def decide() -> Decided[Node]:
            stored = await self._members.declared.stored(name)
            guards = [NODES.guard(stored), *await self._refuse_last(name)]
            left = self._members.removals.decided(stored.value)
            return Decided(stored.value, guards, [*NODES.delete(stored.value), *left])

        node = await settle(self._store, decide, plan=plan)
        if not plan:
            await self._members.settle()
            await self._members.removals.carry_out()
        return self._view(node)

    async def get_node(self, name: str) -> NodeView:
        """Raises ``DirectoryNodeNotFound``."""
        return self._view((await self._members.declared.stored(name)).value)

    async def list_nodes(self) -> list[NodeView]:
        """All nodes, by name."""
        return [self._view(each) for each in await self._members.declared.nodes()]

    async def node_standings(self) -> list[NodeStanding]:
        """All nodes with how far each is, by name."""
        nodes = {each.name: each for each in await self._members.declared.nodes()}
        found = await self._members.standings()
        return [
            NodeStanding(self._view(nodes[each.name]), each) for each in found if each.name in nodes
        ]

    async def _made(self, node: Node, *, plan: bool) -> tuple[NodeView, str]:
        if plan:
            return self._view(node), ""
        await self._members.settle()
        await self._members.removals.carry_out()
        if node.local:
            return self._view((await self._members.declared.stored(node.name)).value), ""
        return self._view(node), await self._bundle(node)

    async def _bundle(self, node: Node) -> str:
        nodes = await self._members.declared.nodes()
        with TemporaryDirectory(prefix="heliostat-node-") as folder:
            await self._members.credentials.files(node, Path(folder))
            config = self._members.config(node, nodes, Path(folder))
            return msgspec.json.encode(bundled(config, self._domain)).decode()

    async def _refuse_last(self, name: str) -> list[Guard]:
        """Guards that another node goes on to have everything, where one must."""
        home, unmoved, _ = await read_home(self._store)
        if Place.OPENLDAP not in (home.place, home.target):
            return [unmoved]
        stored = await NODES.all(self._store)
        others = [each for each in stored if each.value.name != name and each.value.joined]
        if not others:
            raise PermanentError(
                "InvalidOperation",
                f"{name} is the only node that has every change.",
                hint="Add another one first, and wait until `helio identity node status` says "
                "that it has every change; or move everybody with `helio identity migrate`.",
            )
        return [unmoved, NODES.guard(others[0])]

    def _view(self, node: Node) -> NodeView:
        return view(node, self._configured(node))


def view(node: Node, configuration: str) -> NodeView:
    return NodeView(
        name=node.name,
        site=node.site,
        url=node.url,
        local=node.local,
        joined=node.joined,
        number=node.number,
        created_ms=node.created_ms,
        configuration=configuration,
    )


def _check(name: str, host: str, port: int, site: str) -> None:
    for what, text in (("name", name), ("site", site)):
        if not _NAME.fullmatch(text):
            raise PermanentError(
                "InvalidName",
                f"{text[:80]!r} is no {what} of a node.",
                hint="Use a small letter first, then small letters, digits and hyphens, "
                "at most 32 characters.",
            )
    if not _HOST.fullmatch(host):
        raise PermanentError("InvalidEntity", f"{host[:80]!r} is no DNS name and no address.")
    if not 0 < port < 65_536:
        raise PermanentError("InvalidEntity", f"{port} is no TCP port.")
