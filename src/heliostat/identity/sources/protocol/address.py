"""Where a directory server is: ``ldaps://dc1.corp.example`` or ``ldap://…:389``."""

from __future__ import annotations

import re
from typing import NamedTuple

_URL = re.compile(
    r"(?P<scheme>ldaps?)://(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<host>[a-z0-9_.-]+))(?::(?P<port>\d{1,5}))?/?",
    re.IGNORECASE,
)
_PORTS = {"ldap": 389, "ldaps": 636}


class Address(NamedTuple):
    """A server; ``encrypted``: TLS from the first byte."""

    host: str
    port: int
    encrypted: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "ldaps" if self.encrypted else "ldap"
        port = "" if self.port == _PORTS[scheme] else f":{self.port}"
        return f"{scheme}://{host}{port}"


def parse(url: str) -> Address | None:
    """The address in ``url``; ``None`` if it is no address of a directory server."""
    found = _URL.fullmatch(url)
    if found is None:
        return None
    scheme = found["scheme"].casefold()
    port = int(found["port"]) if found["port"] else _PORTS[scheme]
    if not 0 < port < 1 << 16:
        return None
    return Address((found["six"] or found["host"]).casefold(), port, scheme == "ldaps")
