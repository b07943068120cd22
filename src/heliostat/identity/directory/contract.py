"""What every directory does, whoever keeps its people.

``People`` is what signing in asks; ``Directory`` is all of it: people, groups, service
accounts, organisational units, computers, and searching them.  Every implementation
promises (``tests/identity/directory`` holds each of them to it):

* ``authenticate`` answers a wrong password, an unknown name, a disabled and a locked
  one alike, after the same work, and counts the attempt for all controllers.
* ``Person.stamp`` changes whenever sessions must end: a password was set, the person
  was disabled, or deleted and made again.
* Groups are effective ones: those in groups are followed; circles are refused.
* Names are found in all three spellings and any case.  Users, groups and service
  accounts share one name space; computers have their own.
* A verb returns once its change is durable, raises errors with stable codes, and with
  ``plan=True`` validates without writing.
* Units are named by path (``engineering/emea``; in any case).  The containers in ``CONTAINERS``
  are always there, and hold what was put into no other unit.
* POSIX numbers are given once, from ``FIRST_NUMBER``, and never to somebody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from heliostat.identity.directory.search import EntryKind, Found, Query
from heliostat.identity.directory.views import (
    AccountView,
    ComputerView,
    GroupView,
    Paged,
    UnitView,
    UserView,
)

FIRST_NUMBER = 1_900_000_000
"""Of uids and gids: above what systemd gives to containers and shadow to subordinate ids."""
CONTAINERS = {
    EntryKind.USER: "people",
    EntryKind.GROUP: "groups",
    EntryKind.ACCOUNT: "services",
    EntryKind.COMPUTER: "computers",
}
"""The built-in unit in which something lies unless another is said."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in now; ``groups`` as ``DOMAIN\\name``, sorted.

    ``made_ms`` tells the person from an earlier one with this ``key`` (0: there can't be one).
    """

    key: str
    subject: str
    stamp: str
    groups: tuple[str, ...]
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    made_ms: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """A program with an identity of its own; ``made_ms`` as a person's."""

    subject: str
    groups: tuple[str, ...]
    made_ms: int = 0


class People(Protocol):
    """Who may sign in, and what they belong to."""

    async def authenticate(self, username: str, password: str) -> Person:
        """Whose password that is.

        Raises ``InvalidLoginCredentials`` and ``TooManyRequests``.
        """

    async def person(self, key: str) -> Person | None:
        """The person as of now; ``None`` for one who is gone or disabled."""

    async def account(self, name: str) -> Account:
        """A service account as of now; raises ``ServiceAccountNotFound``."""


class UserVerbs(Protocol):
    """People, as they are administered; each verb raises ``UserNotFound``."""

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
    ) -> UserView:
        """Raises ``InvalidName``, ``WeakPassword``, ``UserExists``, ``TooManyRequests``,
        ``InvalidEntity`` (a field), ``UnitNotFound``.
        """

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
    ) -> UserView:
        """Write what is given and leave the rest; ``unit`` empty: back to the container.

        Raises ``InvalidEntity``, ``UnitNotFound``.
        """

    async def get_user(self, name: str) -> UserView: ...
    async def page_users(self, *, limit: int, after: str = "", name: str = "") -> Paged[UserView]:
        """Up to ``limit`` people; with ``name`` only whoever has it."""

    async def set_password(
        self, name: str, password: str, *, must_change: bool = False, plan: bool = False
    ) -> UserView:
        """``must_change``: the password only serves to choose another one."""

    async def change_password(
        self, username: str, old: str, new: str, *, more_shown: bool = False, plan: bool = False
    ) -> UserView:
        """Somebody's own password, for who knows the old one; sessions end.

        ``more_shown``: a second factor was shown, too; otherwise who has one is refused, so that
        a stolen password locks nobody out.  Raises ``InvalidLoginCredentials``,
        ``SecondFactorRequired``, ``WeakPassword``, ``TooManyRequests``.
        """

    async def set_disabled(self, name: str, disabled: bool, *, plan: bool = False) -> UserView: ...
    async def unlock_user(self, name: str, *, plan: bool = False) -> UserView: ...
    async def delete_user(self, name: str, *, plan: bool = False) -> UserView:
        """Raises ``InvalidOperation`` for the built-in administrator."""


class GroupVerbs(Protocol):
    """Groups; each verb raises ``GroupNotFound``."""

    async def create_group(
        self, name: str, *, description: str = "", unit: str = "", plan: bool = False
    ) -> GroupView:
        """Raises ``InvalidName``, ``GroupExists``, ``UnitNotFound``."""

    async def get_group(self, name: str) -> GroupView: ...
    async def page_groups(
        self, *, limit: int, after: str = "", name: str = ""
    ) -> Paged[GroupView]: ...
    async def change_group(
        self,
        name: str,
        *,
        description: str | None = None,
        unit: str | None = None,
        plan: bool = False,
    ) -> GroupView:
        """Write what is given and leave the rest; raises ``InvalidEntity``, ``UnitNotFound``."""

    async def delete_group(self, name: str, *, plan: bool = False) -> GroupView:
        """Raises ``InvalidOperation`` for a built-in one."""

    async def add_member(self, group: str, member: str, *, plan: bool = False) -> GroupView:
        """Raises ``UserNotFound`` (no such member), ``CyclicGroups``."""

    async def remove_member(self, group: str, member: str, *, plan: bool = False) -> GroupView:
        """Raises ``UserNotFound`` (not a member)."""

    async def effective_groups(self, subject: str) -> frozenset[str]:
        """What a user, account or group counts as: ``DOMAIN\\name``, and itself."""


class AccountVerbs(Protocol):
    """Service accounts; each verb raises ``ServiceAccountNotFound``."""

    async def create_service_account(
        self,
        name: str,
        public_key_pem: str,
        groups: Sequence[str] = (),
        *,
        unit: str = "",
        plan: bool = False,
    ) -> AccountView:
        """With a public key or a certificate, as PEM.

        Raises ``InvalidName``, ``NameTaken``, ``InvalidEntity`` (key), ``GroupNotFound``.
        """

    async def get_service_account(self, name: str) -> AccountView: ...
    async def list_service_accounts(self) -> Sequence[AccountView]: ...
    async def delete_service_account(self, name: str, *, plan: bool = False) -> AccountView: ...


class UnitVerbs(Protocol):
    """Organisational units; each verb raises ``UnitNotFound``."""

    async def create_unit(
        self, path: str, *, description: str = "", plan: bool = False
    ) -> UnitView:
        """Raises ``InvalidName``, ``UnitExists``."""

    async def get_unit(self, path: str) -> UnitView: ...
    async def list_units(self) -> Sequence[UnitView]:
        """All, the built-in ones too, in order of their paths."""

    async def change_unit(
        self,
        path: str,
        *,
        to: str | None = None,
        description: str | None = None,
        plan: bool = False,
    ) -> UnitView:
        """Describe a unit anew, or give it, with all that it holds, another path.

        Raises ``UnitExists``, and ``InvalidOperation`` for a built-in one or one into itself.
        """

    async def delete_unit(self, path: str, *, plan: bool = False) -> UnitView:
        """Raises ``UnitNotEmpty``, and ``InvalidOperation`` for a built-in one."""

    async def move(self, kind: EntryKind, name: str, unit: str, *, plan: bool = False) -> None:
        """Put a user, group, account or computer into another unit (empty: its container)."""


class ComputerVerbs(Protocol):
    """Machines; each verb raises ``ComputerNotFound``."""

    async def create_computer(
        self,
        name: str,
        *,
        operating_system: str = "",
        certificate_sha256: str = "",
        description: str = "",
        unit: str = "",
        plan: bool = False,
    ) -> ComputerView:
        """Raises ``InvalidName``, ``ComputerExists``, ``InvalidEntity``, ``UnitNotFound``."""

    async def change_computer(
        self,
        name: str,
        *,
        operating_system: str | None = None,
        certificate_sha256: str | None = None,
        next_certificate_sha256: str | None = None,
        password_hash: str | None = None,
        project: str | None = None,
        vm: str | None = None,
        description: str | None = None,
        disabled: bool | None = None,
        last_seen_ms: int | None = None,
        unit: str | None = None,
        proven: str = "",
        plan: bool = False,
    ) -> ComputerView:
        """Write what is given and leave the rest; raises ``InvalidEntity``.

        The next certificate counts beside the present one, and takes its place by being shown.
        ``proven``: only while it may sign in by this one; else raises ``InvalidClient``.
        """

    async def get_computer(self, name: str) -> ComputerView: ...
    async def page_computers(
        self, *, limit: int, after: str = "", name: str = ""
    ) -> Paged[ComputerView]: ...
    async def computer_with(self, certificate_sha256: str) -> ComputerView | None:
        """The machine that proves itself with this certificate, or the next one, if any."""

    async def delete_computer(self, name: str, *, plan: bool = False) -> ComputerView: ...


class Directory(People, UserVerbs, GroupVerbs, AccountVerbs, UnitVerbs, ComputerVerbs, Protocol):
    """All of a directory."""

    async def search(self, query: Query) -> Found:
        """Entries that match, in the order of ``Entry.position``.

        Raises ``UnitNotFound`` (the base) and ``PageExpired`` (a cursor of nowhere).
        """
