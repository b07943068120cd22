"""The directories of all tenants: what administration is given.

``own`` is the site's; ``of`` finds a tenant's; ``tenants`` makes and ends them, and
``policies`` are their rules.
``close`` ends the threads that hash passwords.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError
from heliostat.core.ids import Ids
from heliostat.identity.acme.administration import AcmeKeys
from heliostat.identity.authority.administration import Administration
from heliostat.identity.authority.authorities import Authorities, TenantAuthority, no_hosts
from heliostat.identity.authority.overlap import Hosts
from heliostat.identity.checkup.checkup import Checkups
from heliostat.identity.directory.embedded import Directory
from heliostat.identity.factors.administered import AdministeredFactors
from heliostat.identity.federation.administered import AdministeredProviders
from heliostat.identity.kerberos.administration import KerberosRealms
from heliostat.identity.machines.machines import Machines
from heliostat.identity.machines.proof import IsThere, MachineProofs, everything_is
from heliostat.identity.machines.realm_keys import RealmKeys
from heliostat.identity.machines.site import MachineSite
from heliostat.identity.machines.workloads import Workloads
from heliostat.identity.openldap.site import OpenLdap
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.policies.policies import Policies
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms
from heliostat.identity.resealing import Resealing
from heliostat.identity.sealing import Sealing
from heliostat.identity.sources.outsiders import Members
from heliostat.identity.sources.sources import Sources
from heliostat.identity.tenants import Tenants
from heliostat.identity.tokens.consents import Consents
from heliostat.identity.tokens.signed_in import SessionsAtHand

if TYPE_CHECKING:
    from heliostat.identity.saml.part import Saml

log = logging.getLogger(__name__)


class Directories:
    """Everybody of a site, by tenant."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        sealing: Sealing | None = None,
        authority_folder: Path | None = None,
        hosts: Hosts = no_hosts,
    ) -> None:
        sealing = sealing or Sealing.passing()
        folder = authority_folder.parent / "directory" if authority_folder is not None else None
        self.openldap = OpenLdap(
            store, clock, ids, options, lambda: self.authorities.platform, folder
        )
        # people and groups are where they are at home; everything else is in ``store``
        store = self.openldap.store
        self.authorities = Authorities(store, clock, options, sealing, authority_folder, hosts)
        self.hashing = Hashing(ids, options.hashing)
        self.realms = Realms(store, clock, ids, options, self.hashing, sealing)
        self.tenants = Tenants(store, clock, ids, options, self.hashing)
        self.tenants.ending = self.authorities.end
        self.resealing = Resealing(store, sealing, self.tenants.ids, self.authorities.forget)
        self.policies = Policies(store, clock, options)
        self.policies.changed = self.keep_lockout
        self.kerberos = KerberosRealms(self.realms, options)
        self.checkups = Checkups(
            store, clock, self.realms, self.openldap, lambda: self.certificates, self.resealing
        )
        self._domain = options.domain
        self._clock = clock
        self._ids = ids
        self._store = store
        self.has_vm: IsThere = everything_is
        """Whether a VM is there; the composition root knows."""

    @property
    def system(self) -> Directory:
        """Of the tenant whose administrators administer the site, as last looked at."""
        return self.realms.system.directory

    async def own(self) -> Directory:
        """The site's, by the policy of now."""
        return await self.of(self._domain)

    async def of(self, domain: str) -> Directory:
        """Of the tenant with this domain; raises ``TenantNotFound``."""
        return (await self.realms.get(domain)).directory

    async def of_subject(self, subject: str) -> Directory:
        """Of whom ``name@domain`` or ``DOMAIN\\name`` names; raises ``TenantNotFound``."""
        before, backslash, _ = subject.partition("\\")
        domain = before if backslash else subject.rpartition("@")[2] if "@" in subject else ""
        return await self.of(domain or self._domain)

    @property
    def certificates(self) -> Administration:
        """The authority, by domain, as administration is given it."""
        return Administration(self.authorities, self.realms, self._clock, self.resealing)

    @property
    def acme_keys(self) -> AcmeKeys:
        """Keys that open ACME accounts, by domain."""
        return AcmeKeys(self._store, self._clock, self._ids, self.realms)

    async def authority(self, domain: str) -> TenantAuthority:
        """Of the tenant with this domain; raises ``TenantNotFound``."""
        return self.authorities.of((await self.realms.get(domain)).options)

    async def machines(self, domain: str) -> Machines:
        """The machines of the tenant with this domain; raises ``TenantNotFound``."""
        realm = await self.realms.get(domain)
        authority = self.authorities.of(realm.options)
        keys = RealmKeys(realm.options, realm.kerberos, realm.services)
        site = MachineSite(realm.options, authority, realm.directory, self.openldap, keys)
        return realm.machines(site, self._proofs(realm), self.has_vm)

    async def workloads(self, domain: str) -> Workloads:
        """What runs on the machines of that tenant; raises ``TenantNotFound``."""
        realm = await self.realms.get(domain)
        return Workloads(
            self._clock,
            self._ids,
            realm.options,
            self._proofs(realm),
            realm.keys,
            self.authorities.of(realm.options).certificates,
        )

    def _proofs(self, realm: Realm) -> MachineProofs:
        authority = self.authorities.of(realm.options)
        return realm.proofs(authority.certificates.is_revoked, self.has_vm)

    async def keep_lockout(self, domain: str) -> None:
        """Have the servers of the directory lock by the policy of now; what can't be reached is
        told at the next sign-in, or within the minute.
        """
        try:
            await (await self.realms.get(domain)).directory.keep_policy()
        except HeliostatError as error:  # the policy itself is kept
            log.warning("the directory's nodes lock %s as before: %s", domain, error)

    async def dismiss(self, domain: str, computer: str) -> None:
        """Delete a computer, and take back what it proved itself by; raises as ``machines``."""
        await (await self.machines(domain)).dismiss(computer)

    async def maintain(self) -> None:
        """Forget the computers that were VMs; those join the site's own directory."""
        await (await self.machines(self._domain)).dismiss_gone()

    async def sessions(self, domain: str) -> SessionsAtHand:
        """Who is signed in to the tenant with this domain; raises ``TenantNotFound``."""
        return (await self.realms.get(domain)).signed_in

    async def consents(self, domain: str) -> Consents:
        """What people of the tenant with this domain agreed to; raises ``TenantNotFound``."""
        return (await self.realms.get(domain)).consents

    async def saml(self, domain: str) -> Saml:
        """What the tenant with this domain has of SAML; raises ``TenantNotFound``."""
        return (await self.realms.get(domain)).saml

    async def sources(self, domain: str) -> Sources:
        """The identity sources of the tenant with this domain; raises ``TenantNotFound``."""
        return (await self.realms.get(domain)).sources

    async def members(self, domain: str) -> Members:
        """Who is in the groups of the tenant with this domain; raises ``TenantNotFound``."""
        return (await self.realms.get(domain or self._domain)).members

    async def providers(self, domain: str) -> AdministeredProviders:
        """The other providers that the tenant's people sign in with; raises ``TenantNotFound``."""
        return (await self.realms.get(domain)).administered_providers

    async def factors(self, domain: str) -> AdministeredFactors:
        """The second factors of the tenant's people; raises ``TenantNotFound``."""
        realm = await self.realms.get(domain)
        return AdministeredFactors(realm.factors, realm.directory, realm.people)

    def close(self) -> None:
        self.realms.close()
        self.hashing.close()
        self.openldap.close()
