"""What the API needs from the rest of the platform, as protocols.

The composition root joins them: sign-in knows tokens and groups, the gateway
knows the agents' connections.  The API imports neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from heliostat.cloudstore.contract import Change, Guard
from heliostat.controller.api.forwarded import Network
from heliostat.core.roles import Held
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


class UserRecord(Protocol):
    """A person in the directory."""

    @property
    def name(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def disabled(self) -> bool: ...
    @property
    def created_ms(self) -> int: ...
    @property
    def groups(self) -> tuple[str, ...]: ...
    @property
    def given_name(self) -> str: ...
    @property
    def family_name(self) -> str: ...
    @property
    def email(self) -> str: ...


class GroupRecord(Protocol):
    """A group in the directory."""

    @property
    def name(self) -> str: ...
    @property
    def security_group(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def members(self) -> tuple[str, ...]: ...


class AccountRecord(Protocol):
    """A service account in the directory."""

    @property
    def name(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def groups(self) -> tuple[str, ...]: ...


class ClientRecord(Protocol):
    """A program that people sign in to."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def grants(self) -> tuple[str, ...]: ...
    @property
    def algorithm(self) -> str: ...
    @property
    def redirect_uris(self) -> tuple[str, ...]: ...
    @property
    def post_logout_redirect_uris(self) -> tuple[str, ...]: ...
    @property
    def created_ms(self) -> int: ...


class TenantRecord(Protocol):
    """A tenant of the directory."""

    @property
    def name(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def issuer(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def system(self) -> bool: ...
    @property
    def created_ms(self) -> int: ...


class NewTenantRecord(Protocol):
    """A tenant just made, with the password that is shown this once."""

    @property
    def tenant(self) -> TenantRecord: ...
    @property
    def administrator(self) -> str: ...
    @property
    def password(self) -> str: ...


Beside = Callable[[], Awaitable[tuple[Sequence[Guard], Sequence[Change]]]]
"""What somebody wants in the same commit; it may raise, and then nothing is committed."""


class DirectoryPort(Protocol):
    """Users, groups and service accounts; each change is one commit and returns after it.

    With ``plan`` a change validates and writes nothing.
    """

    def beside(self, also: Beside) -> AbstractContextManager[None]:
        """A change made inside commits what ``also`` says together with its own."""

    async def create_user(
        self,
        name: str,
        password: str,
        *,
        given_name: str = "",
        family_name: str = "",
        email: str = "",
        plan: bool = False,
    ) -> UserRecord: ...
    async def get_user(self, name: str) -> UserRecord: ...
    async def list_users(self) -> Sequence[UserRecord]: ...
    async def delete_user(self, name: str, *, plan: bool = False) -> UserRecord: ...
    async def set_password(self, name: str, password: str, *, plan: bool = False) -> UserRecord: ...
    async def create_group(
        self, name: str, *, description: str = "", plan: bool = False
    ) -> GroupRecord: ...
    async def get_group(self, name: str) -> GroupRecord: ...
    async def list_groups(self) -> Sequence[GroupRecord]: ...
    async def delete_group(self, name: str, *, plan: bool = False) -> GroupRecord: ...
    async def add_member(self, group: str, member: str, *, plan: bool = False) -> GroupRecord: ...
    async def remove_member(
        self, group: str, member: str, *, plan: bool = False
    ) -> GroupRecord: ...
    async def create_service_account(
        self, name: str, public_key_pem: str, groups: Sequence[str] = (), *, plan: bool = False
    ) -> AccountRecord: ...
    async def list_service_accounts(self) -> Sequence[AccountRecord]: ...
    async def delete_service_account(self, name: str, *, plan: bool = False) -> AccountRecord: ...
    async def create_client(
        self,
        name: str,
        redirect_uris: Sequence[str],
        *,
        title: str = "",
        post_logout_redirect_uris: Sequence[str] = (),
        algorithm: str = "ES256",
        plan: bool = False,
    ) -> ClientRecord: ...
    async def get_client(self, name: str) -> ClientRecord: ...
    async def list_clients(self) -> Sequence[ClientRecord]: ...
    async def delete_client(self, name: str, *, plan: bool = False) -> ClientRecord: ...


class TenantsPort(Protocol):
    """Tenants of the directory; changes as in ``DirectoryPort``."""

    async def create_tenant(
        self, domain: str, *, description: str = "", plan: bool = False
    ) -> NewTenantRecord: ...
    async def get_tenant(self, domain: str) -> TenantRecord: ...
    async def list_tenants(self) -> Sequence[TenantRecord]: ...
    async def delete_tenant(self, domain: str, *, plan: bool = False) -> TenantRecord: ...


class DirectoriesPort(Protocol):
    """The directories of the site and of its tenants."""

    @property
    def system(self) -> DirectoryPort:
        """The site's own."""

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
