"""The configuration of the slapd that stands before the socket.  Pure.

It keeps no data: each tenant's database is empty and passes everything on.  slapd does what it
does best (framing, TLS, StartTLS, limits of connections, rootDSE, schema) and decides nothing
about people: its access rules let everything through to us, who know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heliostat.identity.openldap.config import MODULES, TLS
from heliostat.identity.openldap.ldif import Entry
from heliostat.identity.openldap.schema import POSIX

ONE_RESULT = ("bind", "compare", "modify", "modrdn", "add", "delete", "extended")
"""What is answered with one result and nothing before it."""
EMPTY_BYTES = 1 << 20
THREADS = 16
IDLE_S = 600
"""After which a connection that says nothing is closed."""
SLOWEST_S = 10
"""For which a thread waits on a client that does not read; there are ``THREADS`` of them."""
LARGEST_ANONYMOUS, LARGEST = 64 << 10, 1 << 20
"""Bytes of one request."""
PENDING, PENDING_ANONYMOUS = 100, 10
"""Requests of one connection that may wait."""
# a UUID's own arc (ITU-T X.667): nobody needs to register it
_ARC = "2.25.148216538291837465029384756102938475610"
_TEXT = "1.3.6.1.4.1.1466.115.121.1.15"
_OCTETS = "1.3.6.1.4.1.1466.115.121.1.40"
_TIME = "1.3.6.1.4.1.1466.115.121.1.24"
_BOOLEAN = "1.3.6.1.4.1.1466.115.121.1.7"
_IGNORING_CASE = "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch"

FACE = Entry(
    "cn=heliostatface,cn=schema,cn=config",
    {
        "objectClass": ["olcSchemaConfig"],
        "cn": ["heliostatface"],
        "olcAttributeTypes": [
            # as OpenSSH's LDAP patch and sssd know it
            "( 1.3.6.1.4.1.24552.500.1.1.1.13 NAME 'sshPublicKey' "
            f"EQUALITY octetStringMatch SYNTAX {_OCTETS} )",
            f"( {_ARC}.1.1 NAME 'operatingSystem' {_IGNORING_CASE} SYNTAX {_TEXT} SINGLE-VALUE )",
            f"( {_ARC}.1.2 NAME 'certificateSha256' {_IGNORING_CASE} SYNTAX {_TEXT} SINGLE-VALUE )",
            f"( {_ARC}.1.3 NAME 'lastSeen' EQUALITY generalizedTimeMatch ORDERING "
            f"generalizedTimeOrderingMatch SYNTAX {_TIME} SINGLE-VALUE )",
            f"( {_ARC}.1.4 NAME 'accountDisabled' EQUALITY booleanMatch SYNTAX {_BOOLEAN} "
            "SINGLE-VALUE )",
        ],
        "olcObjectClasses": [
            "( 1.3.6.1.4.1.24552.500.1.1.2.0 NAME 'ldapPublicKey' SUP top AUXILIARY "
            "MAY ( sshPublicKey $ uid ) )",
            f"( {_ARC}.2.1 NAME 'heliostatComputer' SUP top AUXILIARY "
            "MAY ( operatingSystem $ certificateSha256 $ lastSeen $ accountDisabled ) )",
            f"( {_ARC}.2.2 NAME 'heliostatPerson' SUP top AUXILIARY MAY accountDisabled )",
        ],
    },
)


@dataclass(frozen=True, slots=True)
class FaceConfig:
    """All that the configuration depends on."""

    folder: Path
    socket: Path
    """Of the server that answers searches."""
    refusing_socket: Path
    """Of the one that answers everything else (see ``listener``)."""
    suffixes: Sequence[str]
    chain: Path
    key: Path
    authority: Path
    owner: tuple[int, int]
    """User and group of the process, who may change the configuration over its own socket."""


def entries(config: FaceConfig) -> list[Entry]:
    """The whole of cn=config but for the standard schema, in order."""
    user, group = config.owner
    owner = f"gidNumber={group}+uidNumber={user},cn=peercred,cn=external,cn=auth"
    return [
        Entry(
            "cn=config",
            {
                "objectClass": ["olcGlobal"],
                "cn": ["config"],
                "olcThreads": [str(THREADS)],
                "olcLogLevel": ["none"],
                "olcPidFile": [str(config.folder / "slapd.pid")],
                "olcIdleTimeout": [str(IDLE_S)],
                "olcWriteTimeout": [str(SLOWEST_S)],
                "olcSockbufMaxIncoming": [str(LARGEST_ANONYMOUS)],
                "olcSockbufMaxIncomingAuth": [str(LARGEST)],
                "olcConnMaxPending": [str(PENDING_ANONYMOUS)],
                "olcConnMaxPendingAuth": [str(PENDING)],
                "olcLocalSSF": ["256"],
                "olcTLSCertificateFile": [str(config.chain)],
                "olcTLSCertificateKeyFile": [str(config.key)],
                "olcTLSCACertificateFile": [str(config.authority)],
                "olcTLSVerifyClient": ["never"],
                "olcAuthzRegexp": [_by_ticket(suffix) for suffix in config.suffixes],
                "olcTLSCipherSuite": [TLS],
            },
        ),
        Entry(
            "cn=module,cn=config",
            {
                "objectClass": ["olcModuleList"],
                "cn": ["module"],
                "olcModulePath": [str(MODULES)],
                # memberof only for its schema: the attribute can't be defined otherwise
                "olcModuleLoad": ["back_mdb", "back_sock", "memberof"],
            },
        ),
        Entry("cn=schema,cn=config", {"objectClass": ["olcSchemaConfig"], "cn": ["schema"]}),
        POSIX,
        FACE,
        Entry(
            "olcDatabase={-1}frontend,cn=config",
            {
                "objectClass": ["olcDatabaseConfig", "olcFrontendConfig"],
                "olcDatabase": ["{-1}frontend"],
                "olcSizeLimit": ["unlimited"],
                "olcAccess": ["{0}to * by * read"],
            },
        ),
        Entry(
            "olcDatabase={0}config,cn=config",
            {
                "objectClass": ["olcDatabaseConfig"],
                "olcDatabase": ["{0}config"],
                "olcAccess": [f'{{0}}to * by dn.exact="{owner}" manage by * none'],
            },
        ),
        *(
            each
            for number, suffix in enumerate(_inner_first(config.suffixes), 1)
            for each in _database(config, number, suffix)
        ),
    ]


def _by_ticket(suffix: str) -> str:
    """Who somebody with a Kerberos ticket is; the realm is the domain in capitals.

    The name that comes of it stands directly below the domain, where no entry is: units are
    looked up when it is used.
    """
    realm = ".".join(each.partition("=")[2] for each in suffix.split(",")).replace(".", r"\.")
    return f'"^uid=([a-z0-9._-]+)@{realm},cn=gssapi,cn=auth$" "uid=$1,{suffix}"'


def data_folders(config: FaceConfig) -> list[Path]:
    """Folders that have to be there before slapd starts."""
    return [_data(config, number) for number in range(1, len(config.suffixes) + 1)]


def _database(config: FaceConfig, number: int, suffix: str) -> tuple[Entry, ...]:
    """One tenant's: an empty database that is never asked, since the overlays answer all.

    It is there for what slapd lets through because of it: by itself the socket back end has
    requests refused that say that their results must come in pages.
    """
    database = f"olcDatabase={{{number}}}mdb,cn=config"
    return (
        Entry(
            database,
            {
                "objectClass": ["olcDatabaseConfig", "olcMdbConfig"],
                "olcDatabase": [f"{{{number}}}mdb"],
                "olcSuffix": [suffix],
                "olcDbDirectory": [str(_data(config, number))],
                "olcDbMaxSize": [str(EMPTY_BYTES)],
                # slapd's own would cut results short without a word; ours is in the answer
                "olcSizeLimit": ["unlimited"],
                "olcAccess": ["{0}to * by * write"],
            },
        ),
        _overlay(database, 0, config.socket, ("search",)),
        _overlay(database, 1, config.refusing_socket, ONE_RESULT),
    )


def _overlay(database: str, number: int, socket: Path, operations: Sequence[str]) -> Entry:
    return Entry(
        f"olcOverlay={{{number}}}sock,{database}",
        {
            "objectClass": ["olcOverlayConfig", "olcOvSocketConfig"],
            "olcOverlay": [f"{{{number}}}sock"],
            "olcDbSocketPath": [str(socket)],
            "olcDbSocketExtensions": ["binddn", "peername", "ssf", "connid"],
            "olcOvSocketOps": list(operations),
        },
    )


def _data(config: FaceConfig, number: int) -> Path:
    return config.folder / "data" / str(number)


def _inner_first(suffixes: Sequence[str]) -> list[str]:
    """slapd wants a tenant's domain before the one that it lies in."""
    return sorted(suffixes, key=lambda suffix: (-suffix.count(","), suffix))
