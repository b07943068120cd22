"""Users, groups and service accounts of the site's own directory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import NoneType

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.groups import Group, GroupCreateSpec, GroupList, GroupMember
from heliostat.wire.service_accounts import (
    ServiceAccount,
    ServiceAccountCreateSpec,
    ServiceAccountList,
)
from heliostat.wire.users import User, UserCreateSpec, UserList, UserPassword, Whoami


class Users:
    """People."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def whoami(self) -> Whoami:
        return read(self._transport, "whoami", answer=Whoami)

    def create(self, spec: UserCreateSpec) -> Change[User]:
        return Change(self._transport, "createUser", (), User, spec)

    def list(self, *, name: str = "") -> Iterator[User]:
        return pages(self._transport, "listUsers", answer=UserList, query={"name": name})

    def get(self, user_id: str) -> User:
        return read(self._transport, "getUser", user_id, answer=User)

    def delete(self, user_id: str) -> Change[None]:
        return Change(self._transport, "deleteUser", (user_id,), NoneType)

    def set_password(self, user_id: str, password: str) -> Change[None]:
        body = UserPassword(password=password)
        return Change(self._transport, "setUserPassword", (user_id,), NoneType, body)


class Groups:
    """Sets of users and groups."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, spec: GroupCreateSpec) -> Change[Group]:
        return Change(self._transport, "createGroup", (), Group, spec)

    def list(self, *, name: str = "") -> Iterator[Group]:
        return pages(self._transport, "listGroups", answer=GroupList, query={"name": name})

    def get(self, group_id: str) -> Group:
        return read(self._transport, "getGroup", group_id, answer=Group)

    def delete(self, group_id: str) -> Change[None]:
        return Change(self._transport, "deleteGroup", (group_id,), NoneType)

    def add_member(self, group_id: str, member: str) -> Change[Group]:
        body = GroupMember(name=member)
        return Change(self._transport, "addGroupMember", (group_id,), Group, body)

    def remove_member(self, group_id: str, member: str) -> Change[None]:
        return Change(self._transport, "removeGroupMember", (group_id, member), NoneType)


class ServiceAccounts:
    """Programs that sign in with a key."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self, name: str, public_key_pem: str, groups: Sequence[str] = ()
    ) -> Change[ServiceAccount]:
        body = ServiceAccountCreateSpec(name=name, public_key_pem=public_key_pem, groups=[*groups])
        return Change(self._transport, "createServiceAccount", (), ServiceAccount, body)

    def list(self, *, name: str = "") -> Iterator[ServiceAccount]:
        query = {"name": name}
        return pages(self._transport, "listServiceAccounts", answer=ServiceAccountList, query=query)

    def delete(self, account_id: str) -> Change[None]:
        return Change(self._transport, "deleteServiceAccount", (account_id,), NoneType)
