"""What the API needs from the rest of the platform, as protocols.

The composition root joins them: sign-in knows tokens and groups, the gateway
knows the agents' connections.  The API imports neither, but for the words of the directory's
contract.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from heliostat.controller.api.authority_port import AcmeKeysPort, CertificatesPort
from heliostat.controller.api.directory_ports import DirectoryPort, PoliciesPort, TenantsPort
from heliostat.controller.api.forwarded import Network
from heliostat.controller.api.kerberos_ports import KerberosPort
from heliostat.controller.api.machine_ports import MachinesPort, WorkloadsPort
from heliostat.controller.api.node_ports import OpenLdapPort
from heliostat.controller.api.provider_ports import ProvidersPort
from heliostat.controller.api.saml_ports import SamlPort
from heliostat.controller.api.session_ports import ConsentsPort, FactorsPort, SessionsPort
from heliostat.controller.api.source_ports import SourcesPort
from heliostat.core.roles import Held
from heliostat.identity.directory.contract.groups import MemberVerbs
from heliostat.wire.access import Access


class Principal(Protocol):
    """A caller who has proved who it is."""

    @property
    def subject(self) -> str:
        """``user@domain``."""

    @property
    def groups(self) -> frozenset[str]:
        """Effective groups, ``DOMAIN\\name``."""

    @property
    def client(self) -> str:
        """The program that asked for the token; empty: one without an id."""

    @property
    def tenant(self) -> str:
        """The domain that has signed the caller in; people of its sources have others."""

    @property
    def is_system_admin(self) -> bool:
        """Whether every access rule is passed."""


@dataclass(frozen=True, slots=True)
class OwnerGroups:
    """Who may do what with an entity, as far as groups and policies say.

    ``tenant_groups`` own its tenant, ``project_groups`` contribute to its project.
    ``reaches_inside``: the caller holds a role on something that the entity holds.
    """

    tenant_groups: frozenset[str] = frozenset()
    project_groups: frozenset[str] = frozenset()
    tenant_policy: Sequence[Held] = ()
    project_policy: Sequence[Held] = ()
    entity_policy: Sequence[Held] = ()
    reaches_inside: bool = False


class Verdict(Protocol):
    """An access decision and its reason, one sentence."""

    @property
    def allowed(self) -> bool:
        """Whether the caller may go on."""

    @property
    def reason(self) -> str:
        """Why, for the caller to read."""


class IdentityPort(Protocol):
    """Who calls, and what may they do."""

    async def verify(self, token: str) -> Principal:
        """The principal of a bearer token; raises Malformed-, Invalid- or ExpiredAuthToken."""

    def peer(self, transport: asyncio.BaseTransport | None) -> Principal | None:
        """The principal of a Unix-socket peer, if the connection is one that counts."""

    def decide(self, rule: Access, principal: Principal, owner: OwnerGroups) -> Verdict:
        """Pure: whether ``principal`` passes ``rule`` for what ``owner`` owns."""


class FindingRecord(Protocol):
    """Something wrong: where, what, and what to do."""

    @property
    def area(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def hint(self) -> str: ...


class CheckupsPort(Protocol):
    """What is wrong with people, sign-in and certificates."""

    async def findings(self) -> Sequence[FindingRecord]: ...


class DirectoriesPort(Protocol):
    """The directories of the site and of its tenants."""

    @property
    def checkups(self) -> CheckupsPort: ...

    @property
    def openldap(self) -> OpenLdapPort: ...

    @property
    def kerberos(self) -> KerberosPort: ...

    @property
    def system(self) -> DirectoryPort:
        """The site's own, as last looked at."""

    @property
    def policies(self) -> PoliciesPort: ...

    @property
    def certificates(self) -> CertificatesPort: ...

    @property
    def acme_keys(self) -> AcmeKeysPort: ...

    async def sources(self, domain: str) -> SourcesPort:
        """A tenant's identity sources; raises ``TenantNotFound``."""

    async def providers(self, domain: str) -> ProvidersPort:
        """Other providers of a tenant; raises ``TenantNotFound``."""

    async def factors(self, domain: str) -> FactorsPort:
        """Second factors of a tenant's people; raises ``TenantNotFound``."""

    async def members(self, domain: str) -> MemberVerbs:
        """Who is in a tenant's groups (empty: the site's); raises ``TenantNotFound``."""

    async def of_subject(self, subject: str) -> DirectoryPort:
        """Where ``name@domain`` is; the site's own for a bare name.  Raises ``TenantNotFound``."""

    async def machines(self, domain: str) -> MachinesPort:
        """A tenant's machines; raises ``TenantNotFound``."""

    async def workloads(self, domain: str) -> WorkloadsPort:
        """What runs on a tenant's machines; raises ``TenantNotFound``."""

    async def sessions(self, domain: str) -> SessionsPort:
        """Who is signed in to a tenant; raises ``TenantNotFound``."""

    async def consents(self, domain: str) -> ConsentsPort:
        """What a tenant's people have agreed to; raises ``TenantNotFound``."""

    async def saml(self, domain: str) -> SamlPort:
        """What a tenant has of SAML; raises ``TenantNotFound``."""

    async def own(self) -> DirectoryPort:
        """The site's, by the policy of now."""

    @property
    def tenants(self) -> TenantsPort: ...

    async def of(self, domain: str) -> DirectoryPort:
        """A tenant's; raises ``TenantNotFound``."""


class Stream(Protocol):
    """A two-way byte stream into a guest."""

    async def read(self) -> bytes:
        """The next bytes; ``b""`` once the other end has closed."""

    async def write(self, data: bytes) -> None:
        """Send bytes; raises ``HeliostatError`` when the other end is gone."""

    async def close(self) -> None:
        """Close both directions; closing twice does nothing."""


@dataclass(frozen=True, slots=True)
class IssuedJoin:
    """A one-time join token and when it ends (ms)."""

    token: str
    expires_ms: int


class HostsPort(Protocol):
    """Questions to agents; each raises ``AgentUnavailable`` while the agent is away."""

    async def request(self, host_id: str, method: str, params: dict[str, Any]) -> Any:
        """The agent's answer to a method of ``agentlink.messages.REQUESTS``, or its fault."""

    async def open_tunnel(self, host_id: str, vm_id: str, kind: str, port: int | None) -> Stream:
        """A byte stream to a guest's console (``serial``), ``screen`` or TCP port (``port``)."""

    async def issue_join_token(self, host_id: str) -> IssuedJoin:
        """A token with which one agent may join as this host, once."""


@dataclass(frozen=True, slots=True)
class AuthEndpoint:
    """Where clients get tokens."""

    endpoint: str
    port: int
    domain: str


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Limits and facts of the API; all are for one controller process."""

    auth: AuthEndpoint
    json_body_bytes: int = 1 << 20
    """Largest JSON request body, in bytes; the store takes commits of 1 MiB."""
    body_timeout_s: float = 30.0
    """How long a JSON body may take to arrive, and an upload may send nothing, in seconds."""
    agent_timeout_s: float = 3.0
    """How long a read waits for an agent before it answers without the agent's part."""
    measured_projects: int = 200
    """Projects whose quotas are among the metrics."""
    git_commit_hash: str = ""
    """The commit this server was built from, if known."""
    trusted_proxies: tuple[Network, ...] = ()
    """Proxies whose word is taken about the client's address, and about the scheme and host
    that it used."""
    load_balancer_address: str = ""
    """Address of the load balancer before the controllers, if there is one."""
    ticket_lifetime_s: float = 60.0
    """How long a ticket for a VM's screen or console may be used, once, in seconds."""
    certificate_thumbprint: Callable[[], str] = lambda: ""
    """SHA-256 of the certificate that is shown to clients now, as ``AB:CD:…``."""
