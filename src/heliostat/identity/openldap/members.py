"""The nodes of the directory: who they are, those of this machine running, all of them told.

What is declared (documents) is made so by ``settle``, again and again: a node of this machine
runs, every node copies from all others, one that has everything is used.  So a command that
was cut off, or a node that was away, needs no other care.  ``stop`` ends what was started.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.cloudstore.documents import Kind, Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError, TemporaryError
from heliostat.core.files import atomic_write
from heliostat.identity.authority.issuer import Authority
from heliostat.identity.openldap import renewal
from heliostat.identity.openldap.config import NodeConfig
from heliostat.identity.openldap.entries import state_of
from heliostat.identity.openldap.lag import Seen, Standing, standings
from heliostat.identity.openldap.links import CONTROLLER, REPLICATOR, LinkAuthority
from heliostat.identity.openldap.membership import admitted, joined_up, links_in
from heliostat.identity.openldap.node import LAST_NUMBER, Node
from heliostat.identity.openldap.pool import Endpoint, Pool, Trust
from heliostat.identity.openldap.slapd import Folder, Slapd, prepare_node, start
from heliostat.identity.options import IdentityOptions

log = logging.getLogger(__name__)
SETTLED_S, SETTLED_POLL_S = 10.0, 0.05
"""How long the end of a move waits for nodes that are behind."""


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """The last server id that was given; none is given twice."""

    last: int = 0
    id: str = "nodes"
    schema: int = 1


NODES = Kind("directory-node", Node, identify=lambda node: node.name)
NUMBERS = Kind("directory-numbers", Numbers)


class Members:
    """Verbs on nodes, and their upkeep; ``pool`` learns who may be asked."""

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
        self._store = store
        self._clock = clock
        self._options = options
        self._authority = authority
        self._where = folder
        self._pool = pool
        self._suffix = suffix
        self.environment: Callable[[], dict[str, str]] = dict
        """What nodes of this machine need in their environment to accept Kerberos tickets."""
        self._running: dict[str, Slapd] = {}
        self._numbers: dict[str, int] = {}
        self._settling = asyncio.Lock()
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
        return not self._running and not self._pool.endpoints

    async def nodes(self) -> list[Node]:
        """All members, by name."""
        return sorted(
            (each.value for each in await NODES.all(self._store)), key=lambda node: node.name
        )

    async def stored(self, name: str) -> Stored[Node]:
        """Raises ``DirectoryNodeNotFound``."""
        stored = await NODES.get(self._store, name)
        if stored is None:
            raise PermanentError("DirectoryNodeNotFound", f"The directory has no node {name[:80]}.")
        return stored

    async def numbered(self) -> tuple[int, Guard, list[Change]]:
        """A server id that no node ever had, with what makes it so."""
        stored = await NUMBERS.get(self._store, "nodes")
        before = stored.value if stored is not None else None
        number = (before.last if before is not None else 0) + 1
        if number > LAST_NUMBER:
            raise PermanentError("InvalidOperation", "All server ids have been given.")
        guard = NUMBERS.guard(stored) if stored is not None else NUMBERS.absent("nodes")
        return number, guard, NUMBERS.put(Numbers(last=number), before)

    def links(self) -> LinkAuthority:
        return LinkAuthority.open(self._folder / "authority", self._clock)

    def trust(self) -> Trust:
        """What this controller shows to nodes elsewhere."""
        links = self.links()
        own = self._folder / "controller"
        certificate, key = links.keep(CONTROLLER, CONTROLLER, own)
        authority = own / "ca.pem"
        _write(authority, self._authority().ca_pem)
        return Trust(authority, certificate, key)

    async def settle(self) -> None:
        """Make what is so what should be so; what can't be reached is done the next time."""
        async with self._settling:
            nodes = await self.nodes()
            if nodes or self._running:
                self._pool.set_trust(self.trust())
                self._tell_pool(nodes)  # before ours: it may not start, and others answer
                await self._let_in(nodes)
                await self._run_local(nodes)
                await asyncio.gather(*(self._join_up(each, nodes) for each in nodes))
                await self._admit(nodes)

    async def renew(self) -> None:
        """Renew certificates: of this machine's nodes (they start anew), of others on request."""
        for node in await self.nodes():
            if not node.local:
                await self._answer(node)
                continue
            folder = self.folder(node).path
            before = _papers(folder)
            await self.files(node, folder)
            if _papers(folder) != before and node.name in self._running:
                async with self._settling:  # nobody starts it while it ends
                    await self._running.pop(node.name).stop()
                await self.settle()

    async def _answer(self, node: Node) -> None:
        """Give a node of another machine what it asks for; see ``renewal``."""
        endpoint = self.endpoint(node)
        links, ca_pem = self.links(), self._authority().ca_pem
        try:
            papers = await self._pool.run_at(
                endpoint, lambda each: renewal.read(each, node, self._suffix)
            )
            answer = msgspec.structs.replace(papers, authority=ca_pem, link_authority=links.pem)
            if papers.request:
                names = self._names(node)
                chain = await self._authority().sign_server(papers.request, names)
                key = x509.load_pem_x509_csr(papers.request.encode()).public_key()
                if not isinstance(key, ec.EllipticCurvePublicKey):
                    raise PermanentError(
                        "CertificateInvalid", f"{node.name} asks for another kind of key."
                    )
                link = links.certify(key, REPLICATOR, node.identity)
                answer = msgspec.structs.replace(
                    answer, request="", csr=papers.request, chain=chain, link=link
                )
            if answer != papers:
                await self._pool.run_at(
                    endpoint, lambda each: renewal.write(each, node, self._suffix, answer)
                )
        except HeliostatError as error:
            log.info("node %s is answered later: %s", node.name, error.message)

    def _names(self, node: Node) -> list[str]:
        further = self._options.directory.names if node.local else ()
        return list(dict.fromkeys((node.host, *further)))

    async def settled(self) -> None:
        """Wait until no node lacks a change; raises ``DirectoryUnavailable`` when one does."""
        deadline = asyncio.get_running_loop().time() + SETTLED_S
        while True:
            asked = {each.name for each in await self.nodes() if each.joined}
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
        nodes = await self.nodes()
        seen = await asyncio.gather(*map(self._seen, nodes))
        return standings(seen)

    async def stop(self) -> None:
        """End the nodes of this machine."""
        async with self._settling:
            for name in list(self._running):
                await self._running.pop(name).stop()

    def endpoint(self, node: Node) -> Endpoint:
        """How this controller reaches a node."""
        if node.local:
            return Endpoint(node.name, self.folder(node).socket_url, node.site)
        return Endpoint(node.name, node.url, node.site)

    def folder(self, node: Node) -> Folder:
        return Folder(self._folder / "nodes" / node.identity)

    async def files(self, node: Node, folder: Path) -> None:
        """Write (or renew) what a node proves itself with."""
        links = links_in(folder)
        await self._authority().issue_server(self._names(node), links.chain.parent)
        authority = self.links()
        authority.keep(REPLICATOR, node.identity, links.chain.parent)
        _write(links.link_authority, authority.pem)
        _write(links.authority, self._authority().ca_pem)

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
        wanted = {each.name: each for each in nodes if each.local}
        for name, server in list(self._running.items()):
            known = wanted.get(name)
            if known is None or self._numbers[name] != known.number or not server.is_running:
                await self._running.pop(name).stop()
        kept = {self.folder(each).path for each in wanted.values()}
        for gone in set((self._folder / "nodes").glob("*")) - kept:
            shutil.rmtree(gone, ignore_errors=True)
        for name, node in wanted.items():
            if name not in self._running:
                folder = self.folder(node)
                await self.files(node, folder.path)
                await prepare_node(folder, self.config(node, nodes, folder.path))
                self._running[name] = await start(folder, [node.url], env=self.environment())
                self._numbers[name] = node.number

    async def _let_in(self, nodes: Sequence[Node]) -> None:
        """Have this machine's nodes know one that is about to start: it copies at once."""
        if all(self._numbers.get(each.name) == each.number for each in nodes if each.local):
            return
        for node in nodes:
            server = self._running.get(node.name)
            if server is not None and server.is_running:
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
            stored = await NODES.get(self._store, node.name)
            if stored is not None and stored.value == node:
                joined = msgspec.structs.replace(node, joined=True)
                await self._store.commit([NODES.guard(stored)], NODES.put(joined, node))
        self._tell_pool(await self.nodes())

    async def _seen(self, node: Node) -> Seen:
        try:
            state = await self._pool.run_at(
                self.endpoint(node), lambda each: state_of(each, self._suffix)
            )
        except HeliostatError as error:
            return Seen(node.name, node.number, None, str(error.data.get("why", error.message)))
        return Seen(node.name, node.number, state)


def _papers(folder: Path) -> list[bytes]:
    return [each.read_bytes() for each in sorted((folder / "tls").glob("*"))]


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        atomic_write(path, text.encode())
