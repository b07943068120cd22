"""From whom a node copies: the values of olcSyncrepl.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.identity.openldap.config import LOG_SUFFIX, NodeConfig
from heliostat.identity.openldap.node import Node


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
