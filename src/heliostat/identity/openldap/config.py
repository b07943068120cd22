"""A node's configuration as data: cn=config, made from what the node is.  Pure.

The same entries are written to a folder by slapadd when a node is made, and changed over
LDAP while it runs (``membership``).  Replication is by the log of changes (delta-syncrepl):
each node logs what was written to it, the others read the log, so that of two changes to
one entry on both sides of a cut link only those of the same attribute conflict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from heliostat.identity.openldap.ldif import Entry
from heliostat.identity.openldap.names import PEOPLE, controller_dn, replicator_dn, replicators_dn
from heliostat.identity.openldap.node import Node
from heliostat.identity.openldap.schema import OURS, POSIX
from heliostat.identity.options import HashCost

MODULES = Path("/usr/lib/ldap")
DATA_BYTES = 8 << 30
"""What a database may grow to: the size of a sparse file, not of memory."""
LOG_DAYS = 7
"""How long changes stay in the log: a node that was away for longer copies everything."""
THREADS = 8
"""Of each server: with the memory of a password hash this bounds that of a login flood."""
SEARCH_S = 30
"""How long a search of anybody but controllers and nodes may keep one of them."""
TLS = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
"""As GnuTLS says it, which Debian's slapd is built with: olcTLSProtocolMin does nothing there."""
IDLE_S = 600
"""After this a connection that nothing is asked over ends; those between nodes stay."""
DATA, LOG = "olcDatabase={1}mdb,cn=config", "olcDatabase={2}mdb,cn=config"
DISABLED = "heliostatDisabled"
LOG_SUFFIX = "cn=accesslog"
_INDEXES = (
    "objectClass eq",
    "entryCSN,entryUUID eq",
    "uid,cn,sn,mail eq,pres,sub",
    "heliostatKey eq,sub",
    "member,memberUid,uidNumber,gidNumber eq",
)


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


def entries(config: NodeConfig) -> list[Entry]:
    """The whole of cn=config but for the standard schema, in order."""
    return [*before_schema(config), *after_schema(config)]


def before_schema(config: NodeConfig) -> list[Entry]:
    return [_global(config), _modules(config), _schema_root()]


def after_schema(config: NodeConfig) -> list[Entry]:
    return [
        POSIX,
        OURS,
        *_databases(config),
    ]


def provider(config: NodeConfig, other: Node) -> str:
    """How a node copies from ``other``: the value of olcSyncrepl."""
    links = config.links
    return " ".join(
        [
            f"rid={other.number:03}",
            f"provider={other.url}",
            "bindmethod=sasl saslmech=EXTERNAL",
            f'tls_cert="{links.link_certificate}" tls_key="{links.link_key}"',
            f'tls_cacert="{links.authority}" tls_reqcert=demand tls_reqsan=try',
            f'searchbase="{config.suffix}" scope=sub schemachecking=off',
            'type=refreshAndPersist retry="1 30 5 +" timeout=3 network-timeout=3',
            "keepalive=10:3:3",
            f'logbase="{LOG_SUFFIX}" syncdata=accesslog',
            'logfilter="(&(objectClass=auditWriteObject)(reqResult=0))"',
        ]
    )


def replication(config: NodeConfig) -> dict[str, Sequence[str]]:
    """The attributes of the database that say from whom it copies; none for a single node."""
    if not config.others:
        return {}
    values = [provider(config, each) for each in config.others]
    return {"olcSyncrepl": values, "olcMultiProvider": ["TRUE"]}


def _global(config: NodeConfig) -> Entry:
    links, suffix = config.links, config.suffix
    user, group = config.owner
    peer = f"gidNumber={group}\\+uidNumber={user},cn=peercred,cn=external,cn=auth"
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
            "olcAuthzRegexp": [
                f'{{0}}"^cn=replicator,o=([a-z0-9-]+)$" "cn=$1,{replicators_dn(suffix)}"',
                f'{{1}}"^cn=controller,o=[^,]+$" "{controller_dn(suffix)}"',
                f'{{2}}"^{peer}$" "{controller_dn(suffix)}"',
                *_by_ticket(suffix),
            ],
        },
    )


def _by_ticket(suffix: str) -> list[str]:
    """Who somebody with a Kerberos ticket is, unless disabled; realms are domains in capitals."""
    own = ".".join(each.partition("=")[2] for each in suffix.split(",")).replace(".", r"\.")
    name, end = "^uid=([a-z0-9._-]+)@", ",cn=gssapi,cn=auth$"
    who = f"??one?(&(uid=$1)(!({DISABLED}=TRUE)))"
    return [
        f'{{3}}"{name}{own}{end}" "ldap:///ou={PEOPLE},{suffix}{who}"',
        f'{{4}}"{name}([a-z0-9.-]+){end}" "ldap:///ou={PEOPLE},o=$2,ou=tenants,{suffix}{who}"',
    ]


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


def _databases(config: NodeConfig) -> list[Entry]:
    controller = controller_dn(config.suffix)
    return [
        Entry(
            "olcDatabase={-1}frontend,cn=config",
            {
                "objectClass": ["olcDatabaseConfig", "olcFrontendConfig"],
                "olcDatabase": ["{-1}frontend"],
                "olcPasswordHash": ["{ARGON2}"],
                "olcAccess": [
                    '{0}to dn.base="" by * read',
                    '{1}to dn.base="cn=subschema" by * read',
                ],
            },
        ),
        Entry(
            "olcDatabase={0}config,cn=config",
            {
                "objectClass": ["olcDatabaseConfig"],
                "olcDatabase": ["{0}config"],
                "olcAccess": [f'{{0}}to * by dn.exact="{controller}" manage by * none'],
            },
        ),
        _data(config),
        _overlay(DATA, "{0}syncprov", "olcSyncProvConfig", olcSpCheckpoint=["100 5"]),
        _overlay(
            DATA,
            "{1}accesslog",
            "olcAccessLogConfig",
            olcAccessLogDB=[LOG_SUFFIX],
            olcAccessLogOps=["writes"],
            olcAccessLogSuccess=["TRUE"],
            olcAccessLogPurge=[f"{LOG_DAYS:02}+00:00 01+00:00"],
        ),
        _overlay(
            DATA,
            "{2}ppolicy",
            "olcPPolicyConfig",
            olcPPolicyDefault=[f"cn=default,ou=policies,{config.suffix}"],
            olcPPolicyHashCleartext=["TRUE"],
        ),
        _overlay(
            DATA,
            "{3}dynlist",
            "olcDynListConfig",
            olcDynListAttrSet=["groupOfURLs memberURL member+memberOf@groupOfNames*"],
        ),
        _log(config),
        _overlay(
            LOG,
            "{0}syncprov",
            "olcSyncProvConfig",
            olcSpNoPresent=["TRUE"],
            olcSpReloadHint=["TRUE"],
        ),
    ]


def _data(config: NodeConfig) -> Entry:
    controller = controller_dn(config.suffix)
    unlimited = "time=unlimited size=unlimited"
    return Entry(
        DATA,
        {
            "objectClass": ["olcDatabaseConfig", "olcMdbConfig"],
            "olcDatabase": ["{1}mdb"],
            "olcDbDirectory": [str(config.folder / "data")],
            "olcSuffix": [config.suffix],
            "olcRootDN": [controller],
            "olcDbMaxSize": [str(DATA_BYTES)],
            "olcDbIndex": [*_INDEXES, *config.indexes],
            "olcLimits": [
                f'{{0}}dn.exact="{controller}" {unlimited}',
                f'{{1}}dn.onelevel="{replicators_dn(config.suffix)}" {unlimited}',
            ],
            "olcSizeLimit": ["size.soft=1000 size.hard=10000 size.prtotal=unlimited"],
            "olcTimeLimit": [str(SEARCH_S)],
            "olcAccess": access(config.suffix, config.others),
            **replication(config),
        },
    )


def access(suffix: str, others: Sequence[Node]) -> list[str]:
    """Who may what: other nodes see all, nobody reads a password, people see their own tenant.

    Passwords change through controllers, which know the rules and all that depends on them.
    A tenant is named, not matched: as a pattern its dots would stand for hyphens, too.
    """
    rules = [
        f"to attrs=entry,uid,{DISABLED} by anonymous =x by * break",
        _copying(suffix, others, "break"),
        'to attrs=userPassword filter="(heliostatDisabled=TRUE)" by * none',
        "to attrs=userPassword by anonymous auth by * none",
        "to attrs=heliostatRecord,pwdHistory by * none",
        f'to dn.regex="^(.+,)?(o=[^,]+,ou=tenants,{suffix})$" '
        'by dn.children,expand="$2" read by * none',
        f'to dn.exact="ou=tenants,{suffix}" by * none',
        f'to * by dn.regex="^[^,]+,ou=[^,]+,{suffix}$" read by * none',
    ]
    return [f"{{{number}}}{rule}" for number, rule in enumerate(rules)]


def log_access(suffix: str, others: Sequence[Node]) -> list[str]:
    """Who may read the log: other nodes."""
    return ["{0}" + _copying(suffix, others, "none")]


def _copying(suffix: str, others: Sequence[Node], last: str) -> str:
    names = sorted(replicator_dn(suffix, each.identity) for each in others)
    return " ".join(["to *", *(f'by dn.exact="{name}" read' for name in names), f"by * {last}"])


def _log(config: NodeConfig) -> Entry:
    controller, copying = controller_dn(config.suffix), replicators_dn(config.suffix)
    unlimited = "time=unlimited size=unlimited"
    return Entry(
        LOG,
        {
            "objectClass": ["olcDatabaseConfig", "olcMdbConfig"],
            "olcDatabase": ["{2}mdb"],
            "olcDbDirectory": [str(config.folder / "log")],
            "olcSuffix": [LOG_SUFFIX],
            "olcRootDN": [controller],
            "olcDbMaxSize": [str(DATA_BYTES)],
            "olcDbIndex": ["default eq", "entryCSN,objectClass,reqEnd,reqResult,reqStart,reqDN"],
            "olcLimits": [f'{{0}}dn.onelevel="{copying}" {unlimited}'],
            "olcAccess": log_access(config.suffix, config.others),
        },
    )


def _overlay(database: str, name: str, kind: str, **attributes: Sequence[str]) -> Entry:
    return Entry(
        f"olcOverlay={name},{database}",
        {"objectClass": ["olcOverlayConfig", kind], "olcOverlay": [name], **attributes},
    )
