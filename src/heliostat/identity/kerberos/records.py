"""What the store keeps of Kerberos: a realm a tenant, and the services in it.

Keys of people lie in their own documents, beside the hash of the same password, so that one
commit sets both.  All keys are sealed, each for its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import msgspec

from heliostat.cloudstore.documents import Kind

REALM = "realm"
"""Id of the one realm that a tenant may have."""


class KerberosRealm(msgspec.Struct, frozen=True, kw_only=True):
    """A realm; ``master`` and ``tickets`` are the keys of its database and of its tickets."""

    id: str
    name: str
    master: str
    tickets: str
    password_service: str
    created_ms: int = 0
    schema: int = 1


class Version(msgspec.Struct, frozen=True):
    """One key of a service: its number, and the sealed keys of both types."""

    number: int
    keys: str


class ServicePrincipal(msgspec.Struct, frozen=True, kw_only=True):
    """A service, ``HTTP/host``.  ``versions``: the latest first; the others open older tickets.

    ``own``: a controller's, whose keys nobody is told.  ``computer``: whose it is, where it is a
    machine's.
    """

    id: str
    versions: tuple[Version, ...]
    created_ms: int = 0
    changed_ms: int = 0
    own: bool = False
    computer: str = ""
    schema: int = 1


@dataclass(frozen=True, slots=True)
class KerberosKinds:
    """Where a tenant's realm and the services in it lie."""

    realms: Kind[KerberosRealm]
    services: Kind[ServicePrincipal]

    @classmethod
    def of(cls, tenant_id: str) -> Self:
        """Those of the tenant with this id."""
        return cls(
            realms=Kind(f"kerberos-realm/{tenant_id}", KerberosRealm),
            services=Kind(f"kerberos-service/{tenant_id}", ServicePrincipal),
        )

    @property
    def lasting(self) -> tuple[Kind[Any], ...]:
        """Those that stay until somebody deletes them: all."""
        return (self.realms, self.services)
