"""The nodes of the directory: those of this machine running, all of them told of each other.

What is declared (documents) is made so by ``settle``, again and again: a node of this machine
runs, every node copies from all others, one that has everything is used.  So a command that
was cut off, or a node that was away, needs no other care.  ``stop`` ends what was started.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError, TemporaryError
from heliostat.identity.authority.issuer import Authority
from heliostat.identity.openldap.config import NodeConfig
from heliostat.identity.openldap.credentials import Credentials
from heliostat.identity.openldap.declared import Declared
from heliostat.identity.openldap.endpoint import Endpoint
from heliostat.identity.openldap.entries import state_of
from heliostat.identity.openldap.lag import Seen, Standing, standings
from heliostat.identity.openldap.local_nodes import LocalNodes
from heliostat.identity.openldap.membership import admitted, joined_up, links_in
from heliostat.identity.openldap.node import Node
from heliostat.identity.openldap.pool import Pool
from heliostat.identity.openldap.removals import Removals
from heliostat.identity.options import IdentityOptions

log = logging.getLogger(__name__)
SETTLED_S, SETTLED_POLL_S = 10.0, 0.05
"""How long the end of a move waits for nodes that are behind."""


class Members:
    """Upkeep of the nodes that are ``declared``; ``pool`` learns who may be asked."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        options: IdentityOptions,
        authority: Callable[[], Authority],
        folder: Path | None,
        pool: Pool,
        suffix: str,
    ) -> None:
        self.declared = Declared(store)
        self.local = LocalNodes(lambda: self._folder / "nodes")
        self.credentials = Credentials(
            lambda: self._folder, clock, authority, tuple(options.directory.names)
        )
        self.removals = Removals(store, clock, pool)
        self._clock = clock
        self._options = options
        self._where = folder
        self._pool = pool
        self._suffix = suffix
        self.settling = asyncio.Lock()
        """Held by whoever changes how nodes are configured."""
        self._away: set[str] = set()
        self.returned_ms = 0
        """When a node that had not answered did so again; 0 once that was looked into."""

    @property
    def _folder(self) -> Path:
        if self._where is None:
            raise PermanentError("NotConfigured", "This controller has no folder for nodes.")
        return self._where

    @property
    def is_idle(self) -> bool:
        """Whether there is no node to look after."""
        return not self.local.running and not self._pool.endpoints

    async def settle(self) -> None:
        """Make what is so what should be so; what can't be reached is done the next time."""
        async with self.settling:
            nodes = await self.declared.nodes()
            if nodes or self.local.running:
                self._pool.set_trust(self.credentials.trust())
                self._tell_pool(nodes)  # before ours: it may not start, and others answer
                await self._let_in(nodes)
                await self._run_local(nodes)
                await asyncio.gather(*(self._join_up(each, nodes) for each in nodes))
                await self._admit(nodes)

    async def renew(self) -> None:
        """Renew certificates: of this machine's nodes (they start anew), of others on request."""
        for node in await self.declared.nodes():
            if not node.local:
                await self._answer(node)
                continue
            renewed = await self.credentials.files(node, self.local.folder(node).path)
            if renewed and node.name in self.local.running:
                async with self.settling:  # nobody starts it while it ends
                    await self.local.stop(node.name)
                await self.settle()

    async def _answer(self, node: Node) -> None:
        endpoint = self.endpoint(node)
        try:
            await self.credentials.answer(node, self._pool, endpoint, self._suffix)
        except HeliostatError as error:
            log.info("node %s is answered later: %s", node.name, error.message)

    async def settled(self) -> None:
        """Wait until no node lacks a change; raises ``DirectoryUnavailable`` when one does."""
        deadline = asyncio.get_running_loop().time() + SETTLED_S
        while True:
            asked = {each.name for each in await self.declared.nodes() if each.joined}
            told = [each for each in await self.standings() if each.name in asked]
            late = [each for each in told if not each.answers or each.since_ms]
            if not late:
                return
            if asyncio.get_running_loop().time() >= deadline:
                raise TemporaryError(
                    "DirectoryUnavailable",
                    f"What one node alone has would be lost: {late[0].name} {late[0].words}.",
                    hint="Wait until `helio identity node status` says that all have every "
                    "change, or take a node that is lost out with `helio identity node remove`.",
                    data={"why": late[0].words},
                )
            await asyncio.sleep(SETTLED_POLL_S)

    async def standings(self) -> list[Standing]:
        """How far each node is, by name."""
        nodes = await self.declared.nodes()
        seen = await asyncio.gather(*map(self._seen, nodes))
        return standings(seen)

    async def stop(self) -> None:
        """End the nodes of this machine."""
        async with self.settling:
            await self.local.stop_all()

    def endpoint(self, node: Node) -> Endpoint:
        """How this controller reaches a node."""
        if node.local:
            return Endpoint(node.name, self.local.folder(node).socket_url, node.site, node.number)
        return Endpoint(node.name, node.url, node.site, node.number)

    def config(self, node: Node, nodes: Sequence[Node], folder: Path) -> NodeConfig:
        others = tuple(each for each in nodes if each.number != node.number)
        return NodeConfig(
            node,
            self._suffix,
            folder,
            links_in(folder),
            others,
            self._options.hashing,
            (os.getuid(), os.getgid()),
        )

    async def _run_local(self, nodes: Sequence[Node]) -> None:
        wanted = [each for each in nodes if each.local]
        await self.local.end_others(wanted)
        for node in wanted:
            if not self.local.runs(node):
                folder = self.local.folder(node).path
                write = partial(self.credentials.files, node, folder)
                await self.local.run(node, self.config(node, nodes, folder), write)

    async def _let_in(self, nodes: Sequence[Node]) -> None:
        """Have this machine's nodes know one that is about to start: it copies at once."""
        if all(self.local.runs(each) for each in nodes if each.local):
            return
        for node in nodes:
            if node.name in self.local.running and self.local.running[node.name].is_running:
                with contextlib.suppress(HeliostatError):  # it is told again below
                    await self._pool.run_at(
                        self.endpoint(node), partial(self._admitted, node, nodes)
                    )

    def _admitted(self, node: Node, nodes: Sequence[Node], connection: Any) -> bool:
        return admitted(connection, node, nodes, self._suffix)

    def _tell_pool(self, nodes: Sequence[Node]) -> None:
        self._pool.set_endpoints([self.endpoint(each) for each in nodes if each.joined])

    async def _join_up(self, node: Node, nodes: Sequence[Node]) -> None:
        try:
            await self._pool.run_at(
                self.endpoint(node), lambda each: joined_up(each, node, nodes, self._suffix)
            )
        except HeliostatError as error:
            if node.name not in self._away:
                log.info("node %s is told of the others later: %s", node.name, error.message)
            self._away.add(node.name)
        else:
            if node.name in self._away:
                self._away.discard(node.name)
                self.returned_ms = self._clock.now_ms()

    async def _admit(self, nodes: Sequence[Node]) -> None:
        """New nodes that have every change are asked from now on."""
        if all(each.joined for each in nodes):
            return
        seen = await asyncio.gather(*map(self._seen, nodes))
        first = not any(each.joined for each in nodes)
        for node, standing in zip(nodes, standings(seen), strict=True):
            complete = standing.answers and not standing.behind_s and not standing.since_ms
            others = [each for each in seen if each.name != node.name and each.state is not None]
            if node.joined or not complete or not (others or first):
                continue
            await self.declared.changed(node, msgspec.structs.replace(node, joined=True))
        self._tell_pool(await self.declared.nodes())

    async def _seen(self, node: Node) -> Seen:
        try:
            state = await self._pool.run_at(
                self.endpoint(node), lambda each: state_of(each, self._suffix)
            )
        except HeliostatError as error:
            return Seen(node.name, node.number, None, str(error.data.get("why", error.message)))
        return Seen(node.name, node.number, state)
