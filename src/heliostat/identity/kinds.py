"""Every kind of document that a tenant has, gathered from the parts: one folder of each a tenant.

For who empties, sweeps or moves a whole tenant; a part itself takes the kinds that it names
from ``records`` of where they are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from heliostat.cloudstore.documents import Kind
from heliostat.identity.authority.records import AuthorityKinds
from heliostat.identity.directory.records import DirectoryKinds
from heliostat.identity.factors.records import Factor, factors_of
from heliostat.identity.federation.records import FederationKinds
from heliostat.identity.kerberos.records import KerberosKinds
from heliostat.identity.machines.records import MachineJoin, machine_joins_of
from heliostat.identity.passwords.records import Attempts, attempts_of
from heliostat.identity.policies.records import PolicyRecord, policies_of
from heliostat.identity.saml.records import SamlKinds
from heliostat.identity.service_accounts.records import CredentialUse, uses_of
from heliostat.identity.sources.records import SourceKinds
from heliostat.identity.steps.records import UnderWay, under_way_of
from heliostat.identity.tokens.records import TokenKinds


@dataclass(frozen=True, slots=True)
class TenantKinds:
    """The kinds of one tenant's documents, by part."""

    directory: DirectoryKinds
    tokens: TokenKinds
    saml: SamlKinds
    authority: AuthorityKinds
    sources: SourceKinds
    federation: FederationKinds
    kerberos: KerberosKinds
    policies: Kind[PolicyRecord]
    factors: Kind[Factor]
    attempts: Kind[Attempts]
    under_way: Kind[UnderWay]
    machine_joins: Kind[MachineJoin]
    credential_uses: Kind[CredentialUse]

    @property
    def all(self) -> tuple[Kind[Any], ...]:
        """Every kind of a tenant."""
        return (*self.lasting, *self.expiring)

    @property
    def lasting(self) -> tuple[Kind[Any], ...]:
        """Those that stay until somebody deletes them."""
        return (
            *self.directory.lasting,
            *self.tokens.lasting,
            *self.saml.lasting,
            *self.authority.lasting,
            *self.sources.lasting,
            *self.federation.lasting,
            *self.kerberos.lasting,
            self.policies,
            self.factors,
            self.credential_uses,
        )

    @property
    def expiring(self) -> tuple[Kind[Any], ...]:
        """Those whose documents have an ``expires_ms``."""
        return (
            *self.tokens.expiring,
            *self.saml.expiring,
            *self.authority.expiring,
            *self.sources.expiring,
            *self.federation.expiring,
            self.attempts,
            self.under_way,
            self.machine_joins,
        )

    @property
    def brief(self) -> tuple[Kind[Any], ...]:
        """Those of ``expiring`` that end within minutes and come by the thousand."""
        return (*self.tokens.brief, *self.federation.expiring, self.under_way)


@cache
def kinds_of(tenant_id: str) -> TenantKinds:
    """The kinds of the tenant with this id (not its domain, which may change)."""
    return TenantKinds(
        directory=DirectoryKinds.of(tenant_id),
        tokens=TokenKinds.of(tenant_id),
        saml=SamlKinds.of(tenant_id),
        authority=AuthorityKinds.of(tenant_id),
        sources=SourceKinds.of(tenant_id),
        federation=FederationKinds.of(tenant_id),
        kerberos=KerberosKinds.of(tenant_id),
        policies=policies_of(tenant_id),
        factors=factors_of(tenant_id),
        attempts=attempts_of(tenant_id),
        under_way=under_way_of(tenant_id),
        machine_joins=machine_joins_of(tenant_id),
        credential_uses=uses_of(tenant_id),
    )
