"""Members of a directory for tests: real slapds on loopback, in folders of the test's own.

``Slapds`` makes the authorities, the nodes' files and their configuration; ``connect`` gives
a connection as the controller.  All that were started end with the context.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from heliostat.core.clock import Clock, SystemClock
from heliostat.core.process import run
from heliostat.identity.authority.issuer import Authority
from heliostat.identity.openldap.config import Links, NodeConfig
from heliostat.identity.openldap.ldif import Entry
from heliostat.identity.openldap.library import ldap_library
from heliostat.identity.openldap.links import REPLICATOR, LinkAuthority
from heliostat.identity.openldap.names import suffix_of
from heliostat.identity.openldap.node import Node
from heliostat.identity.openldap.slapd import Folder, Slapd, prepare_node, program, start
from heliostat.identity.passwords.options import HashCost
from heliostat.testing.authority import open_authority

NAMES = ("127.0.0.1", "localhost")
CHEAP = HashCost(memory_kib=64, passes=1, lanes=1)


class Slapds:
    """Nodes by name; ``suffix`` is that of the site's domain."""

    def __init__(self, folder: Path, domain: str, clock: Clock, authority: Authority) -> None:
        self.folder = folder
        self.domain = domain
        self.suffix = suffix_of(domain)
        self.authority = authority
        self.links = LinkAuthority.open(folder / "links", clock)
        self.ca = folder / "ca.pem"
        self.ca.write_text(self.authority.ca_pem)
        self.running: dict[str, Slapd] = {}

    async def config(
        self, node: Node, others: Sequence[Node] = (), *, schemas: Sequence[str] = ()
    ) -> NodeConfig:
        """The node's configuration; its certificates are made on the way."""
        tls = self.folder / node.name / "tls"
        server = await self.authority.issue_server(NAMES, tls)
        certificate, key = self.links.keep(REPLICATOR, node.identity, tls)
        return NodeConfig(
            node,
            self.suffix,
            self.folder / node.name,
            Links(server.chain, server.key, self.ca, certificate, key, self.links.path),
            tuple(each for each in others if each.name != node.name),
            CHEAP,
            (os.getuid(), os.getgid()),
            tuple(schemas),
        )

    async def start(self, config: NodeConfig, *, env: dict[str, str] | None = None) -> Slapd:
        """Make the node if it is new, and run it."""
        folder = Folder(config.folder)
        await prepare_node(folder, config)
        self.running[config.node.name] = await start(folder, [config.node.url], env=env)
        return self.running[config.node.name]

    def connect(self, name: str) -> Any:
        """A connection over the node's socket, as the controller."""
        ldap = ldap_library()
        connection = ldap.initialize(self.running[name].folder.socket_url)
        connection.set_option(ldap.OPT_TIMEOUT, 10)
        connection.sasl_external_bind_s()
        return connection


@asynccontextmanager
async def slapds(folder: Path, domain: str = "lab.test") -> AsyncIterator[Slapds]:
    """Everything that the test starts with the given is stopped at the end."""
    clock = SystemClock()
    made = Slapds(folder, domain, clock, await open_authority(folder / "ca", clock, domain))
    try:
        yield made
    finally:
        for each in made.running.values():
            await each.kill()


def rewrite(folder: Folder, edited: Callable[[str], str]) -> None:
    """Give a node that does not run another copy, behind the back of replication.

    All of it is written anew: slapmodify would make each entry another one (entryUUID).
    """
    home = ["-F", str(folder.config), "-n", "1"]
    copy = run([program("slapcat"), *home, "-o", "ldif-wrap=no"], timeout_s=30).stdout
    file = folder.path / "copy.ldif"
    file.write_text(edited(copy))
    for each in (folder.path / "data").iterdir():
        each.unlink()
    run([program("slapadd"), *home, "-l", str(file)], timeout_s=30)


def free_port() -> int:
    """A TCP port that nothing listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def add(connection: Any, dn: str, **attributes: Sequence[str | bytes]) -> None:
    """Add an entry."""
    connection.add_s(dn, Entry(dn, dict(attributes)).encoded())
