"""How a node is reached, and whether who answers there is that node.  Blocking.

A node that was replaced has the address of the one before it, and that one may still run and
hold everything: by its address alone it would be taken for the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heliostat.identity.openldap.library import ldap_library

NETWORK_S, CALL_S = 3, 10


@dataclass(frozen=True, slots=True)
class Trust:
    """What a controller proves itself with over TLS, and whom it believes."""

    authority: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a node is reached: over its socket on this machine, else over TLS.

    ``number``: the server id that it must have; 0 for whichever answers there.
    """

    name: str
    url: str
    site: str
    number: int = 0

    @property
    def is_socket(self) -> bool:
        return self.url.startswith("ldapi:")


def opened(endpoint: Endpoint, trust: Trust | None) -> Any:
    """A connection that is nobody's yet."""
    ldap = ldap_library()
    connection = ldap.initialize(endpoint.url)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, NETWORK_S)
    connection.set_option(ldap.OPT_TIMEOUT, CALL_S)
    connection.set_option(ldap.OPT_REFERRALS, 0)
    if not endpoint.is_socket and trust is not None:
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(trust.authority))
        connection.set_option(ldap.OPT_X_TLS_CERTFILE, str(trust.certificate))
        connection.set_option(ldap.OPT_X_TLS_KEYFILE, str(trust.key))
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    return connection


def server_number(connection: Any) -> int:
    """The server id of who answers; 0 where it has none that is ours."""
    ldap = ldap_library()
    found = connection.search_s("cn=config", ldap.SCOPE_BASE, attrlist=["olcServerID"])
    values: list[bytes] = found[0][1].get("olcServerID", []) if found else []
    return int(values[0]) if len(values) == 1 and values[0].isdigit() else 0
