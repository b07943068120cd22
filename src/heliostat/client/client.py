"""The client: one controller, one caller, every noun of the API.

::

    with Client("https://cloud.example:9000", FixedToken(token), ca_pem=pem) as cloud:
        task = cloud.vms.power(vm_id, "start").submit()
        cloud.tasks.wait(task)

Synchronous and safe to use from several threads.  Close it, or use ``with``.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from heliostat.client import trust
from heliostat.client.audit import Audit
from heliostat.client.bulk import Bulk
from heliostat.client.certificates import AcmeKeys, Authorities, Certificates
from heliostat.client.credentials import Anonymous, Bound, Credentials
from heliostat.client.datastores import Datastores
from heliostat.client.directory import DirectoryTenants, Groups, OidcClients, ServiceAccounts, Users
from heliostat.client.directory_entries import Computers, DirectorySearch, OrganizationalUnits
from heliostat.client.directory_nodes import DirectoryNodes
from heliostat.client.disks import Disks
from heliostat.client.events import Events
from heliostat.client.flavors import Flavors
from heliostat.client.hosts import Hosts
from heliostat.client.identity_policies import IdentityPolicies
from heliostat.client.identity_providers import IdentityProviders
from heliostat.client.identity_sessions import IdentityConsents, IdentitySessions
from heliostat.client.identity_sources import IdentitySources
from heliostat.client.images import Images
from heliostat.client.kerberos import Kerberos
from heliostat.client.labels import Labels
from heliostat.client.machines import Machines
from heliostat.client.policies import Policies
from heliostat.client.projects import Projects
from heliostat.client.quota_leases import QuotaLeases
from heliostat.client.quotas import Quotas
from heliostat.client.second_factors import SecondFactors
from heliostat.client.service_providers import ServiceProviders
from heliostat.client.subnets import Subnets
from heliostat.client.system import System
from heliostat.client.target import Target
from heliostat.client.tasks import Tasks
from heliostat.client.tenants import Tenants
from heliostat.client.tokens import TokenService
from heliostat.client.transport import Transport
from heliostat.client.upkeep import Upkeep
from heliostat.client.vms import Vms
from heliostat.client.zones import Zones
from heliostat.core.deferred import deferred

if TYPE_CHECKING:
    import httpx
else:
    httpx = deferred("httpx")


class Client:
    """A controller as its caller sees it."""

    def __init__(
        self,
        target: str | Target,
        credentials: Credentials | None = None,
        ca_pem: str = "",
        *,
        timeout_s: float = 60.0,
        http: httpx.BaseTransport | None = None,
    ) -> None:
        """``ca_pem`` is trusted alone; without it the system's CAs are. ``http`` is for tests."""
        parsed = target if isinstance(target, Target) else Target.parse(target)
        tls = trust.context(ca_pem) if parsed.url.startswith("https:") else None
        self.transport = Transport(parsed, tls=tls, timeout_s=timeout_s, http=http)
        self.token_service = TokenService(self.transport)
        self.transport.signer = Bound(credentials or Anonymous(), self.token_service)
        self.tenants = Tenants(self.transport)
        self.projects = Projects(self.transport)
        self.policies = Policies(self.transport)
        self.quotas = Quotas(self.transport)
        self.quota_leases = QuotaLeases(self.transport)
        self.flavors = Flavors(self.transport)
        self.images = Images(self.transport)
        self.vms = Vms(self.transport)
        self.disks = Disks(self.transport)
        self.bulk = Bulk(self.transport)
        self.hosts = Hosts(self.transport)
        self.zones = Zones(self.transport)
        self.datastores = Datastores(self.transport)
        self.labels = Labels(self.transport)
        self.tasks = Tasks(self.transport)
        self.events = Events(self.transport)
        self.audit = Audit(self.transport)
        self.users = Users(self.transport)
        self.groups = Groups(self.transport)
        self.service_accounts = ServiceAccounts(self.transport)
        self.oidc_clients = OidcClients(self.transport)
        self.directory_tenants = DirectoryTenants(self.transport)
        self.identity_consents = IdentityConsents(self.transport)
        self.identity_sessions = IdentitySessions(self.transport)
        self.acme_keys = AcmeKeys(self.transport)
        self.certificates = Certificates(self.transport)
        self.authorities = Authorities(self.transport)
        self.organizational_units = OrganizationalUnits(self.transport)
        self.computers = Computers(self.transport)
        self.directory_search = DirectorySearch(self.transport)
        self.identity_policies = IdentityPolicies(self.transport)
        self.kerberos = Kerberos(self.transport)
        self.identity_sources = IdentitySources(self.transport)
        self.machines = Machines(self.transport)
        self.directory_nodes = DirectoryNodes(self.transport)
        self.identity_providers = IdentityProviders(self.transport)
        self.second_factors = SecondFactors(self.transport)
        self.service_providers = ServiceProviders(self.transport)
        self.subnets = Subnets(self.transport)
        self.system = System(self.transport)
        self.upkeep = Upkeep(self.transport)

    @property
    def target(self) -> Target:
        return self.transport.target

    def close(self) -> None:
        self.transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
