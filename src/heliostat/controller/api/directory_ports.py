"""What the API asks of the directories of tenants: people, groups, computers, their rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from heliostat.cloudstore.contract import Change, Guard
from heliostat.wire.oidc_clients import OidcClientSettings

T_co = TypeVar("T_co", covariant=True)
Beside = Callable[[], Awaitable[tuple[Sequence[Guard], Sequence[Change]]]]
"""What somebody wants in the same commit; it may raise, and then nothing is committed."""


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
    @property
    def description(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def ssh_public_keys(self) -> tuple[str, ...]: ...
    @property
    def certificates(self) -> tuple[str, ...]: ...


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
    @property
    def unit(self) -> str: ...
    @property
    def number(self) -> int: ...


class UnitRecord(Protocol):
    """An organisational unit of the directory."""

    @property
    def path(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def built_in(self) -> bool: ...
    @property
    def created_ms(self) -> int: ...


class ComputerRecord(Protocol):
    """A machine of the directory."""

    @property
    def name(self) -> str: ...
    @property
    def operating_system(self) -> str: ...
    @property
    def certificate_sha256(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def disabled(self) -> bool: ...
    @property
    def unit(self) -> str: ...
    @property
    def created_ms(self) -> int: ...
    @property
    def last_seen_ms(self) -> int: ...
    @property
    def project(self) -> str: ...
    @property
    def vm(self) -> str: ...


class EntryRecord(Protocol):
    """What a search finds."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def dn(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, tuple[str, ...]]: ...
    @property
    def position(self) -> object:
        """Where it stands among what is found; its text sorts so."""


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
    @property
    def authentication(self) -> str: ...
    @property
    def scopes(self) -> tuple[str, ...]: ...
    @property
    def key_ids(self) -> tuple[str, ...]: ...
    @property
    def access_s(self) -> int: ...
    @property
    def refresh_s(self) -> int: ...
    @property
    def rotate_refresh(self) -> bool: ...
    @property
    def consent(self) -> bool: ...
    @property
    def frontchannel_logout_uri(self) -> str: ...
    @property
    def backchannel_logout_uri(self) -> str: ...
    @property
    def logout_session_required(self) -> bool: ...
    @property
    def exchanges(self) -> tuple[str, ...]: ...
    @property
    def impersonates(self) -> bool: ...
    @property
    def group_filter(self) -> tuple[str, ...]: ...
    @property
    def secret(self) -> str:
        """One that was just made; empty where it is not."""


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


class Paged(Protocol[T_co]):
    """A page of what a directory holds; ``after`` goes on (empty: there is no more)."""

    @property
    def items(self) -> Sequence[T_co]: ...
    @property
    def after(self) -> str: ...


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
        description: str = "",
        unit: str = "",
        ssh_public_keys: Sequence[str] = (),
        certificates: Sequence[str] = (),
        must_change: bool = False,
        plan: bool = False,
    ) -> UserRecord: ...
    async def change_user(
        self,
        name: str,
        *,
        given_name: str | None = None,
        family_name: str | None = None,
        email: str | None = None,
        description: str | None = None,
        ssh_public_keys: Sequence[str] | None = None,
        certificates: Sequence[str] | None = None,
        disabled: bool | None = None,
        unit: str | None = None,
        plan: bool = False,
    ) -> UserRecord: ...
    async def get_user(self, name: str) -> UserRecord: ...
    async def page_users(
        self, *, limit: int, after: str = "", name: str = ""
    ) -> Paged[UserRecord]: ...
    async def delete_user(self, name: str, *, plan: bool = False) -> UserRecord: ...
    async def set_password(
        self, name: str, password: str, *, must_change: bool = False, plan: bool = False
    ) -> UserRecord: ...
    async def change_password(
        self, username: str, old: str, new: str, *, plan: bool = False
    ) -> UserRecord: ...
    async def create_group(
        self, name: str, *, description: str = "", unit: str = "", plan: bool = False
    ) -> GroupRecord: ...
    async def change_group(
        self,
        name: str,
        *,
        description: str | None = None,
        unit: str | None = None,
        plan: bool = False,
    ) -> GroupRecord: ...
    async def get_group(self, name: str) -> GroupRecord: ...
    async def page_groups(
        self, *, limit: int, after: str = "", name: str = ""
    ) -> Paged[GroupRecord]: ...
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
        redirect_uris: Sequence[str] = (),
        settings: OidcClientSettings | None = None,
        *,
        plan: bool = False,
    ) -> ClientRecord: ...
    async def update_client(
        self, name: str, settings: OidcClientSettings, *, plan: bool = False
    ) -> ClientRecord: ...
    async def rotate_secret(
        self, name: str, overlap_s: int = 0, *, plan: bool = False
    ) -> ClientRecord: ...
    async def get_client(self, name: str) -> ClientRecord: ...
    async def list_clients(self) -> Sequence[ClientRecord]: ...
    async def delete_client(self, name: str, *, plan: bool = False) -> ClientRecord: ...
    async def create_unit(
        self, path: str, *, description: str = "", plan: bool = False
    ) -> UnitRecord: ...
    async def get_unit(self, path: str) -> UnitRecord: ...
    async def list_units(self) -> Sequence[UnitRecord]: ...
    async def change_unit(
        self,
        path: str,
        *,
        to: str | None = None,
        description: str | None = None,
        plan: bool = False,
    ) -> UnitRecord: ...
    async def delete_unit(self, path: str, *, plan: bool = False) -> UnitRecord: ...
    async def create_computer(
        self,
        name: str,
        *,
        operating_system: str = "",
        certificate_sha256: str = "",
        description: str = "",
        unit: str = "",
        plan: bool = False,
    ) -> ComputerRecord: ...
    async def change_computer(
        self,
        name: str,
        *,
        operating_system: str | None = None,
        certificate_sha256: str | None = None,
        description: str | None = None,
        disabled: bool | None = None,
        unit: str | None = None,
        plan: bool = False,
    ) -> ComputerRecord: ...
    async def get_computer(self, name: str) -> ComputerRecord: ...
    async def page_computers(
        self, *, limit: int, after: str = "", name: str = ""
    ) -> Paged[ComputerRecord]: ...
    async def delete_computer(self, name: str, *, plan: bool = False) -> ComputerRecord: ...
    async def look_up(
        self, text: str, *, base: str, below: bool, kind: str, limit: int, after: str
    ) -> tuple[Sequence[EntryRecord], str]:
        """What the filter ``text`` finds, and the cursor to go on with (empty: no more)."""


class TenantsPort(Protocol):
    """Tenants of the directory; changes as in ``DirectoryPort``."""

    async def create_tenant(
        self, domain: str, *, description: str = "", plan: bool = False
    ) -> NewTenantRecord: ...
    async def get_tenant(self, domain: str) -> TenantRecord: ...
    async def list_tenants(self) -> Sequence[TenantRecord]: ...
    async def delete_tenant(self, domain: str, *, plan: bool = False) -> TenantRecord: ...


class SettingRecord(Protocol):
    """A setting of a policy; ``own``: the tenant's, not the site's."""

    @property
    def path(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def default(self) -> Any: ...
    @property
    def own(self) -> bool: ...
    @property
    def about(self) -> str: ...


class PolicyRecord(Protocol):
    """A tenant's rules; ``changes`` tell what a change just decided does."""

    @property
    def domain(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def changed_ms(self) -> int: ...
    @property
    def settings(self) -> Sequence[SettingRecord]: ...
    @property
    def changes(self) -> Sequence[str]: ...


class PoliciesPort(Protocol):
    """The rules of each tenant; changes as in ``DirectoryPort``."""

    async def get_policy(self, domain: str) -> PolicyRecord: ...
    async def change_policy(
        self,
        domain: str,
        values: Mapping[str, Any],
        removed: Iterable[str] = (),
        *,
        generation: int | None = None,
        plan: bool = False,
    ) -> PolicyRecord: ...
    async def reset_policy(
        self, domain: str, *, generation: int | None = None, plan: bool = False
    ) -> PolicyRecord: ...


class MembersPort(Protocol):
    """Who is in groups, people and groups of identity sources too."""

    async def get_group(self, name: str) -> GroupRecord: ...
    async def page_groups(
        self, *, limit: int, after: str = "", name: str = ""
    ) -> Paged[GroupRecord]: ...
    async def add_member(self, group: str, member: str, *, plan: bool = False) -> GroupRecord: ...
    async def remove_member(
        self, group: str, member: str, *, plan: bool = False
    ) -> GroupRecord: ...
