"""A node's configuration brought up to date over LDAP, or left as it was.  Blocking.

What changes is decided by ``drift``; each entry is one modification, and what was changed is
changed back where a later one is refused.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heliostat.core.errors import PermanentError
from heliostat.identity.openldap.cn_config import entries
from heliostat.identity.openldap.config import DATA, NodeConfig
from heliostat.identity.openldap.drift import Drift, clash, drift
from heliostat.identity.openldap.library import ldap_library
from heliostat.identity.openldap.membership import links_in
from heliostat.identity.openldap.node import Node
from heliostat.identity.openldap.references import Raw
from heliostat.identity.passwords.options import HashCost

_OWNER = re.compile(rb"gidNumber=(\d+)\\\+uidNumber=(\d+),cn=peercred")


@dataclass(frozen=True, slots=True)
class Updated:
    """What was changed, and what only a node that is made anew will have."""

    changed: tuple[str, ...] = ()
    anew: tuple[str, ...] = ()


def found_at(
    connection: Any, node: Node, nodes: Sequence[Node], suffix: str, hashing: HashCost
) -> list[Drift]:
    """What of the node's configuration is not as it would be written today.

    Raises ``DirectoryNodeFailed`` for what would end the node's server.
    """
    ldap = ldap_library()
    now: dict[str, Raw] = dict(connection.search_s("cn=config", ldap.SCOPE_SUBTREE))
    found = drift(now, entries(_config(now, node, nodes, suffix, hashing)))
    if taken := clash(now, found):
        raise _refused(node, "the schema", f"another definition has the name of {taken.decode()}")
    return found


def updated(
    connection: Any, node: Node, nodes: Sequence[Node], suffix: str, hashing: HashCost
) -> Updated:
    """Have the node's configuration as it would be written today; raises as ``carry_out``."""
    return carry_out(connection, node, found_at(connection, node, nodes, suffix, hashing))


def carry_out(connection: Any, node: Node, found: Sequence[Drift]) -> Updated:
    """Make the changes; raises ``DirectoryNodeFailed`` where the node refuses one: then it has
    what it had before.
    """
    done: list[Drift] = []
    ldap = ldap_library()
    for each in found:
        if each.anew:
            continue
        try:
            _apply(connection, each)
        except ldap.LDAPError as error:
            _undo(connection, done)
            told = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
            why = str(told.get("info") or told.get("desc") or type(error).__name__)
            raise _refused(node, each.words, why) from error
        done.append(each)
    anew = tuple(each.words for each in found if each.anew)
    return Updated(tuple(each.words for each in done), anew)


def _apply(connection: Any, each: Drift) -> None:
    ldap = ldap_library()
    if each.entry is not None:
        connection.add_s(each.dn, each.entry.encoded())
        return
    connection.modify_s(each.dn, _modification(ldap, each.attribute, each.gone, each.new))


def _undo(connection: Any, done: Sequence[Drift]) -> None:
    """What can't be undone either is said by the next comparison."""
    ldap = ldap_library()
    for each in reversed(done):
        with contextlib.suppress(ldap.LDAPError):
            if each.entry is not None:
                connection.delete_s(each.dn)
            else:
                change = _modification(ldap, each.attribute, each.new, each.gone)
                connection.modify_s(each.dn, change)


def _modification(
    ldap: Any, name: str, gone: Sequence[bytes], new: Sequence[bytes]
) -> list[tuple[int, str, Any]]:
    if name in ("olcAttributeTypes", "olcObjectClasses", "olcDbIndex", "olcModuleLoad"):
        out = [(ldap.MOD_DELETE, name, list(gone))] if gone else []
        return [*out, *([(ldap.MOD_ADD, name, list(new))] if new else [])]
    return [(ldap.MOD_REPLACE, name, list(new) or None)]


def _config(
    now: dict[str, Raw], node: Node, nodes: Sequence[Node], suffix: str, hashing: HashCost
) -> NodeConfig:
    """What the node's configuration depends on; its folder and its owner are what it says."""
    folder = Path(now[DATA]["olcDbDirectory"][0].decode()).parent
    rules = b" ".join(now["cn=config"].get("olcAuthzRegexp", ()))
    owner = _OWNER.search(rules)
    return NodeConfig(
        node,
        suffix,
        folder,
        links_in(folder),
        tuple(each for each in nodes if each.number != node.number),
        hashing,
        (int(owner[2]), int(owner[1])) if owner else (0, 0),
    )


def _refused(node: Node, what: str, why: str) -> PermanentError:
    return PermanentError(
        "DirectoryNodeFailed",
        f"{node.name} does not take {what} as this version writes it: {why}.",
        hint=f"Make it anew with `helio identity node replace {node.name}`.",
    )
