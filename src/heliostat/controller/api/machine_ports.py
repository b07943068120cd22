"""What the API asks of machines that are members of a directory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from heliostat.identity.directory.views import ComputerView


class LdapServersRecord(Protocol):
    """Where a directory is read by LDAP."""

    @property
    def servers(self) -> Sequence[str]: ...
    @property
    def base(self) -> str: ...
    @property
    def bind_dn(self) -> str: ...
    @property
    def disabled(self) -> str: ...
    @property
    def secret(self) -> str: ...
    @property
    def backup(self) -> Sequence[str]: ...


class KerberosServersRecord(Protocol):
    """Where tickets come from."""

    @property
    def realm(self) -> str: ...
    @property
    def servers(self) -> Sequence[str]: ...
    @property
    def password_servers(self) -> Sequence[str]: ...
    @property
    def service(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def log_in(self) -> bool: ...


class MachineKeyRecord(Protocol):
    """A machine's key in a realm."""

    @property
    def subject(self) -> str: ...
    @property
    def computer(self) -> str: ...
    @property
    def service(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def keytab(self) -> bytes: ...


class MemberRecord(Protocol):
    """What a machine is told; certificates and lists are PEM."""

    @property
    def subject(self) -> str: ...
    @property
    def computer(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def issuer(self) -> str: ...
    @property
    def chain(self) -> str: ...
    @property
    def roots(self) -> Sequence[str]: ...
    @property
    def crls(self) -> Sequence[str]: ...
    @property
    def directory(self) -> LdapServersRecord | None: ...
    @property
    def kerberos(self) -> KerberosServersRecord | None: ...


class InvitationRecord(Protocol):
    """A token for a machine to join with."""

    @property
    def computer(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def expires_ms(self) -> int: ...


class WorkloadRecord(Protocol):
    """A program's identity; the chain is PEM."""

    @property
    def spiffe_id(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def expires_ms(self) -> int: ...
    @property
    def chain(self) -> str: ...


class WorkloadsPort(Protocol):
    """What runs on one tenant's machines."""

    async def issue(
        self,
        assertion: str,
        name: str,
        *,
        audience: Sequence[str] = (),
        csr_pem: str = "",
        plan: bool = False,
    ) -> WorkloadRecord: ...


class MachinesPort(Protocol):
    """One tenant's machines; changes as in ``DirectoryPort``."""

    async def invite(
        self, name: str, *, unit: str = "", project: str = "", vm: str = "", plan: bool = False
    ) -> InvitationRecord: ...
    async def join(
        self, secret: str, csr_pem: str, operating_system: str, *, plan: bool = False
    ) -> MemberRecord: ...
    async def refresh(
        self, assertion: str, csr_pem: str, operating_system: str, *, plan: bool = False
    ) -> MemberRecord: ...
    async def give_key(self, assertion: str, *, plan: bool = False) -> MachineKeyRecord: ...
    async def dismiss(self, name: str, *, plan: bool = False) -> ComputerView: ...
