"""The databases of a node as entries of cn=config: people, and the log of their changes.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.identity.openldap.access import access, log_access
from heliostat.identity.openldap.config import DATA, LOG, LOG_SUFFIX, NodeConfig
from heliostat.identity.openldap.ldif import Entry
from heliostat.identity.openldap.names import controller_dn, replicators_dn
from heliostat.identity.openldap.replication import replication

DATA_BYTES = 8 << 30
"""What a database may grow to: the size of a sparse file, not of memory."""
LOG_DAYS = 7
"""How long changes stay in the log: a node that was away for longer copies everything."""
SEARCH_S = 30
"""How long a search of anybody but controllers and nodes may keep one of them."""
_INDEXES = (
    "objectClass eq",
    "entryCSN,entryUUID eq",
    "uid,cn,sn,mail eq,pres,sub",
    "heliostatKey eq,sub",
    "member,memberUid,uidNumber,gidNumber eq",
)


def databases(config: NodeConfig) -> list[Entry]:
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
