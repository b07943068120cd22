"""Every setting of a Heliostat server, with its default, unit and reason.

Read from ``$HELIO_HOME/heliostat.toml``; the environment wins
(``HELIO__API__PORT=9443``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from heliostat.agent.settings import AgentSettings
from heliostat.cloudstore.retention import Retention
from heliostat.controller.api.forwarded import networks
from heliostat.controller.workflows.settings import WorkflowSettings
from heliostat.core.logs import FORMATS, LEVELS, LogSettings
from heliostat.core.settings import InvalidSetting, load
from heliostat.identity.authority.options import AuthorityOptions
from heliostat.identity.ldap_face.settings import LdapSettings
from heliostat.identity.options import (
    BannerPolicy,
    DirectoryOptions,
    FederationPolicy,
    KerberosOptions,
    SamlPolicy,
    SecondFactorPolicy,
    TicketPolicy,
    TokenLifetimes,
)
from heliostat.identity.passwords.options import HashCost, LockoutPolicy, PasswordPolicy
from heliostat.identity.reach.options import ReachOptions
from heliostat.server.backups import BackupSettings

CONFIG_NAME = "heliostat.toml"


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """The public API."""

    host: str = "127.0.0.1"
    """Address to listen on; loopback by default, since a new platform has no firewall yet."""
    port: int = 9000
    """TCP port of the public API (HTTPS); 9000 is what existing clients try first."""
    loopback_port: int = 0
    """TCP port of the same API on 127.0.0.1 without TLS, for a proxy on this machine that ends
    TLS itself; 0 opens none.  Tokens are needed there too."""
    names: tuple[str, ...] = ("127.0.0.1", "localhost")
    """DNS names and addresses in the API's certificate; the first one is in links and tokens."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks (CIDR) of proxies before this API; only their X-Forwarded-Proto and
    X-Forwarded-Host count, which links in answers are made of, and their X-Forwarded-For, the
    client's address in the audit trail and the log. None by default: anybody can send these
    headers."""

    def faults(self) -> Iterator[tuple[str, str]]:
        try:
            networks(self.trusted_proxies)
        except ValueError as error:
            yield "trusted_proxies", str(error)


@dataclass(frozen=True, slots=True)
class AgentGateSettings:
    """Where agents dial in."""

    host: str = "127.0.0.1"
    """Address to listen on for agents (mutual TLS)."""
    port: int = 9001
    """TCP port for agents."""
    lease_ttl_s: float = 10.0
    """Seconds after which a host whose link is silent counts as missing."""


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """Task workers."""

    lease_ttl_s: float = 10.0
    """Seconds without renewal after which another worker takes over a worker's tasks."""
    concurrency: int = 64
    """Tasks that one worker runs at the same time."""


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """Sign-in."""

    domain: str = "heliostat.local"
    """Name of the system tenant's domain: users are ``name@domain``."""
    passwords: PasswordPolicy = field(default_factory=PasswordPolicy)
    """What a password must be."""
    lockout: LockoutPolicy = field(default_factory=LockoutPolicy)
    """When guessing stops."""
    hashing: HashCost = field(default_factory=HashCost)
    """What a hash costs."""
    lifetimes: TokenLifetimes = field(default_factory=TokenLifetimes)
    """How long tokens live."""
    tickets: TicketPolicy = field(default_factory=TicketPolicy)
    """What Kerberos tickets are good for."""
    kerberos: KerberosOptions = field(default_factory=KerberosOptions)
    """Where Kerberos tickets are given."""
    authority: AuthorityOptions = field(default_factory=AuthorityOptions)
    """The certificate authority."""
    second_factors: SecondFactorPolicy = field(default_factory=SecondFactorPolicy)
    """Who shows more than a password."""
    saml: SamlPolicy = field(default_factory=SamlPolicy)
    """What SAML and WS-Trust let people do, unless a tenant says otherwise."""
    banner: BannerPolicy = field(default_factory=BannerPolicy)
    """What people agree to before they are signed in with a browser."""
    directory: DirectoryOptions = field(default_factory=DirectoryOptions)
    """Where people and groups are kept."""
    federation: FederationPolicy = field(default_factory=FederationPolicy)
    """How other providers are asked."""
    reach: ReachOptions = field(default_factory=ReachOptions)
    """Where addresses may lead that tenants name."""


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Measurements for Prometheus."""

    port: int = 0
    """TCP port on 127.0.0.1 where a scraper reads `/metrics` without a token; 0 opens none.
    System administrators read them from the API in any case."""
    projects: int = 200
    """Projects whose quotas are among the metrics, so that their number stays bounded."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a server."""

    api: ApiSettings = field(default_factory=ApiSettings)
    agents: AgentGateSettings = field(default_factory=AgentGateSettings)
    store: Retention = field(default_factory=Retention)
    tasks: TaskSettings = field(default_factory=TaskSettings)
    log: LogSettings = field(default_factory=LogSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    backup: BackupSettings = field(default_factory=BackupSettings)
    workflows: WorkflowSettings = field(default_factory=WorkflowSettings)
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    ldap: LdapSettings = field(default_factory=LdapSettings)
    agent: AgentSettings = field(default_factory=AgentSettings)


def home_of(environ: Mapping[str, str]) -> Path:
    """The folder of all state: ``HELIO_HOME``, else ``~/.heliostat``."""
    return Path(environ.get("HELIO_HOME") or Path.home() / ".heliostat").absolute()


def load_settings(home: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the platform in ``home``; raises ``InvalidSetting``."""
    settings = load(Settings, home / CONFIG_NAME, environ)
    for name, value, known in (
        ("log.format", settings.log.format, FORMATS),
        ("log.level", settings.log.level, LEVELS),
    ):
        if value not in known:
            raise InvalidSetting(name, f"{value!r} is none of {', '.join(known)}.")
    return settings
