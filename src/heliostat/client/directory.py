"""Users, groups and service accounts: of the site's own directory, or of a tenant's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import NoneType
from typing import Self, TypeVar

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire import directory_tenants
from heliostat.wire.directory_tenants import (
    CreatedDirectoryTenant,
    DirectoryTenant,
    DirectoryTenantCreateSpec,
    DirectoryTenantList,
)
from heliostat.wire.groups import Group, GroupChange, GroupCreateSpec, GroupList, GroupMember
from heliostat.wire.oidc_clients import (
    OidcClient,
    OidcClientCreateSpec,
    OidcClientList,
    OidcClientSecretSpec,
    OidcClientSettings,
    OidcClientWithSecret,
)
from heliostat.wire.service_accounts import (
    ServiceAccount,
    ServiceAccountCertificateSpec,
    ServiceAccountChange,
    ServiceAccountCreateSpec,
    ServiceAccountKeySpec,
    ServiceAccountList,
)
from heliostat.wire.users import (
    OwnPassword,
    User,
    UserChange,
    UserCreateSpec,
    UserList,
    UserPassword,
    Whoami,
)

T = TypeVar("T")


class _Directory:
    """One directory: the site's own, or that of the tenant with this domain."""

    def __init__(self, transport: Transport, domain: str = "") -> None:
        self._transport = transport
        self._domain = domain

    def of(self, domain: str) -> Self:
        """The same of the tenant with this domain; of the site where it is empty."""
        return type(self)(self._transport, domain)

    def _named(self, operation: str, *arguments: str) -> tuple[str, ...]:
        """The operation and its arguments, as they are for this directory."""
        if not self._domain:
            return (operation, *arguments)
        return (directory_tenants.scoped(operation), self._domain, *arguments)

    def _change(
        self, operation: str, arguments: tuple[str, ...], answer: type[T], body: object = None
    ) -> Change[T]:
        name, *scoped = self._named(operation, *arguments)
        return Change(self._transport, name, tuple(scoped), answer, body)


class Users(_Directory):
    """People."""

    def whoami(self) -> Whoami:
        return read(self._transport, "whoami", answer=Whoami)

    def create(self, spec: UserCreateSpec) -> Change[User]:
        return self._change("createUser", (), User, spec)

    def list(self, *, name: str = "") -> Iterator[User]:
        return pages(
            self._transport, *self._named("listUsers"), answer=UserList, query={"name": name}
        )

    def get(self, user_id: str) -> User:
        return read(self._transport, *self._named("getUser", user_id), answer=User)

    def update(self, user_id: str, change: UserChange) -> Change[User]:
        return self._change("updateUser", (user_id,), User, change)

    def delete(self, user_id: str) -> Change[None]:
        return self._change("deleteUser", (user_id,), NoneType)

    def change_own_password(self, user: str, old: str, new: str) -> Change[None]:
        body = OwnPassword(user=user, old_password=old, new_password=new)
        return Change(self._transport, "changeOwnPassword", (), NoneType, body)

    def set_password(
        self, user_id: str, password: str, *, must_change: bool = False
    ) -> Change[None]:
        body = UserPassword(password=password, must_change=must_change)
        return self._change("setUserPassword", (user_id,), NoneType, body)


class Groups(_Directory):
    """Sets of users and groups."""

    def create(self, spec: GroupCreateSpec) -> Change[Group]:
        return self._change("createGroup", (), Group, spec)

    def list(self, *, name: str = "") -> Iterator[Group]:
        return pages(
            self._transport, *self._named("listGroups"), answer=GroupList, query={"name": name}
        )

    def get(self, group_id: str) -> Group:
        return read(self._transport, *self._named("getGroup", group_id), answer=Group)

    def update(self, group_id: str, change: GroupChange) -> Change[Group]:
        return self._change("updateGroup", (group_id,), Group, change)

    def delete(self, group_id: str) -> Change[None]:
        return self._change("deleteGroup", (group_id,), NoneType)

    def add_member(self, group_id: str, member: str) -> Change[Group]:
        body = GroupMember(name=member)
        return self._change("addGroupMember", (group_id,), Group, body)

    def remove_member(self, group_id: str, member: str) -> Change[None]:
        return self._change("removeGroupMember", (group_id, member), NoneType)


class ServiceAccounts(_Directory):
    """Programs that sign in with keys and certificates."""

    def create(
        self,
        name: str,
        public_key_pem: str,
        groups: Sequence[str] = (),
        *,
        description: str = "",
        days: int = 0,
    ) -> Change[ServiceAccount]:
        """With a public key (PEM, JWK) or a certificate (PEM)."""
        body = ServiceAccountCreateSpec(
            name=name,
            public_key_pem=public_key_pem,
            groups=[*groups],
            description=description,
            days=days,
        )
        return self._change("createServiceAccount", (), ServiceAccount, body)

    def list(self, *, name: str = "") -> Iterator[ServiceAccount]:
        query = {"name": name}
        return pages(
            self._transport,
            *self._named("listServiceAccounts"),
            answer=ServiceAccountList,
            query=query,
        )

    def get(self, account_id: str) -> ServiceAccount:
        named = self._named("getServiceAccount", account_id)
        return read(self._transport, *named, answer=ServiceAccount)

    def update(self, account_id: str, change: ServiceAccountChange) -> Change[ServiceAccount]:
        return self._change("updateServiceAccount", (account_id,), ServiceAccount, change)

    def delete(self, account_id: str) -> Change[None]:
        return self._change("deleteServiceAccount", (account_id,), NoneType)

    def add_key(
        self, account_id: str, public_key: str, *, title: str = "", days: int = 0
    ) -> Change[ServiceAccount]:
        body = ServiceAccountKeySpec(public_key=public_key, title=title, days=days)
        return self._change("addServiceAccountKey", (account_id,), ServiceAccount, body)

    def remove_key(self, account_id: str, key: str, *, force: bool = False) -> Change[None]:
        """``force``: also the last one."""
        change = self._change("removeServiceAccountKey", (account_id, key), NoneType)
        return replace(change, query={"force": "true"} if force else {})

    def add_certificate(self, account_id: str, certificate: str) -> Change[ServiceAccount]:
        body = ServiceAccountCertificateSpec(certificate=certificate)
        return self._change("addServiceAccountCertificate", (account_id,), ServiceAccount, body)

    def remove_certificate(
        self, account_id: str, sha256: str, *, force: bool = False
    ) -> Change[None]:
        """As ``remove_key``."""
        change = self._change("removeServiceAccountCertificate", (account_id, sha256), NoneType)
        return replace(change, query={"force": "true"} if force else {})


class OidcClients(_Directory):
    """Programs that people sign in to with a browser."""

    def create(self, spec: OidcClientCreateSpec) -> Change[OidcClientWithSecret]:
        return self._change("createOidcClient", (), OidcClientWithSecret, spec)

    def update(self, name: str, settings: OidcClientSettings) -> Change[OidcClientWithSecret]:
        return self._change("updateOidcClient", (name,), OidcClientWithSecret, settings)

    def rotate_secret(self, name: str, overlap_s: int = 0) -> Change[OidcClientWithSecret]:
        """A new secret; the one before counts ``overlap_s`` longer."""
        body = OidcClientSecretSpec(overlap=overlap_s)
        return self._change("rotateOidcClientSecret", (name,), OidcClientWithSecret, body)

    def list(self) -> Iterator[OidcClient]:
        return pages(self._transport, *self._named("listOidcClients"), answer=OidcClientList)

    def get(self, name: str) -> OidcClient:
        return read(self._transport, *self._named("getOidcClient", name), answer=OidcClient)

    def delete(self, name: str) -> Change[None]:
        return self._change("deleteOidcClient", (name,), NoneType)


class DirectoryTenants:
    """Domains with people of their own."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, spec: DirectoryTenantCreateSpec) -> Change[CreatedDirectoryTenant]:
        return Change(self._transport, "createDirectoryTenant", (), CreatedDirectoryTenant, spec)

    def list(self) -> Iterator[DirectoryTenant]:
        return pages(self._transport, "listDirectoryTenants", answer=DirectoryTenantList)

    def get(self, domain: str) -> DirectoryTenant:
        return read(self._transport, "getDirectoryTenant", domain, answer=DirectoryTenant)

    def delete(self, domain: str) -> Change[None]:
        return Change(self._transport, "deleteDirectoryTenant", (domain,), NoneType)
