"""Where a machine reads its directory, whoever keeps that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LdapServers:
    """Where a directory is read; ``backup`` are servers of other sites.

    ``bind_dn`` is the machine's own name in it, ``secret`` what it binds with; empty: as before.
    ``disabled`` is the attribute that is TRUE of who may not sign in.
    """

    servers: tuple[str, ...]
    base: str
    bind_dn: str
    disabled: str
    backup: tuple[str, ...] = ()
    secret: str = ""
