"""The whole of a node's cn=config as entries, in the order in which slapd takes them.  Pure.

The same entries are written to a folder by slapadd when a node is made, and changed over
LDAP while it runs (``membership``).  Replication is by the log of changes (delta-syncrepl):
each node logs what was written to it, the others read the log, so that of two changes to
one entry on both sides of a cut link only those of the same attribute conflict.
"""

from __future__ import annotations

from heliostat.identity.openldap.access import identities
from heliostat.identity.openldap.config import MODULES, TLS, NodeConfig
from heliostat.identity.openldap.databases import databases
from heliostat.identity.openldap.ldif import Entry
from heliostat.identity.openldap.schema import OURS, POSIX

THREADS = 8
"""Of each server: with the memory of a password hash this bounds that of a login flood."""
IDLE_S = 600
"""After this a connection that nothing is asked over ends; those between nodes stay."""


def entries(config: NodeConfig) -> list[Entry]:
    """The whole of cn=config but for the standard schema, in order."""
    return [*before_schema(config), *after_schema(config)]


def before_schema(config: NodeConfig) -> list[Entry]:
    return [_global(config), _modules(config), _schema_root()]


def after_schema(config: NodeConfig) -> list[Entry]:
    return [
        POSIX,
        OURS,
        *databases(config),
    ]


def _global(config: NodeConfig) -> Entry:
    links = config.links
    return Entry(
        "cn=config",
        {
            "objectClass": ["olcGlobal"],
            "cn": ["config"],
            "olcServerID": [str(config.node.number)],
            "olcPidFile": [str(config.folder / "slapd.pid")],
            "olcThreads": [str(THREADS)],
            "olcToolThreads": ["1"],
            "olcLogLevel": ["sync"],
            "olcLocalSSF": ["256"],
            "olcTLSCertificateFile": [str(links.chain)],
            "olcTLSCertificateKeyFile": [str(links.key)],
            "olcTLSCACertificateFile": [str(links.link_authority)],
            "olcTLSVerifyClient": ["try"],
            "olcTLSCipherSuite": [TLS],
            "olcIdleTimeout": [str(IDLE_S)],
            "olcAuthzRegexp": identities(config.suffix, config.owner),
        },
    )


def _modules(config: NodeConfig) -> Entry:
    cost = config.hashing
    hashes = f"argon2 m={cost.memory_kib} t={cost.passes} p={cost.lanes}"
    loaded = ["back_mdb", "syncprov", "accesslog", "ppolicy", "dynlist", hashes]
    return Entry(
        "cn=module,cn=config",
        {
            "objectClass": ["olcModuleList"],
            "cn": ["module"],
            "olcModulePath": [str(MODULES)],
            "olcModuleLoad": loaded,
        },
    )


def _schema_root() -> Entry:
    attributes = {"objectClass": ["olcSchemaConfig"], "cn": ["schema"]}
    return Entry("cn=schema,cn=config", dict(attributes))
