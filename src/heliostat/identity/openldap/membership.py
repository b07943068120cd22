"""Who copies from whom (and who may), made so in each node's configuration while it runs.

Declared, not commanded: ``joined_up`` compares what a node is configured to with what it
should be, so a node that was away when another came is told when it is back.  Blocking.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from heliostat.identity.openldap.access import access, log_access
from heliostat.identity.openldap.config import DATA, LOG, Links, NodeConfig
from heliostat.identity.openldap.library import ldap_library
from heliostat.identity.openldap.node import Node
from heliostat.identity.openldap.replication import provider

_RID = re.compile(r"rid=0*(\d+)\b")
_PROVIDER = re.compile(r"provider=(\S+)")
_COPYING = re.compile(r"cn=([a-z0-9-]+),cn=replicator,")


def links_in(folder: Path) -> Links:
    """The files of a node, wherever its folder is: each node's folder looks the same."""
    tls = folder / "tls"
    return Links(
        chain=tls / "server.pem",
        key=tls / "server.key",
        authority=tls / "ca.pem",
        link_certificate=tls / "replicator.pem",
        link_key=tls / "replicator.key",
        link_authority=tls / "links.pem",
    )


def joined_up(connection: Any, node: Node, nodes: Sequence[Node], suffix: str) -> bool:
    """Have ``node`` copy from all others, and none but them from it; whether that was new."""
    ldap = ldap_library()
    answer = connection.search_s(
        DATA,
        ldap.SCOPE_BASE,
        "(objectClass=*)",
        ["olcSyncrepl", "olcMultiProvider", "olcDbDirectory"],
    )
    found = answer[0][1]
    folder = Path(found["olcDbDirectory"][0].decode()).parent
    others = [each for each in nodes if each.number != node.number]
    config = NodeConfig(node, suffix, folder, links_in(folder), tuple(others))
    now = {_who(each.decode()): each for each in found.get("olcSyncrepl", ())}
    wanted = {(each.number, each.url): provider(config, each).encode() for each in others}
    gone = [value for who, value in now.items() if who not in wanted]
    new = [value for who, value in wanted.items() if who not in now]
    changes: list[tuple[int, str, Any]] = []
    if not wanted and found.get("olcMultiProvider"):
        changes.append((ldap.MOD_DELETE, "olcMultiProvider", None))
    # values that are gone shift the numbers of those after them, so the last goes first
    changes += [(ldap.MOD_DELETE, "olcSyncrepl", [each]) for each in sorted(gone, reverse=True)]
    if new:
        changes.append((ldap.MOD_ADD, "olcSyncrepl", new))
    if wanted and not found.get("olcMultiProvider"):
        changes.append((ldap.MOD_ADD, "olcMultiProvider", [b"TRUE"]))
    if changes:
        connection.modify_s(DATA, changes)
    return admitted(connection, node, nodes, suffix) or bool(changes)


def admitted(connection: Any, node: Node, nodes: Sequence[Node], suffix: str) -> bool:
    """Have all others, and none but them, copy from ``node``; whether that was new."""
    others = [each for each in nodes if each.number != node.number]
    rules = {DATA: access(suffix, others), LOG: log_access(suffix, others)}
    new = [_ruled(connection, *each, others) for each in rules.items()]  # both, not the first
    return any(new)


def _ruled(connection: Any, database: str, rules: Sequence[str], others: Sequence[Node]) -> bool:
    """Have ``rules`` at a database unless they admit just ``others``; open links lose, too."""
    ldap = ldap_library()
    answer = connection.search_s(database, ldap.SCOPE_BASE, "(objectClass=*)", ["olcAccess"])
    now = " ".join(each.decode() for each in answer[0][1].get("olcAccess", ()))
    if {found[1] for found in _COPYING.finditer(now)} == {each.identity for each in others}:
        return False
    new = [each.encode() for each in rules]
    connection.modify_s(database, [(ldap.MOD_REPLACE, "olcAccess", new)])
    return True


def _who(value: str) -> tuple[int, str]:
    rid, where = _RID.search(value), _PROVIDER.search(value)
    return (int(rid[1]) if rid else 0, where[1].strip('"') if where else "")
