"""A node elsewhere that was removed or replaced serves no old copy: told so, it ends itself.

The controller restricts the node's database over cn=config, which is not replicated: from then
on the node refuses every request (``unwillingToPerform``), and clients ask another one.  Its
own process (``helio directory-node``) sees that, ends and deletes the copy.  Nothing is deleted
over LDAP: a deletion could reach others.
"""

from __future__ import annotations

import asyncio
from typing import Any

from heliostat.core.clock import Clock
from heliostat.identity.openldap.config import DATA, LOG
from heliostat.identity.openldap.endpoint import server_number
from heliostat.identity.openldap.library import ldap_library
from heliostat.identity.openldap.node import Node
from heliostat.identity.openldap.slapd import Folder

REFUSING = b"all"


def dismiss(connection: Any, node: Node) -> bool:
    """Have the node refuse everything; ``False`` where another one is in its place.  Blocking."""
    ldap = ldap_library()
    if server_number(connection) != node.number:
        return False
    alone = [(ldap.MOD_REPLACE, name, None) for name in ("olcSyncrepl", "olcMultiProvider")]
    connection.modify_s(DATA, [(ldap.MOD_REPLACE, "olcRestrict", [REFUSING]), *alone])
    connection.modify_s(LOG, [(ldap.MOD_REPLACE, "olcRestrict", [REFUSING])])
    return True


def is_dismissed(connection: Any) -> bool:
    """Whether this node was removed.  Blocking."""
    ldap = ldap_library()
    found = connection.search_s(DATA, ldap.SCOPE_BASE, attrlist=["olcRestrict"])
    return REFUSING in found[0][1].get("olcRestrict", ())


async def until_dismissed(folder: Folder, clock: Clock, every_s: float) -> None:
    """Return once the node in ``folder`` was removed."""
    while not await asyncio.to_thread(_look, folder):
        await clock.sleep(every_s)


def _look(folder: Folder) -> bool:
    """A server that does not answer now is asked later."""
    ldap = ldap_library()
    connection = ldap.initialize(folder.socket_url)
    connection.set_option(ldap.OPT_TIMEOUT, 10)
    try:
        connection.sasl_non_interactive_bind_s("EXTERNAL")
        return is_dismissed(connection)
    except ldap.LDAPError:
        return False
    finally:
        connection.unbind_s()
