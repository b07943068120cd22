"""What a node's configuration depends on; ``cn_config`` makes it of that.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from heliostat.identity.openldap.node import Node
from heliostat.identity.passwords.options import HashCost

MODULES = Path("/usr/lib/ldap")
TLS = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
"""As GnuTLS says it, which Debian's slapd is built with: olcTLSProtocolMin does nothing there."""
DATA, LOG = "olcDatabase={1}mdb,cn=config", "olcDatabase={2}mdb,cn=config"
DISABLED = "heliostatDisabled"
LOG_SUFFIX = "cn=accesslog"


@dataclass(frozen=True, slots=True)
class Links:
    """Files that a node proves itself with, and judges others by."""

    chain: Path
    """Its certificate as a server, with what it stands on."""
    key: Path
    authority: Path
    """Who vouches for servers."""
    link_certificate: Path
    """Its certificate as one that copies."""
    link_key: Path
    link_authority: Path
    """Who vouches for nodes and controllers, and for nobody else."""


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """All that a node's configuration depends on."""

    node: Node
    suffix: str
    folder: Path
    links: Links
    others: tuple[Node, ...] = ()
    hashing: HashCost = field(default_factory=HashCost)
    owner: tuple[int, int] = (0, 0)
    """User and group of the process: over the node's socket, they are the controller."""
    schemas: tuple[str, ...] = ()
    """Files of further schema, such as Kerberos'."""
    indexes: tuple[str, ...] = ()
    """Further attributes that are searched for, as slapd spells it."""
