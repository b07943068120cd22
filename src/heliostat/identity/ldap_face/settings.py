"""What an operator may set about the LDAP face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliostat.core.settings import bounded


@dataclass(frozen=True, slots=True)
class LdapSettings:
    """The directory as LDAP clients see it."""

    host: str = "127.0.0.1"
    """Address to listen on for LDAP clients."""
    port: int = bounded(0, 0, 65_535)
    """TCP port for LDAP with StartTLS, 389 by its standard; 0 opens none.  Without TLS,
    passwords are taken from this machine only."""
    tls_port: int = bounded(0, 0, 65_535)
    """TCP port for LDAP over TLS, 636 by its standard; 0 opens none."""
    anonymous: bool = False
    """Whether who is not signed in may read people, groups and computers, too."""

    @property
    def is_on(self) -> bool:
        return bool(self.port or self.tls_port)

    def reached_at(self, names: Sequence[str]) -> tuple[str, ...]:
        """What clients connect to, where they reach this machine under ``names``."""
        scheme, port = ("ldaps", self.tls_port) if self.tls_port else ("ldap", self.port)
        hosts = (f"[{name}]" if ":" in name else name for name in names)
        return tuple(f"{scheme}://{host}:{port}" for host in hosts) if self.is_on else ()

    @property
    def urls(self) -> tuple[str, ...]:
        """What slapd listens at."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        plain = (f"ldap://{host}:{self.port}",) if self.port else ()
        return (*plain, *((f"ldaps://{host}:{self.tls_port}",) if self.tls_port else ()))
