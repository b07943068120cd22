"""What a machine is told of its membership."""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.identity.machines.realm_keys import KerberosServers
from heliostat.identity.machines.servers import LdapServers
from heliostat.identity.names import computer_subject


@dataclass(frozen=True, slots=True)
class Member:
    """What a machine is told; ``chain`` is empty where no new certificate was asked for."""

    computer: str
    domain: str
    issuer: str
    chain: str
    roots: tuple[str, ...]
    crls: tuple[str, ...]
    directory: LdapServers | None = None
    kerberos: KerberosServers | None = None

    @property
    def subject(self) -> str:
        """What an audit trail calls it."""
        return computer_subject(self.computer, self.domain)
